"""Leaping gives the decisions, statistics and times of the step-by-step run, for any workload."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paged_sim import SchedulerConfig
from paged_sim.simulation.cost_model import CostModel
from paged_sim.simulation.leaping import LeapingRun
from paged_sim.simulation.run import Event, LivelockError, Recording
from paged_sim.simulation.simulate import SimulationResult, simulate
from paged_sim.workload.trace import Segment, TraceRequest, request_of_lengths
from paged_sim.workload.workloads import workload


@dataclass
class Workload:
    """A drawn simulation."""

    config: SchedulerConfig
    trace: list[TraceRequest]
    cost: CostModel
    max_concurrency: int | None
    stop_after: int | None


@dataclass
class Log:
    """Collects events."""

    events: list[Event] = field(default_factory=list)


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    block_size = draw(st.sampled_from([1, 2, 3, 4, 16]))
    num_blocks = draw(st.integers(4, 60))
    capacity = (num_blocks - 1) * block_size
    max_model_len = max(2, min(capacity, draw(st.sampled_from([24, 60, 1000]))))
    max_num_seqs = draw(st.sampled_from([1, 2, 5, 16]))
    chunked = draw(st.booleans())
    least = max(max_num_seqs, 1 if chunked else max_model_len)
    config = SchedulerConfig(
        num_blocks=num_blocks,
        block_size=block_size,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=least + draw(st.sampled_from([0, 0, 1, 3, 20, 500])),
        max_model_len=max_model_len,
        enable_chunked_prefill=chunked,
        enable_caching=draw(st.booleans()),
        policy=draw(st.sampled_from(["fcfs", "priority"])),
        watermark=draw(st.sampled_from([0.0, 0.1, 0.3])),
        long_prefill_token_threshold=draw(st.sampled_from([0, 0, min(3, max_model_len), min(6, max_model_len)])),
        scheduler_reserve_full_isl=draw(st.booleans()),
    )
    cost = CostModel(
        step_ps=draw(st.sampled_from([0, 7])),
        seq_ps=draw(st.sampled_from([0, 2])),
        weights_ps=draw(st.integers(1, 300)),
        kv_token_ps=draw(st.integers(0, 9)),
        token_ps=draw(st.integers(0, 20)),
        pair_ps=draw(st.integers(0, 9)),
    )
    trace = draw(traces(max_model_len - 1))
    max_concurrency = draw(st.sampled_from([None, None, 1, 3, 8]))
    return Workload(config, trace, cost, max_concurrency, draw(st.sampled_from([None, None, 1, 4])))


@st.composite
def traces(draw: st.DrawFn, longest: int) -> list[TraceRequest]:
    requests: list[TraceRequest] = []
    arrival_ps = 0
    for index in range(draw(st.integers(1, 14))):
        arrival_ps += draw(st.sampled_from([0, 0, 1, 200, 3000]))
        name = f"{index:02}"
        output = Segment(f"{name}/answer", draw(st.sampled_from([1, 2, 7, 20, 45])))
        lived_ps = draw(st.sampled_from([None, None, None, 0, 900, 5000]))
        request = TraceRequest(
            request_id=name,
            prompt=_prompt(draw, name, longest, requests),
            output=output,
            arrival_time=arrival_ps / 1e12,
            abort_time=None if lived_ps is None else (arrival_ps + lived_ps) / 1e12,
            priority=draw(st.integers(0, 2)),
            lora_name=draw(st.sampled_from([None, None, None, "a"])),
            cache_salt=draw(st.sampled_from([None, None, None, "s"])),
        )
        requests.append(request)
    return requests


def _prompt(draw: st.DrawFn, name: str, longest: int, earlier: list[TraceRequest]) -> tuple[Segment, ...]:
    own = Segment(name, draw(st.sampled_from([1, 3, 8, 17, 40])))
    system = Segment("system", draw(st.sampled_from([4, 16, 17])))
    shapes = [(own,), (system,), (system, own)]
    if earlier:
        chat = draw(st.sampled_from(earlier))
        shapes += [chat.prompt, (*chat.prompt, chat.output, own)]
    prompt: list[Segment] = []
    for segment in draw(st.sampled_from(shapes)):
        room = longest - sum(part.length for part in prompt)
        if room > 0:
            prompt.append(Segment(segment.name, min(segment.length, room)))
    return tuple(prompt)


def _run(workload: Workload, leap: bool) -> tuple[SimulationResult, list[Event]]:
    log = Log()
    result = simulate(
        workload.trace,
        workload.config,
        cost=workload.cost,
        max_concurrency=workload.max_concurrency,
        stop_after=workload.stop_after,
        leap=leap,
        recording=Recording(timeline=True, observer=log.events.append),
    )
    return result, log.events


def _first_difference(found: Sequence[Any], expected: Sequence[Any]) -> str | None:
    for index, (left, right) in enumerate(zip_longest(found, expected)):
        if left != right:
            return f"at {index}: {left} instead of {right}"
    return None


@settings(max_examples=500, deadline=None)
@given(workloads())
def test_leaping_equals_step_by_step(workload: Workload) -> None:
    try:
        expected, expected_events = _run(workload, leap=False)
    except LivelockError as error:
        with pytest.raises(LivelockError, match=str(error)):
            _run(workload, leap=True)
        return
    result, events = _run(workload, leap=True)
    # pytest would compare long lists character by character.
    assert _first_difference(events, expected_events) is None
    assert _first_difference(result.timeline, expected.timeline) is None
    assert result.totals == expected.totals
    assert result == expected


def test_a_budget_that_grows_admits_a_prompt_that_may_not_be_cut() -> None:
    config = SchedulerConfig(
        num_blocks=500,
        max_num_seqs=10,
        max_num_batched_tokens=13,
        max_model_len=13,
        enable_chunked_prefill=False,
        enable_caching=False,
        long_prefill_token_threshold=6,
    )
    lengths = [(1, 3), (1, 3), (1, 3), (11, 2), (6, 1)]
    trace = [request_of_lengths(f"{index}", prompt, output) for index, (prompt, output) in enumerate(lengths)]
    workload = Workload(config, trace, CostModel(step_ps=1), None, None)
    assert _run(workload, leap=True) == _run(workload, leap=False)


@pytest.mark.parametrize("leap", [True, False])
def test_requests_that_preempt_one_another_for_ever_are_an_error(leap: bool) -> None:
    config = SchedulerConfig(
        num_blocks=7,
        block_size=2,
        max_num_seqs=3,
        max_num_batched_tokens=3,
        max_model_len=12,
        enable_caching=False,
        policy="priority",
        watermark=0.1,
        long_prefill_token_threshold=2,
        scheduler_reserve_full_isl=False,
    )
    shapes = [(6, 1, 1), (1, 8, 1), (9, 1, 1), (8, 1, 1), (6, 16, 0), (2, 4, 0), (10, 4, 2), (9, 1, 0), (6, 4, 0)]
    shapes += [(11, 1, 0), (10, 8, 2), (11, 1, 0), (11, 1, 2), (7, 1, 1)]
    trace = [
        TraceRequest(
            f"{index:02}", (Segment(f"{index}", prompt),), Segment(f"{index}/answer", output), priority=priority
        )
        for index, (prompt, output, priority) in enumerate(shapes)
    ]
    with pytest.raises(LivelockError, match="13 requests preempted one another for 1049 steps without a new token"):
        simulate(trace, config, leap=leap)


@dataclass
class Work:
    """What each way of advancing did: how often, and how many tokens."""

    calls: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)

    def counted(self, way: str, advance: Callable[..., None]) -> Callable[..., None]:
        def advance_and_count(run: LeapingRun, *arguments: Any) -> None:
            before = run.totals.num_scheduled_tokens
            advance(run, *arguments)
            self.calls[way] += 1
            self.tokens[way] += run.totals.num_scheduled_tokens - before

        return advance_and_count


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    counts = Work()
    for way in ("_leap", "_regular_step", "_reference_step"):
        monkeypatch.setattr(LeapingRun, way, counts.counted(way, getattr(LeapingRun, way)))
    return counts


# One run is limited by the requests that may run, one by its blocks, of which the longest request needs 128. A leap
# ends where a request needs a block, fills one or comes to its end: the more run, the shorter it is.
@pytest.mark.parametrize(("num_blocks", "max_num_seqs", "tokens", "calls"), [(500, 2, 0.7, 0.4), (140, 16, 0.4, 0.6)])
@pytest.mark.parametrize("enable_caching", [True, False])
def test_quiet_steps_are_leapt_over(
    work: Work, num_blocks: int, max_num_seqs: int, tokens: float, calls: float, enable_caching: bool
) -> None:
    trace = list(workload("sharegpt", 100))
    config = SchedulerConfig(
        num_blocks=num_blocks, max_num_seqs=max_num_seqs, max_model_len=2048, enable_caching=enable_caching
    )
    totals = simulate(trace, config).totals
    assert work.calls["_reference_step"] == 0
    assert work.tokens["_leap"] > tokens * sum(request.num_output_tokens for request in trace)
    assert work.calls.total() < calls * totals.num_steps
    assert work.tokens.total() == totals.num_scheduled_tokens


@pytest.mark.parametrize(("num_blocks", "preempts"), [(400, True), (5000, False)])
def test_no_step_of_many_requests_needs_the_reference(work: Work, num_blocks: int, preempts: bool) -> None:
    config = SchedulerConfig(num_blocks=num_blocks, max_num_seqs=128, max_model_len=2048)
    totals = simulate(workload("sharegpt", 300, rate=10.0), config).totals
    assert (totals.num_preemptions > 100) == preempts
    assert work.calls["_reference_step"] == 0
    assert work.calls["_regular_step"] > 0


def test_clients_that_give_up_before_the_first_token_are_no_livelock() -> None:
    # A prompt takes 38 steps of a millisecond; each client waits for 36 of them, and 3,600 steps bring no token.
    config = SchedulerConfig(num_blocks=11, block_size=4, max_num_seqs=1, max_num_batched_tokens=1, max_model_len=40)
    trace = [
        TraceRequest(
            f"{index:02}",
            (Segment(f"{index}", 38),),
            Segment(f"{index}/answer", 2),
            arrival_time=0.036 * index,
            abort_time=0.036 * (index + 1),
        )
        for index in range(100)
    ]
    drawn = Workload(config, trace, CostModel(step_ps=10**9), None, None)
    result, events = _run(drawn, leap=True)
    assert (result.totals.num_finished, result.totals.num_aborted, result.totals.num_steps) == (0, 100, 3600)
    assert (result, events) == _run(drawn, leap=False)
