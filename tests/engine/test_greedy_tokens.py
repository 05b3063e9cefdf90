"""Greedy answers of vLLM in float32 are Transformers' answers, token for token."""

from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from inference.bundled_model import bundled_model_path
from inference.results import GenerationResult
from tests.engine.conftest import SMALL
from text_to_sql.bundled_adapter import BUNDLED_ADAPTER
from vllm_offline_inference import VLLMInferenceWithLoRA

pytestmark = pytest.mark.slow

Conversations = list[list[dict[str, str]]]
# Logits of two engines in float32 differ by some 1e-4: where two tokens are nearer than this, either is right.
TIE = 1e-3


def greedy(engine: VLLMInferenceWithLoRA, conversations: Conversations, adapter: str | None) -> list[GenerationResult]:
    return engine.generate_batch_detailed(
        conversations, adapters=adapter, temperature=0, max_tokens=32, show_progress=False
    )


def differences(
    model: Callable[..., Any], engine: VLLMInferenceWithLoRA, conversations: Conversations, answers: Sequence[Any]
) -> list[str]:
    """Compares each token with the likeliest one that `model` sees after the same tokens before it.

    Where all are the likeliest, `model.generate` gives the same tokens. Ties that went the other way are printed.
    """
    found = []
    render = engine.llm.get_tokenizer().apply_chat_template
    prompts = [render(messages, add_generation_prompt=True, return_dict=False) for messages in conversations]
    tokens = [answer.token_ids for answer in answers]
    for number, logits in enumerate(logits_of_answers(model, prompts, tokens)):
        for position, (row, token) in enumerate(zip(logits, tokens[number], strict=True)):
            gap = (row.max() - row[token]).item()
            text = f"prompt {number}, token {position}: {token} is {gap:.6f} below {row.argmax().item()}"
            if gap > TIE:
                found.append(text)
            elif gap > 0:
                print("a tie:", text)
    return found


@torch.inference_mode()
def logits_of_answers(
    model: Callable[..., Any], prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]
) -> Iterator[torch.Tensor]:
    """Yields what the model makes of each answer's tokens; how all prompts begin, with the schema, it reads once."""
    shared = [column[0] for column in takewhile(lambda column: len(set(column)) == 1, zip(*prompts, strict=False))]
    cache = model(torch.tensor([shared]), use_cache=True, logits_to_keep=1).past_key_values
    for prompt, answer in zip(prompts, answers, strict=True):
        rest = torch.tensor([[*prompt[len(shared) :], *answer]])
        logits = model(rest, past_key_values=cache, logits_to_keep=len(answer) + 1).logits
        cache.crop(len(shared))
        yield logits[0, :-1]


def load(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def base_model() -> Any:
    return load(bundled_model_path())


@pytest.fixture(scope="module")
def adapter_answers(lora_engine: VLLMInferenceWithLoRA, conversations: Conversations) -> list[GenerationResult]:
    return greedy(lora_engine, conversations, BUNDLED_ADAPTER.name)


def test_the_base_model_in_an_engine_with_lora(
    lora_engine: VLLMInferenceWithLoRA, conversations: Conversations, base_model: Any
) -> None:
    answers = greedy(lora_engine, conversations, None)
    assert differences(base_model, lora_engine, conversations, answers) == []


def test_the_adapter_applied_at_run_time(
    lora_engine: VLLMInferenceWithLoRA, conversations: Conversations, adapter_answers: list[GenerationResult]
) -> None:
    model = PeftModel.from_pretrained(load(bundled_model_path()), BUNDLED_ADAPTER).eval()
    assert differences(model, lora_engine, conversations, adapter_answers) == []


def test_the_comparison_sees_a_wrong_model(
    lora_engine: VLLMInferenceWithLoRA,
    conversations: Conversations,
    adapter_answers: list[GenerationResult],
    base_model: Any,
) -> None:
    assert differences(base_model, lora_engine, conversations[:2], adapter_answers[:2])


def test_the_merged_model(merged_folder: Path, conversations: Conversations) -> None:
    with VLLMInferenceWithLoRA(merged_folder, **SMALL) as engine:
        assert differences(load(merged_folder), engine, conversations, greedy(engine, conversations, None)) == []


def test_the_plain_base_model(conversations: Conversations, base_model: Any) -> None:
    with VLLMInferenceWithLoRA(bundled_model_path(), **SMALL) as engine:
        assert differences(base_model, engine, conversations, greedy(engine, conversations, None)) == []
