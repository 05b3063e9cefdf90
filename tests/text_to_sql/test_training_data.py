"""What the trainer sees: which tokens count, in which order rows come, how they are padded."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from inference.bundled_model import bundled_model_path
from inference.chat import ChatFormat
from text_to_sql.data import Example
from text_to_sql.prompt import build_messages
from text_to_sql.training_data import IGNORED_LABEL, EncodedExamples, PadRight, SortedWithinSteps, encode_example

EXAMPLE = Example("zoo", "CREATE TABLE animal (name text)", "Which animals?", "SELECT name FROM animal", "simple", "x")
END = 2


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(bundled_model_path())


def test_the_prompt_is_the_one_that_inference_sends(tokenizer: Any) -> None:
    row = encode_example(tokenizer, EXAMPLE)
    prompt = ChatFormat(tokenizer).token_ids(build_messages(EXAMPLE.schema, EXAMPLE.question))
    assert row["input_ids"][: len(prompt)] == prompt
    assert row["labels"][: len(prompt)] == [IGNORED_LABEL] * len(prompt)


def test_the_loss_is_on_the_sql_and_the_end_token(tokenizer: Any) -> None:
    row = encode_example(tokenizer, EXAMPLE)
    learnt = [label for label in row["labels"] if label != IGNORED_LABEL]
    assert tokenizer.decode(learnt[:-1]) == EXAMPLE.sql
    assert learnt[-1] == row["input_ids"][-1] == END == tokenizer.eos_token_id
    assert len(row["labels"]) == len(row["input_ids"])


def test_padding_is_masked_and_the_end_token_is_not_though_both_are_one_id(tokenizer: Any) -> None:
    short = encode_example(tokenizer, EXAMPLE)
    long = {name: [*values, *values] for name, values in short.items()}
    batch = PadRight(tokenizer.pad_token_id)([short, long])
    size = len(short["labels"])
    assert tokenizer.pad_token_id == END
    assert batch["input_ids"].shape == batch["labels"].shape == batch["attention_mask"].shape == (2, 2 * size)
    assert batch["labels"][0, size - 1] == END
    assert set(batch["labels"][0, size:].tolist()) == {IGNORED_LABEL}
    assert set(batch["input_ids"][0, size:].tolist()) == {END}
    assert torch.equal(batch["attention_mask"].sum(1), torch.tensor([size, 2 * size]))


def test_examples_that_are_too_long_are_left_out_and_counted(tokenizer: Any) -> None:
    size = len(encode_example(tokenizer, EXAMPLE)["input_ids"])
    assert (len(EncodedExamples(tokenizer, [EXAMPLE], size)), EncodedExamples(tokenizer, [EXAMPLE], size).dropped) == (
        1,
        0,
    )
    assert EncodedExamples(tokenizer, [EXAMPLE], size - 1).dropped == 1


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
