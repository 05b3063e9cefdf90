"""Runs a trace through the scheduler."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from paged_sim.checks import require, require_integer
from paged_sim.scheduler import Scheduler
from paged_sim.scheduler_config import SchedulerConfig
from paged_sim.simulation.cost_model import PS_PER_S, CostModel
from paged_sim.simulation.leaping import LeapingRun
from paged_sim.simulation.outcomes import Outcomes, Totals
from paged_sim.simulation.replay_scheduler import ReplayScheduler
from paged_sim.simulation.run import Recording, Run, TimelinePoint
from paged_sim.simulation.step_by_step import StepByStepRun
from paged_sim.workload.trace import TraceRequest

# Without a cost model every step takes as long as a decode step of a 13B model on one GPU roughly does.
DEFAULT_STEP_S = 0.025


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """What a simulation found.

    Attributes:
        totals: sums over all steps.
        outcomes: times of every request, empty if not recorded.
        timeline: a point for every step, empty if not recorded.
        duration_s: simulated seconds until the last step ended.
        free_block_ids: the free blocks at the end, the one that would be handed out next first.
        cached_block_ids: the blocks whose contents could still be hit.
    """

    totals: Totals
    outcomes: Outcomes
    timeline: list[TimelinePoint]
    duration_s: float
    free_block_ids: list[int]
    cached_block_ids: list[int]


def simulate(
    trace: Iterable[TraceRequest],
    config: SchedulerConfig,
    *,
    cost: CostModel | None = None,
    max_concurrency: int | None = None,
    stop_after: int | None = None,
    leap: bool = True,
    recording: Recording | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> SimulationResult:
    """Runs a trace to its end; every decision is that of vLLM's scheduler.

    Args:
        trace: requests in the order of arrival; read lazily.
        config: sizes and limits of the scheduler.
        cost: how long steps take; None gives all the same time.
        max_concurrency: most requests under way at once; None sends each at its arrival time.
        stop_after: end when this many requests have ended and leave the others where they are, so that a queue which
            is never empty can be studied; None runs to the end of the trace.
        leap: do work for changes only. False takes every step on its own, with real tokens and hashes: the same
            result, hundreds of times slower.
        recording: what is kept besides the totals; None keeps the outcomes.
        on_progress: is called now and then with the number of requests that ended so far.

    Raises:
        ValueError: a value is out of its range, the trace is not in the order of arrival, or a request is longer than
            the KV cache or `max_model_len` allow.
        LivelockError: requests preempt one another for ever, which the priority policy can do where
            `scheduler_reserve_full_isl` is off.
    """
    if stop_after is not None:
        require_integer("stop_after", stop_after, 1)
    cost = cost or CostModel.fixed(DEFAULT_STEP_S)
    recording = recording or Recording()
    run: Run
    if leap:
        run = LeapingRun(ReplayScheduler(config), trace, cost, max_concurrency, recording)
    else:
        run = StepByStepRun(Scheduler(config), trace, cost, max_concurrency, recording)
    run.run(stop_after, on_progress)
    pool = run.scheduler.manager.pool
    return SimulationResult(
        run.totals,
        run.outcomes,
        run.timeline,
        run.clock_ps / PS_PER_S,
        pool.free_block_ids(),
        pool.cached_block_ids(),
    )


def check_trace(trace: Sequence[TraceRequest], config: SchedulerConfig) -> None:
    """Checks what a run would otherwise stumble over half-way.

    Raises:
        ValueError: the trace is empty or out of order, an id occurs twice, or a request is longer than the KV cache or
            `max_model_len` allow; the message names the request.
    """
    require(len(trace) > 0, "trace", "at least one request", trace)
    names: set[str] = set()
    latest = 0.0
    for request in trace:
        require(request.request_id not in names, "request_id", "unique within the trace", request.request_id)
        names.add(request.request_id)
        require(request.arrival_time >= latest, "trace", "in the order of arrival_time", request.request_id)
        latest = request.arrival_time
        prompt = request.num_prompt_tokens
        rule = f"shorter than max_model_len ({config.max_model_len} tokens)"
        require(prompt < config.max_model_len, f"prompt of request {request.request_id!r}", rule, prompt)
        longest = min(prompt + request.num_output_tokens, config.max_model_len) - 1
        rule = f"at most the {config.num_usable_tokens} tokens of the KV cache"
        require(longest <= config.num_usable_tokens, f"tokens of request {request.request_id!r}", rule, longest)
