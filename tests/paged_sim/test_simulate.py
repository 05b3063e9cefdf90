"""Runs of whole traces: times by hand, clients, errors before work."""

import re

import pytest

from paged_sim import SchedulerConfig
from paged_sim.simulation.clients import Clients
from paged_sim.simulation.cost_model import PS_PER_S, CostModel
from paged_sim.simulation.latency import latency_summary
from paged_sim.simulation.outcomes import UNSET
from paged_sim.simulation.run import Event, Recording
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
    assert summary.queue_s.p50 == 0
    assert summary.queue_s.mean == pytest.approx(0.005 / 3)
    assert summary.ttft_s.p99 == pytest.approx(0.006, rel=0.02)
    assert summary.tpot_s.mean == pytest.approx(0.001)
    assert summary.e2e_s.mean == pytest.approx((5 + 5 + 10) / 3 / 1000)
    assert summary.normalized_s.mean == pytest.approx((1 + 1 + 2) / 3 / 1000)
    assert (summary.num_finished, summary.duration_s) == (3, 0.11)
    assert summary.output_tokens_per_s == pytest.approx(15 / 0.11)


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
