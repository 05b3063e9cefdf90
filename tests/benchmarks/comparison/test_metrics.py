"""Each measure against its definition, by hand and on random times."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.comparison.agreement import compare, first_difference
from benchmarks.comparison.engines.interface import Completion
from benchmarks.comparison.metrics import Objective, goodput, latencies, time_per_output_token
from benchmarks.comparison.worker_process import EngineRun

TIMES = st.lists(st.floats(0.001, 100), min_size=1, max_size=30).map(sorted)


def completion(*times: float) -> Completion:
    return Completion((1,) * len(times), times[-1], times)


def test_the_measures_of_two_answers_by_hand() -> None:
    found = latencies(EngineRun(5.0, [completion(1.0, 1.5, 4.0), completion(2.0)]))
    assert found.ttft_s == [1.0, 2.0]
    assert found.tpot_s == [1.5, None]
    assert found.e2e_s == [4.0, 2.0]
    assert len(found.itl_percentiles_s) == 101
    assert (found.itl_percentiles_s[0], found.itl_percentiles_s[50], found.itl_percentiles_s[100]) == (0.5, 1.5, 2.5)
    assert found.as_record()["total_s"] == 5.0


def test_answers_of_one_token_have_no_gaps() -> None:
    found = latencies(EngineRun(1.0, [completion(0.5)]))
    assert found.tpot_s == [None]
    assert found.itl_percentiles_s == []


def test_a_run_without_times_has_no_latencies() -> None:
    with pytest.raises(ValueError, match="The run took no times of tokens"):
        latencies(EngineRun(1.0, [Completion((1,), 1.0)]))


@given(TIMES)
def test_tpot_is_the_mean_gap(times: list[float]) -> None:
    gaps = [after - before for before, after in pairwise(times)]
    found = time_per_output_token(times)
    assert found == pytest.approx(sum(gaps) / len(gaps)) if gaps else found is None


def test_goodput_counts_requests_that_keep_every_limit() -> None:
    objective = Objective(ttft_s=1.0, tpot_s=0.1)
    assert goodput([1.0, 1.1, 0.5, 0.5], [0.1, 0.05, 0.2, None], 4.0, objective) == 0.5


@given(st.lists(st.integers(0, 3), max_size=8), st.lists(st.integers(0, 3), max_size=8))
def test_the_first_difference_is_where_the_common_prefix_ends(one: list[int], other: list[int]) -> None:
    place = first_difference(one, other)
    assert place == first_difference(other, one)
    if place is None:
        assert one == other
    else:
        assert one[:place] == other[:place]
        assert one[place : place + 1] != other[place : place + 1]


def test_agreement_keeps_a_place_for_each_request() -> None:
    found = compare("a", [[1, 2], [3, 4], [5]], [[1, 2], [3, 9], [5, 6]])
    assert found.first_divergence == [None, 1, 1]
    assert found.lengths == [2, 2, 1]
