"""Ctrl-C or an error in the middle of an answer: the engine drops what was asked, and answers the next rightly."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from vllm_offline_inference import VLLMInferenceWithLoRA

pytestmark = pytest.mark.slow

Conversations = list[list[dict[str, str]]]
# Longer than the ten steps after which an answer is broken off.
OPTIONS = {"temperature": 0, "max_tokens": 14}


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def fail() -> None:
    raise RuntimeError("the forward pass failed")


@pytest.fixture
def at_step(lora_engine: VLLMInferenceWithLoRA, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Returns a function: once vLLM has scheduled the step of this number, counted from now, the event happens."""
    executor = lora_engine.llm.llm_engine.engine_core.engine_core.model_executor
    execute = executor.execute_model

    def prepare(number: int, event: Callable[[], None]) -> None:
        left = iter(range(number))

        def execute_model(*arguments: Any, **options: Any) -> Any:
            if next(left, None) is None:
                monkeypatch.undo()
                event()
            return execute(*arguments, **options)

        monkeypatch.setattr(executor, "execute_model", execute_model)

    return prepare


@pytest.fixture(scope="module")
def expected(lora_engine: VLLMInferenceWithLoRA, conversations: Conversations) -> list[str]:
    """The answers to the first four conversations."""
    return lora_engine.generate_batch(conversations[:4], show_progress=False, **OPTIONS)


@pytest.mark.parametrize("number", [0, 9])
@pytest.mark.parametrize(("event", "error"), [(press_ctrl_c, KeyboardInterrupt), (fail, RuntimeError)])
def test_a_batch_that_ends_early_leaves_nothing_behind(
    lora_engine: VLLMInferenceWithLoRA,
    conversations: Conversations,
    expected: list[str],
    at_step: Callable[..., None],
    number: int,
    event: Callable[[], None],
    error: type[BaseException],
) -> None:
    assert lora_engine.llm.reset_prefix_cache()
    at_step(number, event)
    with pytest.raises(error):
        lora_engine.generate_batch(conversations[4:8] + conversations[:4], show_progress=False, **OPTIONS)
    assert not lora_engine.llm.llm_engine.has_unfinished_requests()
    assert lora_engine.generate_batch(conversations[:4], show_progress=False, **OPTIONS) == expected


def test_a_stream_that_is_interrupted_leaves_nothing_behind(
    lora_engine: VLLMInferenceWithLoRA, conversations: Conversations, at_step: Callable[..., None]
) -> None:
    expected = lora_engine.generate(conversations[0], **OPTIONS)
    assert lora_engine.llm.reset_prefix_cache()
    at_step(3, press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        list(lora_engine.stream(conversations[0], **OPTIONS))
    assert not lora_engine.llm.llm_engine.has_unfinished_requests()
    assert lora_engine.generate(conversations[0], **OPTIONS) == expected
