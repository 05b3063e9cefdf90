"""What the trainer sees: packs that give the same loss as separate rows, and which tokens count."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from inference.bundled_model import bundled_model_path
from inference.chat import ChatFormat
from text_to_sql.data.example import Example
from text_to_sql.prompt import FailedAttempt, build_messages
from text_to_sql.schema import parse_schema
from text_to_sql.training.encoding import (
    IGNORED_LABEL,
    EncodedExample,
    PadPacks,
    SortedWithinSteps,
    encode_example,
    encode_packs,
    pack,
)

SCHEMA = parse_schema("CREATE TABLE animal (name text)")
EXAMPLE = Example("zoo", SCHEMA, "Which animals?", "SELECT animal.name FROM animal", "simple", "x")
END = 2


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(bundled_model_path())


@pytest.mark.parametrize("failed", [(), (FailedAttempt("SELECT x", "no such column: x"),)])
def test_the_prompt_is_the_one_that_inference_sends(tokenizer: Any, failed: tuple[FailedAttempt, ...]) -> None:
    encoded = encode_example(tokenizer, replace(EXAMPLE, failed=failed))
    messages = build_messages(EXAMPLE.schema, EXAMPLE.question, failed=failed)
    assert encoded.prompt == ChatFormat(tokenizer).token_ids(messages)


def test_the_answer_is_the_sql_and_the_end_token(tokenizer: Any) -> None:
    answer = encode_example(tokenizer, EXAMPLE).answer
    assert tokenizer.decode(answer[:-1]) == EXAMPLE.sql
    assert answer[-1] == END == tokenizer.eos_token_id == tokenizer.pad_token_id


def test_a_pack_holds_once_what_its_prompts_begin_with(tokenizer: Any) -> None:
    examples = [encode_example(tokenizer, replace(EXAMPLE, question=question)) for question in ("Which?", "How many?")]
    packed = pack(examples)
    assert tokenizer.decode(packed.prefix).endswith("\n\nQuestion:")
    for example, (rest, answer) in zip(examples, packed.rests, strict=True):
        assert packed.prefix + rest == example.prompt
        assert answer == example.answer


def test_of_equal_prompts_each_keeps_the_token_that_predicts_its_answer() -> None:
    packed = pack([EncodedExample([5, 6], [7]), EncodedExample([5, 6], [8])])
    assert (packed.prefix, packed.rests) == ([5], [([6], [7]), ([6], [8])])


def losses(model: Any, packs: list[list[EncodedExample]]) -> torch.Tensor:
    batch = PadPacks(pad_token_id=0)([pack(examples) for examples in packs])
    labels = batch.pop("labels")
    with torch.inference_mode():
        logits = model(**batch).logits[:, :-1]
    learnt = labels[:, 1:] != IGNORED_LABEL
    return torch.nn.functional.cross_entropy(logits[learnt], labels[:, 1:][learnt], reduction="none")


@pytest.fixture(scope="module")
def tiny_model() -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        pad_token_id=0,
    )
    return LlamaForCausalLM(config).eval()


tokens = st.lists(st.integers(1, 49), min_size=1, max_size=6)


@settings(deadline=None)
@given(prefix=tokens, rests=st.lists(st.tuples(tokens, tokens), min_size=1, max_size=5))
def test_the_loss_of_a_pack_is_that_of_separate_rows(
    tiny_model: Any, prefix: list[int], rests: list[tuple[list[int], list[int]]]
) -> None:
    examples = [EncodedExample(prefix + question, answer) for question, answer in rests]
    separate = torch.cat([losses(tiny_model, [[example]]) for example in examples])
    together = losses(tiny_model, [examples, examples[:1]])
    expected = torch.cat([separate, separate[: len(rests[0][1])]])
    torch.testing.assert_close(together, expected, atol=1e-5, rtol=1e-4)


def test_padding_is_not_learnt_and_the_end_token_is_though_both_are_one_id() -> None:
    packs = [pack([EncodedExample([5, 6], [7, END])]), pack([EncodedExample([5] * 9, [7, END])])]
    batch = PadPacks(END)(packs)
    assert batch["labels"].tolist()[0] == [IGNORED_LABEL] * 2 + [7, END] + [IGNORED_LABEL] * 7
    assert batch["input_ids"].tolist()[0] == [5, 6, 7, END] + [END] * 7
    assert batch["attention_mask"].shape == (2, 1, 11, 11)
    # Each token sees something, padding too: attention to nothing is not a number.
    assert batch["attention_mask"].any(-1).all()


def test_examples_that_are_too_long_are_left_out_and_counted(tokenizer: Any) -> None:
    long = replace(EXAMPLE, question="Which " + "very " * 50 + "old animals?")
    size = len(encode_example(tokenizer, EXAMPLE))
    packs = encode_packs(tokenizer, [[EXAMPLE, long], [long]], size)
    assert (len(packs), packs.num_examples, packs.dropped) == (1, 1, 2)
    assert packs.lengths() == [size]
    assert encode_packs(tokenizer, [[EXAMPLE]], size - 1).dropped == 1


@given(lengths=st.lists(st.integers(1, 99), min_size=1, max_size=60), step=st.integers(1, 9), seed=st.integers(0, 9))
def test_each_row_comes_once_an_epoch_and_each_step_is_sorted(lengths: list[int], step: int, seed: int) -> None:
    order = list(SortedWithinSteps(lengths, step, seed))
    assert sorted(order) == list(range(len(lengths)))
    for start in range(0, len(order), step):
        of_step = [lengths[index] for index in order[start : start + step]]
        assert of_step == sorted(of_step, reverse=True)
    assert list(SortedWithinSteps(lengths, step, seed)) == order


def test_epochs_have_orders_of_their_own() -> None:
    sampler = SortedWithinSteps([1] * 50, 5, 0)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert len(sampler) == 50
