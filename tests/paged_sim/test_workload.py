"""Workloads have the paper's lengths, are the same for the same seed, and are made one request at a time."""

import math
import re
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paged_sim.paper.published import ALPACA, MEAN_LENGTHS, SHAREGPT
from paged_sim.workload.arrivals import burst_arrivals, evenly_spaced_arrivals, poisson_arrivals
from paged_sim.workload.chats import ChatShape, chats
from paged_sim.workload.independent import independent_requests
from paged_sim.workload.length_fit import (
    LengthMoments,
    fit_means,
    fit_output_spread,
    length_moments,
    running_lengths_of_orca,
)
from paged_sim.workload.lengths import (
    ALPACA_LENGTHS,
    SHAREGPT_LENGTHS,
    LognormalLengths,
    alpaca_lengths,
    fixed_lengths,
    lognormal_lengths,
    sharegpt_lengths,
    uniform_lengths,
)
from paged_sim.workload.parallel_sampling import parallel_samples
from paged_sim.workload.randomness import draw_indices, uniform_draws
from paged_sim.workload.shared_prefix import system_prompts, with_system_prompts
from paged_sim.workload.trace import TraceRequest, total_tokens
from paged_sim.workload.workloads import WORKLOADS, workload

# Of seed 0, and 2 arrivals per second.
PINNED_SHAREGPT = [(563, 95), (106, 639), (20, 329), (67, 290)]
PINNED_ALPACA = [(35, 14), (20, 112), (11, 55), (17, 48)]
PINNED_ARRIVALS = [1.139357, 1.417212, 1.931221, 3.771324]


def refused(text: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> None:
    """Requires a ValueError with this text at the call itself, not at the first request."""
    with pytest.raises(ValueError, match=re.escape(text)):
        function(*arguments, **named)


def take(number: int, items: Iterator[Any]) -> list[Any]:
    return list(islice(items, number))


def shares(cumulative: list[float]) -> list[float]:
    return [high - low for low, high in pairwise([0.0, *cumulative])]


class TestDraws:
    def test_seed_and_stream_decide(self) -> None:
        assert uniform_draws(3, "a")() == uniform_draws(3, "a")()
        assert len({uniform_draws(seed, stream)() for seed in range(50) for stream in "ab"}) == 100

    def test_bad_seed(self) -> None:
        refused("seed must be an integer of at least 0, got -1", uniform_draws, -1, "a")
        refused("seed must be an integer of at least 0, got 1.5", uniform_draws, 1.5, "a")

    def test_indices_come_as_often_as_their_weights_say(self) -> None:
        counts = Counter(islice(draw_indices([1, 0, 3], uniform_draws(0, "x")), 40_000))
        assert counts[1] == 0
        assert counts[2] / counts[0] == pytest.approx(3, rel=0.05)

    def test_the_largest_draw_is_an_index(self) -> None:
        for weights in ([0.1] * 10, [1, 1e-30], [1 / 3, 1 / 3, 1 / 3]):
            assert next(draw_indices(weights, lambda: 1 - 2**-53)) < len(weights)


class TestLognormalLengths:
    @pytest.mark.parametrize(("model", "name"), [(SHAREGPT_LENGTHS, SHAREGPT), (ALPACA_LENGTHS, ALPACA)])
    def test_means_after_clipping_are_those_of_figure_11(self, model: LognormalLengths, name: str) -> None:
        moments = length_moments(model)
        assert moments.prompt == pytest.approx(MEAN_LENGTHS[name].prompt, abs=1e-5)
        assert moments.output == pytest.approx(MEAN_LENGTHS[name].output, abs=1e-5)

    def test_running_requests_are_as_long_as_figures_2_and_13_say(self) -> None:
        final, so_far = running_lengths_of_orca()
        assert (round(final), round(so_far)) == (735, 443)
        moments = length_moments(SHAREGPT_LENGTHS)
        assert moments.running_final == pytest.approx(final, abs=0.01)
        # Not fitted, but follows.
        assert moments.running_so_far == pytest.approx(so_far, rel=0.011)

    def test_fit_gives_the_stored_parameters(self) -> None:
        start = replace(SHAREGPT_LENGTHS, prompt_log_mean=5, output_log_mean=5, output_log_deviation=1)
        fitted = fit_output_spread(start, MEAN_LENGTHS[SHAREGPT], running_lengths_of_orca()[0])
        for field in ("prompt_log_mean", "output_log_mean", "output_log_deviation"):
            assert getattr(fitted, field) == pytest.approx(getattr(SHAREGPT_LENGTHS, field), abs=1e-7)
        fitted = fit_means(replace(ALPACA_LENGTHS, prompt_log_mean=1, output_log_mean=1), MEAN_LENGTHS[ALPACA])
        assert fitted.prompt_log_mean == pytest.approx(ALPACA_LENGTHS.prompt_log_mean, abs=1e-7)
        assert fitted.output_log_mean == pytest.approx(ALPACA_LENGTHS.output_log_mean, abs=1e-7)

    def test_fit_out_of_reach(self) -> None:
        means = MEAN_LENGTHS[SHAREGPT]
        refused("means.prompt must be in [", fit_means, SHAREGPT_LENGTHS, means._replace(prompt=1100))
        refused("means.output must be in [", fit_means, SHAREGPT_LENGTHS, means._replace(output=2))
        refused("running_final must be in [", fit_output_spread, SHAREGPT_LENGTHS, means, 300)

    def test_moments_are_the_sums_over_all_pairs(self) -> None:
        model = LognormalLengths(2.0, 0.7, 2.5, 0.8, shortest=2, longest_prompt=20, longest_total=40)
        sums = [0.0] * 4
        for prompt, prompt_share in enumerate(shares(model.prompt_cumulative()), start=2):
            for drawn, output_share in enumerate(shares(model.output_cumulative()), start=2):
                output = min(drawn, 40 - prompt)
                terms = (prompt, output, output * (prompt + output), output * (prompt + output / 2))
                sums = [total + prompt_share * output_share * term for total, term in zip(sums, terms, strict=True)]
        prompt, output, final, so_far = sums
        expected = LengthMoments(prompt, output, final / output, so_far / output)
        assert length_moments(model) == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize(
        ("model", "lengths"), [(SHAREGPT_LENGTHS, sharegpt_lengths), (ALPACA_LENGTHS, alpaca_lengths)]
    )
    def test_draws_follow_the_model(self, model: LognormalLengths, lengths: Callable) -> None:
        number = 100_000
        drawn = take(number, lengths(1))
        moments = length_moments(model)
        for index, mean in enumerate((moments.prompt, moments.output)):
            values = [pair[index] for pair in drawn]
            deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / number)
            assert abs(sum(values) / number - mean) < 4 * deviation / math.sqrt(number)

    @given(
        st.floats(0, 8), st.floats(0.05, 3), st.floats(0, 8), st.floats(0.05, 3),
        st.integers(1, 5), st.integers(0, 50), st.integers(0, 50), st.integers(0, 9),
    )  # fmt: skip
    def test_limits(
        self, mean: float, spread: float, mean_out: float, spread_out: float, shortest: int, a: int, b: int, seed: int
    ) -> None:
        longest_prompt = shortest + a
        model = LognormalLengths(
            mean, spread, mean_out, spread_out, shortest, longest_prompt, longest_prompt + shortest + b
        )
        for prompt, output in islice(lognormal_lengths(model, seed), 50):
            assert shortest <= prompt <= longest_prompt
            assert shortest <= output
            assert prompt + output <= model.longest_total

    @pytest.mark.parametrize(
        ("changed", "text"),
        [
            ({"prompt_log_deviation": 0}, "prompt_log_deviation must be above 0, got 0"),
            ({"output_log_deviation": -1}, "output_log_deviation must be a number of at least 0, got -1"),
            ({"output_log_mean": math.nan}, "output_log_mean must be a number of at least -inf, got nan"),
            ({"shortest": 0}, "shortest must be an integer of at least 1, got 0"),
            ({"longest_prompt": 3}, "longest_prompt must be an integer of at least 4, got 3"),
            ({"longest_total": 1027}, "longest_total must be an integer of at least 1028, got 1027"),
        ],
    )
    def test_bad_values(self, changed: dict, text: str) -> None:
        refused(text, replace, SHAREGPT_LENGTHS, **changed)

    def test_the_same_everywhere(self) -> None:
        # Other values would mean that saved results no longer belong to their seeds.
        assert take(4, sharegpt_lengths(0)) == PINNED_SHAREGPT
        assert take(4, alpaca_lengths(0)) == PINNED_ALPACA
        assert take(4, poisson_arrivals(2, 0)) == PINNED_ARRIVALS


class TestOtherLengths:
    def test_fixed(self) -> None:
        assert take(3, fixed_lengths(7, 9)) == [(7, 9)] * 3
        refused("prompt must be an integer of at least 1, got 0", fixed_lengths, 0, 9)
        refused("output must be an integer of at least 1, got 0", fixed_lengths, 7, 0)

    def test_uniform_covers_the_range_evenly(self) -> None:
        prompts, outputs = zip(*islice(uniform_lengths(10, 50, 0.2, 0), 20_000), strict=True)
        assert set(prompts) == set(range(8, 13))
        assert set(outputs) == set(range(40, 61))
        for count in Counter(prompts).values():
            assert count == pytest.approx(4000, rel=0.06)

    @pytest.mark.parametrize(
        ("middle", "ratio", "low", "high"), [(1000, 0.2, 800, 1200), (5, 0.5, 2, 8), (1, 0.9, 1, 2), (7, 0, 7, 7)]
    )
    def test_bounds_of_vllm(self, middle: int, ratio: float, low: int, high: int) -> None:
        drawn = {prompt for prompt, _ in islice(uniform_lengths(middle, 1, ratio, 0), 10_000)}
        assert (min(drawn), max(drawn)) == (low, high)

    def test_bad_values(self) -> None:
        refused("range_ratio must be below 1, got 1", uniform_lengths, 10, 10, 1, 0)
        refused("range_ratio must be a number of at least 0, got -0.1", uniform_lengths, 10, 10, -0.1, 0)
        refused("output must be an integer of at least 1, got 0", uniform_lengths, 10, 0, 0.5, 0)
        refused("seed must be an integer of at least 0, got None", uniform_lengths, 10, 10, 0.5, None)


class TestArrivals:
    def test_poisson_gaps_are_exponential(self) -> None:
        times = take(50_000, poisson_arrivals(4, 1))
        gaps = [later - earlier for earlier, later in pairwise(times)]
        mean = sum(gaps) / len(gaps)
        assert mean == pytest.approx(0.25, rel=0.02)
        variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
        assert variance == pytest.approx(mean**2, rel=0.05)
        assert sum(gap > 0.25 for gap in gaps) / len(gaps) == pytest.approx(math.exp(-1), rel=0.03)
        assert min(gaps) >= 0
        assert all(time == round(time, 6) for time in times)

    def test_seed_decides(self) -> None:
        assert take(9, poisson_arrivals(4, 1)) == take(9, poisson_arrivals(4, 1)) != take(9, poisson_arrivals(4, 2))

    def test_rate_stretches_the_same_arrivals(self) -> None:
        for slow, fast in zip(take(99, poisson_arrivals(1, 5)), take(99, poisson_arrivals(10, 5)), strict=True):
            assert slow == pytest.approx(10 * fast, abs=1e-3)

    def test_even_spacing(self) -> None:
        assert take(4, evenly_spaced_arrivals(4)) == [0, 0.25, 0.5, 0.75]
        assert take(3, evenly_spaced_arrivals(3)) == [0, 0.333333, 0.666667]

    def test_burst(self) -> None:
        assert take(3, burst_arrivals()) == [0, 0, 0]

    @pytest.mark.parametrize("rate", [0, 0.0, -1, math.nan, math.inf, 100_001, "2", True, None])
    @pytest.mark.parametrize("arrivals", [lambda rate: poisson_arrivals(rate, 0), evenly_spaced_arrivals])
    def test_bad_rate(self, rate: Any, arrivals: Callable) -> None:
        refused(f"rate must be a number above 0 and at most 100000 per second, got {rate!r}", arrivals, rate)


class TestRequests:
    def test_independent_requests(self) -> None:
        requests = list(independent_requests([(3, 5), (4, 6)], [0.5, 1.5, 2.5]))
        assert [request.request_id for request in requests] == ["r0000000", "r0000001"]
        assert [(request.num_prompt_tokens, request.num_output_tokens) for request in requests] == [(3, 5), (4, 6)]
        assert [request.arrival_time for request in requests] == [0.5, 1.5]
        names = {segment.name for request in requests for segment in (*request.prompt, request.output)}
        assert len(names) == 4

    def test_system_prompts_come_first_and_are_shared(self) -> None:
        requests = take(200, with_system_prompts(requests_of(5, 6), system_prompts(3, 32, 0)))
        heads = {tuple(request.prompt_token_ids()[:32]) for request in requests}
        assert len(heads) == 3
        assert {request.num_prompt_tokens for request in requests} == {37}
        assert len({tuple(request.prompt_token_ids()) for request in requests}) == 200

    def test_zipf(self) -> None:
        counts = Counter(segment.name for segment in islice(system_prompts(4, 8, 0, 1), 50_000))
        for index in range(4):
            assert counts[f"system-{index}"] / 50_000 == pytest.approx(12 / 25 / (index + 1), rel=0.05)
        even = Counter(segment.name for segment in islice(system_prompts(4, 8, 0), 50_000))
        assert all(count == pytest.approx(12_500, rel=0.05) for count in even.values())

    def test_bad_system_prompts(self) -> None:
        refused("number must be an integer of at least 1, got 0", system_prompts, 0, 8, 0)
        refused("length must be an integer of at least 1, got 0", system_prompts, 4, 0, 0)
        refused("zipf_exponent must be a number of at least 0, got -1", system_prompts, 4, 8, 0, -1)

    def test_samples_share_the_prompt_only(self) -> None:
        first, second, other = take(3, parallel_samples(requests_of(5, 6), 2))
        assert (first.request_id, second.request_id, other.request_id) == ("0_r0000000", "1_r0000000", "0_r0000001")
        assert first.prompt == second.prompt != other.prompt
        assert first.output_token_ids() != second.output_token_ids()
        assert first.num_output_tokens == second.num_output_tokens == 6
        refused("num_samples must be an integer of at least 1, got 0", parallel_samples, requests_of(5, 6), 0)


def requests_of(prompt: int, output: int) -> Iterator[TraceRequest]:
    return independent_requests(fixed_lengths(prompt, output), evenly_spaced_arrivals(1))


class TestChats:
    def test_prompts_hold_earlier_prompts_and_answers(self) -> None:
        conversations: dict[str, list[TraceRequest]] = {}
        for request in chats(sharegpt_lengths(0), islice(poisson_arrivals(1, 0), 20), ChatShape(num_turns=5), 0):
            conversations.setdefault(request.request_id.partition("-")[0], []).append(request)
        assert [len(turns) for turns in conversations.values()] == [5] * 20
        for turns in conversations.values():
            for earlier, later in pairwise(turns):
                assert later.prompt[:-1] == (*earlier.prompt, earlier.output)
                known = earlier.prompt_token_ids() + earlier.output_token_ids()
                assert later.prompt_token_ids()[: len(known)] == known
                assert later.num_prompt_tokens > len(known)

    @pytest.mark.parametrize("starts", [[0.0] * 30, [index / 10 for index in range(30)]])
    def test_turns_arrive_in_order(self, starts: list[float]) -> None:
        requests = list(chats(alpaca_lengths(0), starts, ChatShape(num_turns=3, mean_think_time=2), 0))
        times = [request.arrival_time for request in requests]
        assert times == sorted(times)
        assert len({request.request_id for request in requests}) == len(requests) == 90
        # Conversations interleave.
        assert [request.request_id for request in requests] != sorted(request.request_id for request in requests)

    def test_next_turn_waits_for_the_answer_and_thinking(self) -> None:
        shape = ChatShape(num_turns=2, mean_think_time=0, time_per_output_token=0.05)
        first, second = chats(fixed_lengths(10, 100), [1.0], shape, 0)
        assert (first.arrival_time, second.arrival_time) == (1.0, 6.0)
        shape = ChatShape(num_turns=1000, mean_think_time=3, time_per_output_token=0)
        *_, last = chats(fixed_lengths(1, 1), [0.0], shape, 0)
        assert last.arrival_time == pytest.approx(3 * 999, rel=0.1)

    def test_ends_with_the_lengths(self) -> None:
        assert len(list(chats([(1, 1)] * 7, burst_arrivals(), ChatShape(), 0))) == 7

    def test_bad_values(self) -> None:
        refused("num_turns must be an integer of at least 1, got 0", ChatShape, num_turns=0)
        refused("mean_think_time must be a number of at least 0, got -1", ChatShape, mean_think_time=-1)
        refused("time_per_output_token must be a number of at least 0, got -1", ChatShape, time_per_output_token=-1)
        refused("seed must be an integer of at least 0, got -1", chats, [], [], ChatShape(), -1)


class TestRegistry:
    @pytest.mark.parametrize("name", WORKLOADS)
    @pytest.mark.parametrize("rate", [None, 5.0])
    def test_every_workload(self, name: str, rate: float | None) -> None:
        requests = list(workload(name, 400, rate, seed=3))
        assert requests == list(workload(name, 400, rate, seed=3))
        assert requests != list(workload(name, 400, rate, seed=4))
        assert len({request.request_id for request in requests}) == 400
        times = [request.arrival_time for request in requests]
        assert times == sorted(times)
        assert WORKLOADS[name].__doc__

    @pytest.mark.parametrize("name", sorted(set(WORKLOADS) - {"chat"}))
    def test_rate_changes_nothing_but_the_arrivals(self, name: str) -> None:
        slow, burst = workload(name, 99, 1.0), workload(name, 99)
        for earlier, at_once in zip(slow, burst, strict=True):
            assert replace(earlier, arrival_time=0.0) == at_once

    @pytest.mark.parametrize("name", WORKLOADS)
    def test_rate_is_that_of_the_requests(self, name: str) -> None:
        times = [request.arrival_time for request in workload(name, 6000, rate=20.0)]
        # At the start and the end of a chat workload there are fewer conversations.
        assert sum(100 <= time < 250 for time in times) / 150 == pytest.approx(20, rel=0.06)

    def test_requests_are_made_one_by_one(self) -> None:
        for name in WORKLOADS:
            assert len(take(3, workload(name, 10**12, 5.0))) == 3
        tracemalloc.start()
        total_tokens(workload("sharegpt", 5000, 5.0))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 500_000

    def test_long_answers_are_those_of_the_watermark_benchmark(self) -> None:
        requests = list(workload("long-answers", 450))
        assert all(800 <= request.num_prompt_tokens <= 1200 for request in requests)
        assert all(4000 <= request.num_output_tokens <= 6000 for request in requests)

    def test_chats_fit_into_8192_tokens(self) -> None:
        totals = [request.num_prompt_tokens + request.num_output_tokens for request in workload("chat", 4000)]
        assert 4096 < max(totals) <= 8192

    def test_bad_values(self) -> None:
        refused("name must be one of sharegpt, alpaca, long-answers", workload, "chats", 10)
        refused("num_requests must be an integer of at least 1, got 0", workload, "chat", 0)
        for name in WORKLOADS:
            refused("rate must be a number above 0 and at most 100000 per second, got 0", workload, name, 10, 0)
            refused("seed must be an integer of at least 0, got -1", workload, name, 10, None, -1)
