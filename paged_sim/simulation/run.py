"""What both ways to run a trace share: clients, clock, and the record of what happened."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from paged_sim.scheduler import Scheduler
from paged_sim.scheduler_config import SchedulerConfig
from paged_sim.simulation.clients import Clients
from paged_sim.simulation.cost_model import CostModel
from paged_sim.simulation.outcomes import UNSET, Outcomes, Totals
from paged_sim.workload.trace import TraceRequest


class LivelockError(RuntimeError):
    """The requests preempt one another for ever, and so they would in vLLM."""


class Event(NamedTuple):
    """Something that changed a block table.

    Attributes:
        step: counted from 0.
        kind: "admit", "grow", "preempt", "finish" or "abort".
        request_id: whose table.
        block_ids: the whole table of an admission, the added blocks of a growth, else empty.
    """

    step: int
    kind: str
    request_id: str
    block_ids: tuple[int, ...] = ()


class TimelinePoint(NamedTuple):
    """One step: when it started, what it computed, and how full the blocks were."""

    step: int
    clock_ps: int
    num_scheduled_tokens: int
    num_running: int
    num_waiting: int
    num_used_blocks: int
    num_unfilled_slots: int


@dataclass(frozen=True, slots=True)
class Recording:
    """What is kept besides the totals; each costs time and memory.

    Attributes:
        outcomes: times and counts of every request.
        timeline: a `TimelinePoint` for every step.
        observer: is called with every `Event`.
    """

    outcomes: bool = True
    timeline: bool = False
    observer: Callable[[Event], None] | None = None


class Run(ABC):
    """A trace on its way through a scheduler; `advance` is what the two ways differ in.

    Args:
        scheduler: empty.
        trace: requests in the order of arrival.
        cost: how long steps take.
        max_concurrency: see `Clients`.
        recording: what is kept.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        trace: Iterable[TraceRequest],
        cost: CostModel,
        max_concurrency: int | None,
        recording: Recording,
    ) -> None:
        self.scheduler = scheduler
        self.config: SchedulerConfig = scheduler.config
        self.clients = Clients(trace, max_concurrency)
        self.cost = cost
        self.recording = recording
        self.clock_ps = 0
        self.totals = Totals()
        self.outcomes = Outcomes()
        self.timeline: list[TimelinePoint] = []
        self._rows: dict[str, int] = {}
        self._num_before = 0
        self._last_event_step = 0
        # Longer than any prefill takes, even one of the whole KV cache by a token a step.
        self._patience = 1000 + 4 * self.config.num_usable_tokens

    def run(self, stop_after: int | None = None, on_progress: Callable[[int], None] | None = None) -> None:
        """Runs to the end of the trace.

        Args:
            stop_after: end earlier, when this many requests have ended.
            on_progress: is called now and then with the number of requests that ended so far.

        Raises:
            ValueError: the trace is not in the order of arrival, or the scheduler can never serve a request.
            LivelockError: requests preempt one another for ever.
        """
        while True:
            self._meet_clients()
            if stop_after is not None and self.totals.num_ended >= stop_after:
                break
            if self.scheduler.has_unfinished_requests:
                self.advance()
                self._check_progress()
            elif self.clients.has_more:
                self.clock_ps = max(self.clock_ps, self.clients.next_arrival_ps)
            else:
                break
            if on_progress:
                on_progress(self.totals.num_ended)
        self.totals.prefix_cache.add(self.scheduler.manager.make_prefix_cache_stats())

    @abstractmethod
    def advance(self) -> None:
        """Takes one step, or several in which nothing changes."""

    @abstractmethod
    def add(self, traced: TraceRequest) -> None:
        """Puts a request of the trace into the scheduler."""

    @abstractmethod
    def abort(self, request_id: str) -> int:
        """Ends a request of the scheduler; returns how many tokens it got."""

    def _meet_clients(self) -> None:
        clients, requests = self.clients, self.scheduler.requests
        if clients.has_aborts:
            self._give_up()
        if clients.has_more and clients.next_arrival_ps <= self.clock_ps:
            for traced, submitted_ps in clients.send(self.clock_ps, len(requests), self._num_before):
                self.add(traced)
                if self.recording.outcomes:
                    row = self.outcomes.add(traced.request_id, submitted_ps, traced.num_prompt_tokens)
                    self._rows[traced.request_id] = row
            if clients.has_aborts:
                self._give_up()
        self._num_before = len(requests)

    def _give_up(self) -> None:
        for request_id in self.clients.give_up(self.clock_ps):
            if request_id in self.scheduler.requests:
                num_output_tokens = self.abort(request_id)
                self._last_event_step = self.totals.num_steps
                self.totals.num_aborted += 1
                self._observe("abort", request_id)
                self._record_end(request_id, num_output_tokens, UNSET)

    def _check_progress(self) -> None:
        num_steps = self.totals.num_steps - self._last_event_step
        if num_steps > self._patience:
            raise LivelockError(
                f"{len(self.scheduler.requests)} requests preempted one another for {num_steps} steps without a new "
                "token, as they would in vLLM. More blocks, fewer max_num_seqs, or scheduler_reserve_full_isl help."
            )

    def _observe(self, kind: str, request_id: str, block_ids: Iterable[int] = ()) -> None:
        if self.recording.observer:
            self.recording.observer(Event(self.totals.num_steps, kind, request_id, tuple(block_ids)))

    def _record_admission(self, request_id: str, start_ps: int, num_hit_tokens: int) -> None:
        if self.recording.outcomes:
            row = self._rows[request_id]
            if self.outcomes.scheduled_ps[row] == UNSET:
                self.outcomes.scheduled_ps[row] = start_ps
                self.outcomes.num_hit_tokens[row] = num_hit_tokens

    def _record_first_token(self, request_id: str) -> None:
        if self.recording.outcomes:
            self.outcomes.first_token_ps[self._rows[request_id]] = self.clock_ps

    def _record_preemption(self, request_id: str) -> None:
        self.totals.num_preemptions += 1
        if self.recording.outcomes:
            self.outcomes.num_preemptions[self._rows[request_id]] += 1

    def _record_finish(self, request_id: str, num_output_tokens: int) -> None:
        self.totals.num_finished += 1
        self._observe("finish", request_id)
        self._record_end(request_id, num_output_tokens, self.clock_ps)

    def _record_end(self, request_id: str, num_output_tokens: int, finished_ps: int) -> None:
        if self.recording.outcomes:
            row = self._rows.pop(request_id)
            self.outcomes.num_output_tokens[row] = num_output_tokens
            self.outcomes.finished_ps[row] = finished_ps

    def _count_steps(self, num_steps: int, num_requests: int, num_tokens: int, num_used_blocks: int) -> None:
        """Adds up steps that are alike in all but the places that they fill; `num_steps` is the caller's to raise."""
        totals = self.totals
        totals.num_scheduled_tokens += num_steps * num_tokens
        totals.sum_scheduled_requests += num_steps * num_requests
        totals.sum_used_blocks += num_steps * num_used_blocks
        totals.peak_used_blocks = max(totals.peak_used_blocks, num_used_blocks)
        totals.peak_scheduled_requests = max(totals.peak_scheduled_requests, num_requests)

    def _add_timeline_point(self, start_ps: int, num_tokens: int, num_used_blocks: int, num_unfilled: int) -> None:
        if self.recording.timeline:
            running, waiting = len(self.scheduler.running), len(self.scheduler.waiting)
            index = self.totals.num_steps
            point = TimelinePoint(index, start_ps, num_tokens, running, waiting, num_used_blocks, num_unfilled)
            self.timeline.append(point)
