"""Engines for the tests with a real model: each starts once, in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.bundled_model import BUNDLED_MODEL
from inference.memory import GIB
from text_to_sql.bundled_adapter import BUNDLED_ADAPTER
from text_to_sql.execution.read_only_database import ReadOnlyDatabase
from text_to_sql.prompt import build_messages
from text_to_sql.sample_database import sample_database_path
from text_to_sql.values import ValueIndex
from vllm_offline_inference import VLLMInferenceWithLoRA, merge_lora_to_base_model

# Heads of 64, as vLLM's attention on a CPU wants them.
TINY = {
    "hidden_size": 256, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 49_152, "max_position_embeddings": 1024, "tie_word_embeddings": True,
}  # fmt: skip
SMALL = {"max_model_len": 1024, "kv_cache_memory_bytes": GIB // 2}
QUESTIONS = (
    "How many customers live in South Korea?",
    "Which customer placed the most orders?",
    "What are the titles of books by authors from Germany?",
    "How many orders are there for each status?",
    "What is the average price of books in each genre?",
    "List the names of publishers founded before 1950.",
    "Which genre has the most books?",
    "Show the number of books for each language.",
    "How many books were published after 2015?",
    "Which countries have more than 40 customers?",
    "How many different cities do customers live in?",
    "What are the titles of books that have never been reviewed?",
    "What is the highest price of a book?",
    "Who wrote the longest book?",
    "Show all emails of customers from Berlin.",
    "How many reviews are there for each rating?",
    "What is the total shipping cost of cancelled orders?",
    "Find the names of authors born after 1980.",
    "How many books cost less than 10 dollars?",
    "What is the title of the cheapest cooking book?",
)


@pytest.fixture(scope="session")
def conversations() -> list[list[dict[str, str]]]:
    """Twenty questions about the bookshop, as the adapter expects them."""
    with ReadOnlyDatabase(sample_database_path()) as database:
        values = ValueIndex(database.sample_texts())
        return [build_messages(database.schema, question, values.matches(question)) for question in QUESTIONS]


@pytest.fixture(scope="session")
def lora_engine() -> Iterator[VLLMInferenceWithLoRA]:
    """The bundled model with room for three adapters; checkpoint-100 answers by default."""
    with VLLMInferenceWithLoRA(BUNDLED_MODEL, BUNDLED_ADAPTER, max_adapters=3, **SMALL) as engine:
        yield engine


@pytest.fixture(scope="session")
def merged_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """checkpoint-100 merged into the bundled model."""
    return Path(merge_lora_to_base_model(BUNDLED_MODEL, BUNDLED_ADAPTER, tmp_path_factory.mktemp("merge") / "merged"))
