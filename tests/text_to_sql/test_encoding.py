"""What the trainer sees: packs that give the same loss as separate rows, and which tokens count."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, pairwise
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
    MicroBatches,
    PadPacks,
    encode_example,
    encode_packs,
    pack,
    split_evenly,
    visibility,
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
    labels, segments = batch.pop("labels"), batch.pop("segments")
    with torch.inference_mode():
        logits = model(**batch, attention_mask=visibility(segments)).logits[:, :-1]
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
    seen = visibility(batch["segments"])
    assert seen.shape == (2, 1, 11, 11)
    # Each token sees something, padding too: attention to nothing is not a number.
    assert seen.any(-1).all()


def test_examples_that_are_too_long_are_left_out_and_counted(tokenizer: Any) -> None:
    long = replace(EXAMPLE, question="Which " + "very " * 50 + "old animals?")
    size = len(encode_example(tokenizer, EXAMPLE))
    packs = encode_packs(tokenizer, [[EXAMPLE, long], [long]], size)
    assert (len(packs), packs.num_examples, packs.dropped) == (1, 1, 2)
    assert packs.lengths() == [size]
    assert encode_packs(tokenizer, [[EXAMPLE]], size - 1).dropped == 1


LENGTHS = st.lists(st.integers(1, 99), min_size=1, max_size=20)


@given(lengths=LENGTHS, data=st.data())
def test_parts_hold_each_row_once_and_no_cut_has_a_smaller_largest_part(lengths: list[int], data: Any) -> None:
    lengths = sorted(lengths, reverse=True)
    count = data.draw(st.integers(1, min(4, len(lengths))))
    parts = split_evenly(lengths, count)
    assert [place for part in parts for place in part] == list(range(len(lengths)))
    assert len(parts) == count
    assert all(parts)

    def largest(stops: Sequence[int]) -> int:
        return max(lengths[start] * (stop - start) for start, stop in pairwise((0, *stops, len(lengths))))

    best = min(largest(stops) for stops in combinations(range(1, len(lengths)), count - 1))
    assert largest([part.stop for part in parts[:-1]]) <= best


@given(lengths=LENGTHS, data=st.data(), seed=st.integers(0, 9))
def test_steps_are_random_draws_of_equal_size_that_meet_no_row_twice(lengths: list[int], data: Any, seed: int) -> None:
    step = data.draw(st.integers(1, len(lengths)))
    count = data.draw(st.integers(1, step))
    batches = list(MicroBatches(lengths, step, count, seed))
    assert len(batches) == len(MicroBatches(lengths, step, count, seed)) == len(lengths) // step * count
    met = [index for batch in batches for index in batch]
    assert len(set(met)) == len(met) == len(lengths) // step * step
    for start in range(0, len(batches), count):
        of_step = [[lengths[index] for index in batch] for batch in batches[start : start + count]]
        flat = [length for batch in of_step for length in batch]
        assert flat == sorted(flat, reverse=True)
        assert [len(batch) for batch in of_step] == [len(part) for part in split_evenly(flat, count)]
        assert len(flat) == step
    assert list(MicroBatches(lengths, step, count, seed)) == batches


def test_fewer_packs_than_micro_batches_are_refused() -> None:
    with pytest.raises(ValueError, match="4 micro-batches need as many packs a step, got 3"):
        MicroBatches([5] * 3, 8, 4, 0)


def test_epochs_have_orders_of_their_own() -> None:
    sampler = MicroBatches([1] * 50, 5, 1, 0)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert len(sampler) == 10
