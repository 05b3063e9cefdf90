"""Sampling parameters are refused out of range, by name, before the engine sees them."""

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import SamplingError
from inference.sampling import SamplingOptions


def refused(text: str, **arguments: Any) -> None:
    """Requires a SamplingError with this text."""
    with pytest.raises(SamplingError, match=re.escape(text)):
        SamplingOptions(**arguments)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"max_tokens": 0}, "max_tokens must be at least 1, got 0"),
        ({"max_tokens": 1.5}, "max_tokens must be an integer, got 1.5"),
        ({"max_tokens": "9"}, "max_tokens must be an integer, got '9'"),
        ({"max_tokens": None}, "max_tokens must be an integer, got None"),
        ({"temperature": -0.1}, "temperature must be in [0, 2]; 0 is greedy, got -0.1"),
        ({"temperature": 100.5}, "temperature must be in [0, 2]; 0 is greedy, got 100.5"),
        ({"temperature": "hot"}, "temperature must be a number, got 'hot'"),
        ({"top_p": 0}, "top_p must be in (0, 1]; 1 keeps all tokens, got 0"),
        ({"top_p": 1.01}, "top_p must be in (0, 1]; 1 keeps all tokens, got 1.01"),
        ({"top_p": None}, "top_p must be a number, got None"),
        ({"top_k": -2}, "top_k must be at least 1, or 0 or -1 to keep all tokens, got -2"),
        ({"top_k": 5.0}, "top_k must be an integer, got 5.0"),
        ({"repetition_penalty": 0}, "repetition_penalty must be in (0, 100]; 1 is off, got 0"),
        ({"repetition_penalty": -1}, "repetition_penalty must be in (0, 100]; 1 is off, got -1"),
        ({"repetition_penalty": 101}, "repetition_penalty must be in (0, 100]; 1 is off, got 101"),
        ({"seed": 1.0}, "seed must be an integer in [0, 2**63), or None, got 1.0"),
        ({"stop": ""}, "stop must be a non-empty text, or a list of them, got ''"),
        ({"stop": [";", ""]}, "stop must be a non-empty text, or a list of them, got [';', '']"),
        ({"stop": [1]}, "stop must be a non-empty text, or a list of them, got [1]"),
        ({"stop": b";"}, "stop must be a non-empty text, or a list of them, got b';'"),
    ],
    ids=str,
)
def test_a_value_out_of_range_names_field_range_and_value(arguments: dict[str, Any], text: str):
    refused(text, **arguments)


@pytest.mark.parametrize("name", ["max_tokens", "top_k", "temperature", "top_p", "repetition_penalty", "seed"])
@pytest.mark.parametrize("value", [True, False])
def test_booleans_are_no_numbers(name: str, value: bool):
    refused(f"{name} must be", **{name: value})


@pytest.mark.parametrize("name", ["max_tokens", "top_k", "temperature", "top_p", "repetition_penalty"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused(name: str, value: float):
    refused(f"{name} must be", **{name: value})


@given(value=st.integers(max_value=0))
def test_every_max_tokens_below_one_is_refused(value: int):
    refused(f"max_tokens must be at least 1, got {value}", max_tokens=value)


@given(value=st.integers(max_value=-2))
def test_every_top_k_below_minus_one_is_refused(value: int):
    refused("top_k must be", top_k=value)


@given(value=st.floats(max_value=0, exclude_max=True) | st.floats(min_value=100, exclude_min=True) | st.just(math.nan))
def test_every_temperature_outside_its_range_is_refused(value: float):
    refused("temperature must be", temperature=value)


@given(value=st.floats(max_value=0) | st.floats(min_value=1, exclude_min=True) | st.just(math.nan))
def test_every_top_p_outside_its_range_is_refused(value: float):
    refused("top_p must be", top_p=value)


@given(value=st.floats(max_value=0) | st.floats(min_value=100, exclude_min=True) | st.just(math.nan))
def test_every_repetition_penalty_outside_its_range_is_refused(value: float):
    refused("repetition_penalty must be", repetition_penalty=value)


@given(
    max_tokens=st.integers(1, 100_000),
    temperature=st.floats(0, 2),
    top_p=st.floats(0, 1, exclude_min=True),
    top_k=st.integers(-1, 100_000),
    repetition_penalty=st.floats(0, 100, exclude_min=True),
    seed=st.none() | st.integers(0, 2**63 - 1),
)
def test_every_value_in_range_is_taken_as_it_is(**arguments: Any):
    options = SamplingOptions.from_arguments(**arguments)
    assert {name: getattr(options, name) for name in arguments} == arguments


@pytest.mark.parametrize("grammar", ["", "select: x", 5, "start ::= 'a'"])
def test_a_grammar_needs_a_root(grammar: Any):
    refused(r"grammar must be EBNF with a rule `root ::= …`, or None, got", grammar=grammar)


def test_a_grammar_reaches_vllm_and_nothing_does_without_one():
    params = SamplingOptions(grammar='root ::= "a"').to_vllm()
    assert params.structured_outputs.grammar == 'root ::= "a"'
    assert SamplingOptions().to_vllm().structured_outputs is None


def test_unknown_names_are_refused_with_the_known_ones():
    expected = (
        r"There is no sampling parameter 'max_new_tokens'; there are max_tokens, temperature, top_p, top_k, "
        r"repetition_penalty, stop, seed, grammar\."
    )
    with pytest.raises(SamplingError, match=expected):
        SamplingOptions.from_arguments(max_new_tokens=5)


def test_the_error_is_a_value_error_too():
    with pytest.raises(ValueError, match="top_p"):
        SamplingOptions(top_p=2)


@pytest.mark.parametrize(
    ("stop", "texts"),
    [(None, []), ([], []), (";", [";"]), ("\n\n", ["\n\n"]), ([";", "END"], [";", "END"]), ((";",), [";"])],
)
def test_stop_is_none_a_text_or_several(stop: Any, texts: list[str]):
    assert SamplingOptions(stop=stop).stop_texts == texts


def test_vllm_gets_every_value():
    options = SamplingOptions(
        max_tokens=7, temperature=0.3, top_p=0.8, top_k=11, repetition_penalty=1.2, stop=[";", "END"], seed=42
    )
    params = options.to_vllm(logprobs=3)
    assert (params.max_tokens, params.temperature, params.top_p, params.top_k) == (7, 0.3, 0.8, 11)
    assert (params.repetition_penalty, params.stop, params.seed, params.logprobs) == (1.2, [";", "END"], 42, 3)


@pytest.mark.parametrize(
    "options",
    [
        SamplingOptions(),
        SamplingOptions(max_tokens=1, temperature=0, top_p=1, top_k=-1),
        SamplingOptions(temperature=2, top_k=0, repetition_penalty=100),
        SamplingOptions(temperature=2.0, top_p=1e-9, repetition_penalty=1e-9),
        SamplingOptions(seed=0),
        SamplingOptions(seed=2**63 - 1),
    ],
    ids=str,
)
def test_vllm_takes_the_defaults_and_the_edges_of_every_range(options: SamplingOptions):
    assert options.to_vllm().max_tokens == options.max_tokens


def test_vllm_takes_the_highest_temperature():
    SamplingOptions(temperature=2).to_vllm()


@pytest.mark.parametrize("seed", [-1, -(2**63) - 1, 2**64])
def test_a_seed_that_the_engine_does_not_take_is_refused(seed: int):
    refused("seed must be", seed=seed)


def test_a_stop_that_is_no_sequence_is_refused():
    refused("stop must be", stop=5)
