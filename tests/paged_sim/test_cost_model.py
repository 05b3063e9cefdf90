"""Roofline times, exact in whole picoseconds."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paged_sim.simulation.cost_model import CostModel, num_attention_pairs

NUMBERS = st.integers(0, 50)


@given(
    NUMBERS, NUMBERS, st.integers(1, 500), NUMBERS, NUMBERS, NUMBERS, st.integers(1, 9), st.integers(0, 300), NUMBERS
)
def test_a_run_of_decode_steps_takes_as_long_as_its_steps(
    step: int, seq: int, weights: int, kv: int, token: int, pair: int, seqs: int, context: int, steps: int
) -> None:
    cost = CostModel(step_ps=step, seq_ps=seq, weights_ps=weights, kv_token_ps=kv, token_ps=token, pair_ps=pair)
    each = [cost.step_time_ps(seqs, seqs, context + i * seqs, context + i * seqs) for i in range(steps)]
    assert cost.decode_run_ps(seqs, context, steps) == sum(each)


def test_the_larger_of_memory_and_compute_decides() -> None:
    cost = CostModel(step_ps=1, seq_ps=10, weights_ps=1000, kv_token_ps=3, token_ps=100, pair_ps=2)
    assert cost.step_time_ps(1, 1, 50, 50) == 1 + 10 + 1000 + 50 * 3
    assert cost.step_time_ps(64, 1, 64, 2080) == 1 + 10 + 64 * 100 + 2080 * 2


def test_pairs_of_a_chunk_are_those_of_its_tokens() -> None:
    assert num_attention_pairs(10, 3) == 11 + 12 + 13
    assert num_attention_pairs(0, 1) == 1


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ({"step_ps": -1}, "step_ps must be an integer of at least 0, got -1"),
        ({"kv_token_ps": 1.5, "step_ps": 1}, "kv_token_ps must be an integer of at least 0, got 1.5"),
        ({"kv_token_ps": 3}, "step_ps, weights_ps and token_ps must be above 0 in sum"),
    ],
)
def test_constants_that_make_no_sense_are_refused(constants: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        CostModel(**constants)


def test_a_fixed_step_time_is_above_zero() -> None:
    assert CostModel.fixed(0.025).step_time_ps(100, 1, 5, 5) == 25_000_000_000
    with pytest.raises(ValueError, match=re.escape("step_s must be above 0, got 0")):
        CostModel.fixed(0)
