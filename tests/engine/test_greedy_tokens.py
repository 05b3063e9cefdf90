"""Greedy answers of vLLM in float32 are Transformers' answers, token for token."""

from collections.abc import Callable, Sequence
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
        conversations, adapters=adapter, temperature=0, max_tokens=48, show_progress=False
    )


def differences(
    model: Callable[..., Any], engine: VLLMInferenceWithLoRA, conversations: Conversations, answers: Sequence[Any]
) -> list[str]:
    """Compares each token with the likeliest one that `model` sees after the same tokens before it.

    Where all are the likeliest, `model.generate` gives the same tokens. Ties that went the other way are printed.
    """
    found = []
    for number, (messages, answer) in enumerate(zip(conversations, answers, strict=True)):
        prompt = engine.llm.get_tokenizer().apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        with torch.inference_mode():
            logits = model(torch.tensor([[*prompt, *answer.token_ids]])).logits[0, len(prompt) - 1 : -1]
        for position, (row, token) in enumerate(zip(logits, answer.token_ids, strict=True)):
            gap = (row.max() - row[token]).item()
            text = f"prompt {number}, token {position}: {token} is {gap:.6f} below {row.argmax().item()}"
            if gap > TIE:
                found.append(text)
            elif gap > 0:
                print("a tie:", text)
    return found


def base_model(folder: Path | None = None) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder or bundled_model_path(), dtype=torch.float32).eval()


def test_the_base_model_in_an_engine_with_lora(
    lora_engine: VLLMInferenceWithLoRA, conversations: Conversations
) -> None:
    answers = greedy(lora_engine, conversations, None)
    assert differences(base_model(), lora_engine, conversations, answers) == []


def test_the_adapter_applied_at_run_time(lora_engine: VLLMInferenceWithLoRA, conversations: Conversations) -> None:
    answers = greedy(lora_engine, conversations, BUNDLED_ADAPTER.name)
    model = PeftModel.from_pretrained(base_model(), BUNDLED_ADAPTER).eval()
    assert differences(model, lora_engine, conversations, answers) == []


def test_the_comparison_sees_a_wrong_model(lora_engine: VLLMInferenceWithLoRA, conversations: Conversations) -> None:
    answers = greedy(lora_engine, conversations[:2], BUNDLED_ADAPTER.name)
    assert differences(base_model(), lora_engine, conversations[:2], answers)


def test_the_merged_model_and_the_plain_base_model(merged_folder: Path, conversations: Conversations) -> None:
    for folder in (merged_folder, bundled_model_path()):
        with VLLMInferenceWithLoRA(folder, **SMALL) as engine:
            answers = greedy(engine, conversations, None)
            assert differences(base_model(folder), engine, conversations, answers) == []
