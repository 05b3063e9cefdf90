"""Runs of whole traces: times by hand, clients, errors before work."""

import math
import re
from dataclasses import asdict

import pytest

from paged_sim import SchedulerConfig
from paged_sim.simulation.clients import Clients
from paged_sim.simulation.cost_model import PS_PER_S, CostModel
from paged_sim.simulation.latency import Percentiles, latency_summary
from paged_sim.simulation.outcomes import UNSET
from paged_sim.simulation.run import Event, Recording
from paged_sim.simulation.serving import serve
from paged_sim.simulation.simulate import SimulationResult, check_trace, simulate
from paged_sim.workload.trace import Segment, TraceRequest, request_of_lengths

MS = PS_PER_S // 1000
CONFIG = SchedulerConfig(num_blocks=11, block_size=4, max_num_seqs=2, max_num_batched_tokens=16, max_model_len=40)
BOTH = pytest.mark.parametrize("leap", [True, False])


def run(trace: list[TraceRequest], leap: bool, config: SchedulerConfig = CONFIG, **options: int) -> SimulationResult:
    """Runs with steps of a millisecond."""
    return simulate(trace, config, cost=CostModel(step_ps=MS), leap=leap, **options)


@BOTH
def test_times_of_a_request_are_those_of_its_steps(leap: bool) -> None:
    outcomes = run([request_of_lengths("a", 20, 3, arrival_time=0.01)], leap).outcomes
    # The prompt takes two steps of 16 tokens at most; the second gives the first token.
    assert outcomes.submitted_ps[0] == outcomes.scheduled_ps[0] == 10 * MS
    assert outcomes.first_token_ps[0] == 12 * MS
    assert outcomes.finished_ps[0] == 14 * MS
    assert (outcomes.num_prompt_tokens[0], outcomes.num_output_tokens[0]) == (20, 3)


@BOTH
def test_latency_is_counted_from_submission(leap: bool) -> None:
    trace = [request_of_lengths(name, 4, 5, arrival_time=0.1) for name in "abc"]
    summary = latency_summary(run(trace, leap))
    # Two run at once; the third waits for the end of step 5.
    # Percentiles lie between two of the three times: 0, 0, 5 ms and 1, 1, 6 ms.
    assert asdict(summary.queue_s) == pytest.approx({"mean": 0.005 / 3, "p50": 0, "p90": 0.004, "p99": 0.0049})
    assert asdict(summary.ttft_s) == pytest.approx({"mean": 0.008 / 3, "p50": 0.001, "p90": 0.005, "p99": 0.0059})
    assert summary.tpot_s.mean == pytest.approx(0.001)
    assert summary.e2e_s.mean == pytest.approx((5 + 5 + 10) / 3 / 1000)
    assert summary.normalized_s.mean == pytest.approx((1 + 1 + 2) / 3 / 1000)
    assert (summary.num_finished, summary.duration_s) == (3, 0.11)
    assert summary.requests_per_s == pytest.approx(3 / 0.11)
    assert summary.output_tokens_per_s == pytest.approx(15 / 0.11)


def test_percentiles_by_hand() -> None:
    # In order of size the 90th percentile is at index 3.6, the 99th at 3.96.
    found = Percentiles.of([50, 10, 40, 20, 30])
    assert asdict(found) == pytest.approx({"mean": 30, "p50": 30, "p90": 46, "p99": 49.6})


@BOTH
def test_a_single_token_has_no_time_per_output_token(leap: bool) -> None:
    single, several = request_of_lengths("a", 4, 1), request_of_lengths("b", 4, 3)
    both = latency_summary(run([single, several], leap))
    assert both.num_finished == 2
    assert asdict(both.tpot_s) == pytest.approx(dict.fromkeys(("mean", "p50", "p90", "p99"), 0.001))
    alone = latency_summary(run([single], leap))
    assert all(math.isnan(time) for time in asdict(alone.tpot_s).values())
    assert alone.e2e_s.mean == pytest.approx(0.001)


@BOTH
def test_aborted_requests_do_not_count_as_served(leap: bool) -> None:
    given_up = TraceRequest("b", (Segment("b", 4),), Segment("b/answer", 20), abort_time=0.0035)
    summary = latency_summary(run([request_of_lengths("a", 4, 8), given_up], leap))
    assert (summary.num_finished, summary.duration_s) == (1, 0.008)
    assert (summary.requests_per_s, summary.output_tokens_per_s) == (1 / 0.008, 8 / 0.008)


@BOTH
def test_usage_is_a_share_of_the_usable_blocks(leap: bool) -> None:
    # Of 10 blocks: 4 for the first 16 tokens of a; 5 + 2 with b, which ends; 6 for tokens 21 and 22 of a.
    trace = [request_of_lengths("a", 20, 3), request_of_lengths("b", 8, 1)]
    report = serve(trace, CONFIG, CostModel(step_ps=MS), leap=leap)
    assert report.totals.num_steps == 4
    assert report.mean_usage == pytest.approx((4 + 7 + 6 + 6) / 4 / 10)
    assert report.peak_usage == pytest.approx(7 / 10)
    figures = report.figures()
    assert (figures["mean_usage"], figures["peak_usage"]) == (report.mean_usage, report.peak_usage)
    assert figures["totals"]["mean_batch"] == pytest.approx((1 + 2 + 1 + 1) / 4)


def test_times_that_do_not_exist_are_none_in_figures() -> None:
    figures = serve([request_of_lengths("a", 4, 1)], CONFIG, CostModel(step_ps=MS)).figures()
    assert figures["latency"]["tpot_s"] == {"mean": None, "p50": None, "p90": None, "p99": None}
    assert figures["latency"]["ttft_s"]["p90"] == pytest.approx(0.001)


@BOTH
def test_limited_concurrency_sends_the_next_when_one_ends(leap: bool) -> None:
    trace = [request_of_lengths(name, 4, 3) for name in "abc"]
    outcomes = run(trace, leap, max_concurrency=1).outcomes
    assert list(outcomes.submitted_ps) == [0, 3 * MS, 6 * MS]
    assert list(outcomes.finished_ps) == [3 * MS, 6 * MS, 9 * MS]


@BOTH
def test_a_limit_that_is_never_reached_changes_no_time(leap: bool) -> None:
    trace = [request_of_lengths(f"{index}", 4, 3, arrival_time=index * 0.0007) for index in range(5)]
    assert run(trace, leap, max_concurrency=100).outcomes == run(trace, leap).outcomes


@BOTH
def test_a_client_that_gives_up_makes_room_at_once(leap: bool) -> None:
    given_up = TraceRequest("a", (Segment("a", 4),), Segment("a/answer", 20), abort_time=0.003)
    trace = [given_up, request_of_lengths("b", 4, 20), request_of_lengths("c", 4, 3)]
    assert run(trace, leap, max_concurrency=2).outcomes.submitted_ps[2] == 3 * MS


@BOTH
def test_a_client_that_gives_up_frees_its_blocks(leap: bool) -> None:
    kept = request_of_lengths("a", 4, 8)
    given_up = TraceRequest("b", (Segment("b", 4),), Segment("b/answer", 20), abort_time=0.0035)
    result = run([kept, given_up], leap)
    assert (result.totals.num_finished, result.totals.num_aborted) == (1, 1)
    assert result.outcomes.finished_ps[1] == UNSET
    assert result.outcomes.num_output_tokens[1] == 4
    assert sorted(result.free_block_ids) == list(range(1, 11))


@BOTH
def test_stop_after_leaves_the_others_where_they_are(leap: bool) -> None:
    trace = [request_of_lengths(f"{index:02}", 4, 3 + index % 3) for index in range(30)]
    result = run(trace, leap, stop_after=7)
    assert result.totals.num_finished in (7, 8)
    assert len(result.free_block_ids) < 10


@BOTH
def test_a_shared_prefix_counts_as_hit_from_the_second_request_on(leap: bool) -> None:
    system = Segment("system", 8)
    trace = [TraceRequest(name, (system, Segment(name, 4)), Segment(f"{name}/answer", 2)) for name in "ab"]
    result = run(trace, leap, config=SchedulerConfig(num_blocks=21, block_size=4, max_model_len=40))
    assert list(result.outcomes.num_hit_tokens) == [0, 8]
    assert (result.totals.prefix_cache.queries, result.totals.prefix_cache.hits) == (24, 8)


@BOTH
def test_an_answer_is_cut_at_max_model_len(leap: bool) -> None:
    result = run([request_of_lengths("a", 4, 1000)], leap)
    assert list(result.outcomes.num_output_tokens) == [36]


@BOTH
def test_progress_is_reported(leap: bool) -> None:
    seen: list[int] = []
    simulate([request_of_lengths(name, 4, 3) for name in "abc"], CONFIG, leap=leap, on_progress=seen.append)
    assert seen[-1] == 3
    assert seen == sorted(seen)


def test_every_event_reaches_the_observer_in_order() -> None:
    events: list[Event] = []
    simulate([request_of_lengths("a", 5, 5)], CONFIG, recording=Recording(observer=events.append))
    assert events == [
        Event(0, "admit", "a", (1, 2)),
        Event(4, "grow", "a", (3,)),
        Event(4, "finish", "a"),
    ]


def test_a_trace_out_of_order_is_refused() -> None:
    trace = [request_of_lengths("late", 4, 3, arrival_time=1.0), request_of_lengths("early", 4, 3)]
    with pytest.raises(ValueError, match=re.escape("trace must be in the order of arrival_time, got 'early'")):
        simulate(trace, CONFIG)


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        ([], "trace must be at least one request, got []"),
        ([request_of_lengths("a", 1, 1)] * 2, "request_id must be unique within the trace, got 'a'"),
        (
            [request_of_lengths("a", 40, 1)],
            "prompt of request 'a' must be shorter than max_model_len (40 tokens), got 40",
        ),
        (
            [request_of_lengths("b", 1, 1, 2.0), request_of_lengths("a", 1, 1, 1.0)],
            "trace must be in the order of arrival_time, got 'a'",
        ),
    ],
)
def test_a_trace_is_checked_before_it_runs(trace: list[TraceRequest], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        check_trace(trace, CONFIG)


def test_a_request_larger_than_the_cache_is_refused() -> None:
    config = SchedulerConfig(num_blocks=5, block_size=4, max_model_len=40)
    message = "tokens of request 'a' must be at most the 16 tokens of the KV cache, got 17"
    check_trace([request_of_lengths("a", 10, 7)], config)
    with pytest.raises(ValueError, match=re.escape(message)):
        check_trace([request_of_lengths("a", 10, 8)], config)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_concurrency": 0}, "max_concurrency must be an integer of at least 1, got 0"),
        ({"stop_after": -1}, "stop_after must be an integer of at least 1, got -1"),
    ],
)
def test_options_are_checked(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        simulate([request_of_lengths("a", 1, 1)], CONFIG, **options)


def test_clients_name_the_next_moment_at_which_something_happens() -> None:
    trace = [
        TraceRequest("a", (Segment("a", 1),), Segment("x", 1), arrival_time=1.0, abort_time=5.0),
        request_of_lengths("b", 1, 1, arrival_time=3.0),
    ]
    clients = Clients(trace)
    assert clients.next_event_ps(0) == PS_PER_S
    assert [request.request_id for request, _ in clients.send(2 * PS_PER_S, 0, 0)] == ["a"]
    assert clients.next_event_ps(1) == 3 * PS_PER_S
    assert [request.request_id for request, _ in clients.send(3 * PS_PER_S, 1, 1)] == ["b"]
    assert clients.next_event_ps(2) == 5 * PS_PER_S
    assert list(clients.give_up(5 * PS_PER_S)) == ["a"]
    assert clients.next_event_ps(0) is None
