"""The models that are compared on, by name: all of them can be had offline."""

import sys
from pathlib import Path
from typing import Any

from filelock import FileLock

from inference.atomic import atomic_folder
from inference.base_model import resolve_base_model
from inference.bundled_model import BUNDLED_MODEL
from inference.cache import cache_folder
from inference.merged_cache import merge_into_cache
from text_to_sql.bundled_adapter import BUNDLED_ADAPTER

BUNDLED = "bundled"
TEXT_TO_SQL = "text-to-sql"
RANDOM_1_7B = "smollm2-1.7b-random"
MODELS = {
    BUNDLED: "SmolLM2-135M-Instruct, bundled",
    TEXT_TO_SQL: "SmolLM2-135M-Instruct with checkpoint-100 merged in",
    RANDOM_1_7B: "Architecture of SmolLM2-1.7B, random weights",
}
# HuggingFaceTB/SmolLM2-1.7B's config.json.
SMOLLM2_1_7B: dict[str, Any] = {
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 24,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "vocab_size": 49_152,
    "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
}
ROPE_THETA = 130_000.0


def model_source(name: str) -> str:
    """Returns the folder or hub name of a model, making it first if it is one of `MODELS`.

    Args:
        name: a name of `MODELS`, a folder, or a hub name.

    Raises:
        BaseModelError: there is no such model.
    """
    if name == TEXT_TO_SQL:
        return merge_into_cache(BUNDLED_MODEL, BUNDLED_ADAPTER)
    if name == RANDOM_1_7B:
        return str(random_model(cache_folder() / RANDOM_1_7B, SMOLLM2_1_7B))
    return resolve_base_model(BUNDLED_MODEL if name == BUNDLED else name).source


def model_title(name: str) -> str:
    """Returns what tables call a model."""
    return MODELS.get(name, name)


def random_model(target: Path, sizes: dict[str, Any]) -> Path:
    """Writes a Llama model with random bfloat16 weights and the bundled model's tokenizer, once.

    The weights make no sense of a text, and take as long to read and to multiply as any others.
    """
    with FileLock(target.with_name(f".{target.name}.lock")):
        if not target.exists():
            print(f"Writing a model with random weights once, into {target}", file=sys.stderr)
            with atomic_folder(target) as partial:
                _write_random_model(partial, sizes)
    return target


def _write_random_model(folder: Path, sizes: dict[str, Any]) -> None:
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
    rope = {"rope_type": "default", "rope_theta": ROPE_THETA}
    config = LlamaConfig(**sizes, **ends, rope_parameters=rope, dtype="bfloat16")
    torch.manual_seed(0)
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(resolve_base_model(BUNDLED_MODEL).source).save_pretrained(folder)
