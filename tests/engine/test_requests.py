"""Requests to a running engine: right answers to good ones, clear errors for bad ones, and a life after them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.comparison.models import random_model
from inference.errors import ChatError, InferenceError, PromptTooLongError, SamplingError
from tests.engine.conftest import TINY
from text_to_sql.bundled_adapter import BUNDLED_ADAPTER
from vllm_offline_inference import VLLMInferenceWithLoRA

pytestmark = pytest.mark.slow

Conversations = list[list[dict[str, str]]]
HELLO = [{"role": "user", "content": "Say hello."}]
GREEDY = {"temperature": 0, "max_tokens": 12}
# Two layers with two heads of 64 numbers, keys and values in float32: 2 KiB a token.
TINY_KV = 11_648 * 2048


def test_base_and_adapter_rows_of_one_batch_get_their_own_models_answers(
    lora_engine: VLLMInferenceWithLoRA, conversations: Conversations
) -> None:
    names = [BUNDLED_ADAPTER.name, None] * 4
    options = {"show_progress": False, **GREEDY}
    mixed = lora_engine.generate_batch(conversations[:8], adapters=names, **options)
    alone = [
        lora_engine.generate_batch([messages], adapters=name, **options)[0]
        for messages, name in zip(conversations[:8], names, strict=True)
    ]
    assert mixed == alone
    assert all(text.startswith("SELECT") for text in mixed[::2])
    assert not any(text.startswith("SELECT") for text in mixed[1::2])


def test_details_of_an_answer(lora_engine: VLLMInferenceWithLoRA) -> None:
    result = lora_engine.generate_detailed(HELLO, adapter=None, **GREEDY)
    tokenizer = lora_engine.llm.get_tokenizer()
    assert result.text == tokenizer.decode(result.token_ids, skip_special_tokens=True)
    prompt = tokenizer.apply_chat_template(HELLO, add_generation_prompt=True, return_dict=False)
    assert result.prompt_tokens == len(prompt)
    assert 1 <= result.output_tokens <= 12
    assert result.adapter is None
    assert 0 < result.time_to_first_token_s <= result.latency_s
    assert result.finish_reason in ("stop", "length")


@pytest.fixture
def tiny_engine(tmp_path: Path) -> Iterator[VLLMInferenceWithLoRA]:
    """A random model, which reads a prompt in no time; its answers say which numbers were drawn, more than sense would.

    Its KV cache holds as many tokens as the other engine's, fewer than all prompts have.
    """
    model = random_model(tmp_path / "tiny", TINY)
    with VLLMInferenceWithLoRA(model, enable_lora=True, max_model_len=1024, kv_cache_memory_bytes=TINY_KV) as engine:
        yield engine


def test_seeded_prompts_that_take_two_steps_are_answered_as_alone(tiny_engine: VLLMInferenceWithLoRA) -> None:
    """On a CPU vLLM 0.32 ends with "CPU Generator does not use offset" where a step has no room for a whole prompt."""
    numbers = [" ".join(str(number + 7 * place) for number in range(190)) for place in range(24)]
    prompts = [[{"role": "user", "content": f"Continue: {text}"}] for text in numbers]
    options = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 3, "max_tokens": 3}
    together = tiny_engine.generate_batch(prompts, show_progress=False, **options)
    assert tiny_engine.llm.reset_prefix_cache()
    alone = [tiny_engine.generate(prompt, **options) for prompt in prompts]
    assert together == alone
    assert tiny_engine.prompt_tokens(prompts[0]) * len(prompts) > 8_192
    assert tiny_engine.llm.llm_engine.vllm_config.scheduler_config.max_num_batched_tokens <= 8_192


def test_max_tokens_ends_an_answer(lora_engine: VLLMInferenceWithLoRA) -> None:
    result = lora_engine.generate_detailed(HELLO, adapter=None, temperature=0, max_tokens=2)
    assert (result.output_tokens, result.finish_reason) == (2, "length")


def test_a_stop_text_ends_an_answer_and_is_not_part_of_it(
    lora_engine: VLLMInferenceWithLoRA, conversations: Conversations
) -> None:
    result = lora_engine.generate_detailed(conversations[0], temperature=0, max_tokens=40, stop="FROM")
    assert result.finish_reason == "stop"
    assert result.text.startswith("SELECT")
    assert "FROM" not in result.text


def test_a_grammar_holds_both_models_and_each_conversation_may_have_its_own(lora_engine: VLLMInferenceWithLoRA) -> None:
    either = 'root ::= "yes, of course" | "no, never"'
    assert lora_engine.generate(HELLO, adapter=None, grammar=either) in ("yes, of course", "no, never")
    results = lora_engine.generate_batch_detailed(
        [HELLO] * 3,
        adapters=[BUNDLED_ADAPTER.name, None, None],
        each=[{"grammar": either}, {"grammar": 'root ::= "maybe"'}, {"max_tokens": 1}],
        show_progress=False,
        **GREEDY,
    )
    assert results[0].text in ("yes, of course", "no, never")
    assert (results[1].text, results[1].finish_reason) == ("maybe", "stop")
    assert results[2].output_tokens == 1
    with pytest.raises(SamplingError, match="each has 1 entries for 2 conversations: pass one for each"):
        lora_engine.generate_batch_detailed([HELLO] * 2, each=[{}])
    with pytest.raises(SamplingError, match="grammar must be EBNF"):
        lora_engine.generate(HELLO, grammar="nonsense")


def test_the_same_seed_gives_the_same_answer(lora_engine: VLLMInferenceWithLoRA) -> None:
    options = {"adapter": None, "temperature": 1.5, "max_tokens": 16}
    first, again, other = (lora_engine.generate(HELLO, seed=seed, **options) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_an_empty_batch_has_no_answers(lora_engine: VLLMInferenceWithLoRA) -> None:
    assert lora_engine.generate_batch([]) == []


def test_a_stream_gives_the_same_text_piece_by_piece(
    lora_engine: VLLMInferenceWithLoRA, conversations: Conversations
) -> None:
    pieces = list(lora_engine.stream(conversations[0], temperature=0, max_tokens=24))
    assert len(pieces) > 3
    assert "".join(pieces) == lora_engine.generate(conversations[0], temperature=0, max_tokens=24)


def test_an_open_stream_is_named_when_another_request_comes(lora_engine: VLLMInferenceWithLoRA) -> None:
    stream = lora_engine.stream(HELLO, adapter=None, **GREEDY)
    next(stream)
    with pytest.raises(InferenceError, match="A stream is open on this engine: read it to its end"):
        lora_engine.generate(HELLO)
    stream.close()
    assert not lora_engine.llm.llm_engine.has_unfinished_requests()
    assert lora_engine.generate(HELLO, adapter=None, **GREEDY)


def test_a_stream_with_bad_arguments_raises_at_once(lora_engine: VLLMInferenceWithLoRA) -> None:
    with pytest.raises(SamplingError, match=r"top_p must be in \(0, 1\]; 1 keeps all tokens, got 2"):
        lora_engine.stream(HELLO, top_p=2)
    with pytest.raises(ChatError, match="messages is empty"):
        lora_engine.stream([])


@pytest.mark.parametrize(
    ("messages", "options", "error", "text"),
    [
        ([], {}, ChatError, "messages is empty: give at least one message"),
        ([{"role": "robot", "content": "x"}], {}, ChatError, "the role 'robot'; known roles are system, user, assist"),
        ([{"role": "user", "content": 3}], {}, ChatError, r"messages\[0\] must have text as content, got int"),
        ("hello", {}, ChatError, "messages must be a list of messages, got str"),
        (HELLO, {"max_tokens": 0}, SamplingError, "max_tokens must be at least 1, got 0"),
        (HELLO, {"temperature": -1}, SamplingError, r"temperature must be in \[0, 2\]; 0 is greedy, got -1"),
        (HELLO, {"top_q": 1}, SamplingError, "There is no sampling parameter 'top_q'; there are max_tokens, temper"),
        (
            [{"role": "user", "content": "word " * 3000}],
            {},
            PromptTooLongError,
            r"The prompt has 3,0\d\d tokens; the context holds 1,024",
        ),
    ],
)
def test_a_bad_request_is_refused_and_the_engine_answers_the_next(
    lora_engine: VLLMInferenceWithLoRA, messages: object, options: dict[str, object], error: type, text: str
) -> None:
    with pytest.raises(error, match=text):
        lora_engine.generate_batch([HELLO, messages], adapters=None, **options)
    assert lora_engine.generate(HELLO, adapter=None, **GREEDY)


def test_one_adapter_for_each_conversation_or_one_for_all(lora_engine: VLLMInferenceWithLoRA) -> None:
    with pytest.raises(InferenceError, match="adapters has 1 entries for 2 conversations"):
        lora_engine.generate_batch([HELLO, HELLO], adapters=[None])
