"""Several engines in one process, dropped engines, and several threads on one engine."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from inference.errors import ChatError, InferenceError
from tests.engine.conftest import SMALL
from vllm_offline_inference import BUNDLED_MODEL, VLLMInferenceWithLoRA

pytestmark = pytest.mark.slow

Conversations = list[list[dict[str, str]]]
OPTIONS = {"temperature": 0, "max_tokens": 12}


def test_an_engine_that_is_dropped_ends_and_the_others_live_on(
    lora_engine: VLLMInferenceWithLoRA, conversations: Conversations
) -> None:
    expected = lora_engine.generate(conversations[0], adapter=None, **OPTIONS)
    # As a notebook's cell that is run twice: the name is given to a second engine, the first one is dropped.
    engine = VLLMInferenceWithLoRA(BUNDLED_MODEL, **SMALL)
    first = engine._end_engine
    engine = VLLMInferenceWithLoRA(BUNDLED_MODEL, **SMALL)
    assert not first.alive
    assert engine.generate(conversations[0], **OPTIONS) == expected
    stream = engine.stream(conversations[0], **OPTIONS)
    next(stream)
    engine.close()
    with pytest.raises(InferenceError, match="This engine is closed"):
        next(stream)
    with pytest.raises(InferenceError, match="This engine is closed"):
        print(engine.max_model_len)
    assert lora_engine.generate(conversations[0], adapter=None, **OPTIONS) == expected


def test_threads_take_turns(lora_engine: VLLMInferenceWithLoRA, conversations: Conversations) -> None:
    expected = [lora_engine.generate(messages, **OPTIONS) for messages in conversations[:4]]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda messages: lora_engine.generate(messages, **OPTIONS), conversations[:4]))
    assert answers == expected


def test_an_error_says_which_conversation_it_means(
    lora_engine: VLLMInferenceWithLoRA, conversations: Conversations
) -> None:
    with pytest.raises(ChatError, match=r"^conversations\[1\]: messages is empty"):
        lora_engine.generate_batch([conversations[0], []])
    with pytest.raises(ChatError, match=r"^messages is empty"):
        lora_engine.generate([])


def test_the_length_of_a_prompt(lora_engine: VLLMInferenceWithLoRA, conversations: Conversations) -> None:
    result = lora_engine.generate_detailed(conversations[0], **OPTIONS)
    assert lora_engine.prompt_tokens(conversations[0]) == result.prompt_tokens


@pytest.mark.parametrize("adapter", [5, b"checkpoint-100"])
def test_an_adapter_is_chosen_by_its_name(
    lora_engine: VLLMInferenceWithLoRA, conversations: Conversations, adapter: object
) -> None:
    with pytest.raises(
        InferenceError, match=r"An adapter is chosen by the name that it was loaded under, or None; got"
    ):
        lora_engine.generate(conversations[0], adapter=adapter)
