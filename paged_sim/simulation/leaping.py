"""The fast way: work for what changes in a step, not for every running request.

While a request decodes, all that happens to it is known beforehand: it takes a new block when it crosses a block
boundary, fills (and caches) one the step before, and ends at a known step. So decoding requests are kept by the step at
which they cross next (modulo the block size), their lengths are not touched, and where no request crosses, ends or
arrives, many steps are counted in one go.

That holds as long as every running request gets its tokens: at most one prefill is under way, and the free blocks
suffice. Any other step (a preemption, several prefills at once) is decided by the reference, `Scheduler`, with all
numbers brought up to date before.
"""

import heapq
from bisect import bisect_left
from itertools import islice
from typing import Any

from paged_sim.request import RequestStatus
from paged_sim.scheduler import Scheduler, SchedulerStep
from paged_sim.scheduler_config import SchedulerConfig
from paged_sim.simulation.compact_manager import CompactKVCacheManager
from paged_sim.simulation.cost_model import num_attention_pairs
from paged_sim.simulation.replayed_request import ReplayedRequest
from paged_sim.simulation.run import TimelinePoint
from paged_sim.simulation.step_by_step import StepByStepRun
from paged_sim.workload.trace import TraceRequest

Growth = list[tuple[ReplayedRequest, tuple[int, ...]]]


class ReplayScheduler(Scheduler):
    """A `Scheduler` of replayed requests."""

    def __init__(self, config: SchedulerConfig) -> None:
        super().__init__(config, CompactKVCacheManager)
        self._num_admissions = 0

    @property
    def can_admit(self) -> bool:
        """Whether somebody waits and the limit of running requests is not reached."""
        return bool(self.waiting) and len(self.running) < self.config.max_num_seqs

    def preempt_latest(self) -> None:
        """Preempts the request that was admitted last."""
        self._preempt(self.running.pop(), [])

    def admit_waiting(self, step: SchedulerStep, num_running_tokens: int) -> None:
        """Admits who waits, in a step whose running requests take `num_running_tokens` of the budget."""
        self._schedule_waiting(step, self.config.max_num_batched_tokens - num_running_tokens, self.longest_chunk)

    def finish(self, request: ReplayedRequest) -> None:
        """Ends a running request that has its whole answer."""
        self.running.remove(request)
        self._finish(request, RequestStatus.FINISHED_LENGTH_CAPPED)
        self._ended.clear()

    def _admit(self, request: ReplayedRequest, num_hit_tokens: int) -> None:
        super()._admit(request, num_hit_tokens)
        self._num_admissions += 1
        request.admission = self._num_admissions

    def _end_of(self, request: ReplayedRequest) -> RequestStatus | None:
        return RequestStatus.FINISHED_LENGTH_CAPPED if request.num_tokens >= request.num_final_tokens else None


class LeapingRun(StepByStepRun):
    """Runs a trace with the decisions and statistics of `StepByStepRun`."""

    def __init__(self, scheduler: ReplayScheduler, *arguments: Any) -> None:
        super().__init__(scheduler, *arguments)
        self._block_size = self.config.block_size
        self._caching = self.config.enable_caching
        self._pool = scheduler.manager.pool
        self._step = 0
        self._growing: list[list[ReplayedRequest]] = [[] for _ in range(self._block_size)]
        self._ends: list[tuple[int, int, ReplayedRequest]] = []
        self._num_decoding = 0
        self._num_context = 0
        self._num_unfilled = 0
        self._prefill: ReplayedRequest | None = None
        self._is_regular = True
        self._may_admit = True
        self._num_preempted_now = 0

    def add(self, traced: TraceRequest) -> None:
        """Puts a request into the scheduler."""
        self.scheduler.add_request(ReplayedRequest(traced, self.config.max_model_len))
        self._may_admit = True

    def abort(self, request_id: str) -> int:
        """Ends a request; returns how many tokens it got."""
        self._bring_all_up_to_date()
        num_output_tokens = super().abort(request_id)
        self._look_anew()
        return num_output_tokens

    def advance(self) -> None:
        """Takes a step, or as many as nothing changes in."""
        growing = self._growing[self._step % self._block_size]
        num_chunk_tokens = self._num_chunk_tokens() if self._prefill else 0
        fits = len(growing) + self._num_chunk_blocks(num_chunk_tokens) <= self._pool.num_free_blocks
        if not self._is_regular or not (fits or self.config.policy == "fcfs"):
            self._reference_step()
        elif growing or self._prefill or (num_steps := self._num_quiet_steps()) < 2:
            self._regular_step(growing, num_chunk_tokens, fits)
        else:
            self._leap(num_steps)

    # A step in which every running request gets its tokens or is preempted

    def _regular_step(self, growing: list[ReplayedRequest], num_chunk_tokens: int, fits: bool) -> None:
        start_ps = self.clock_ps
        grown = self._grow(growing) if fits else self._grow_by_preempting(growing)
        if self._caching:
            self._fill(self._growing[(self._step + 1) % self._block_size])
        joining = self._chunk(num_chunk_tokens, grown) if self._prefill and num_chunk_tokens else []
        num_tokens = self._num_decoding + sum(num_new for _, num_new in joining)
        self._num_unfilled -= self._num_decoding
        if self.recording.observer:
            for request, blocks in grown:
                self._observe("grow", request.request_id, blocks)
        if self._may_admit and self.scheduler.can_admit and self._num_preempted_now == 0:
            joining += self._admit_waiting(num_tokens)
        self._count_regular_step(joining, start_ps)
        self._finish_due()
        self._step += 1
        for request, _ in joining:
            self._join(request)
        self.totals.num_steps += 1

    def _count_regular_step(self, joining: list[tuple[ReplayedRequest, int]], start_ps: int) -> None:
        num_tokens = num_seqs = self._num_decoding
        num_context = num_pairs = self._num_context
        for request, num_new in joining:
            num_tokens += num_new
            num_seqs += request.num_computed_tokens == request.num_tokens
            num_context += request.num_computed_tokens
            num_pairs += num_attention_pairs(request.num_computed_tokens - num_new, num_new)
        self.clock_ps += self.cost.step_time_ps(num_tokens, num_seqs, num_context, num_pairs)
        num_used = self._pool.num_usable_blocks - self._pool.num_free_blocks
        self.totals.sum_unfilled_slots += self._num_unfilled
        self._count_steps(1, self._num_decoding + len(joining), num_tokens, num_used)
        self._add_timeline_point(start_ps, num_tokens, num_used, self._num_unfilled)

    def _grow(self, growing: list[ReplayedRequest]) -> Growth:
        self._num_preempted_now = 0
        if not growing:
            return []
        self._num_unfilled += len(growing) * self._block_size
        blocks = self._pool.get_new_blocks(len(growing))
        for request, block in zip(growing, blocks, strict=True):
            request.table.append(block)
        if self.recording.observer:
            return [(request, (block,)) for request, block in zip(growing, blocks, strict=True)]
        return []

    def _grow_by_preempting(self, growing: list[ReplayedRequest]) -> Growth:
        """Gives each its block in turn; whenever none is left, the latest admitted request loses all of its own."""
        grown: Growth = []
        num_preempted = 0
        needy = list(growing)
        while needy:
            num_blocks = min(len(needy), self._pool.num_free_blocks)
            grown += self._grow(needy[:num_blocks])
            needy = needy[num_blocks:]
            if needy:
                self._preempt_latest()
                num_preempted += 1
                needy = [request for request in needy if request.status is RequestStatus.RUNNING]
        self._num_preempted_now = num_preempted
        return grown

    def _preempt_latest(self) -> None:
        victim = self.scheduler.running[-1]
        if victim is self._prefill:
            self._prefill = None
        else:
            self._bring_up_to_date(victim)
            self._growing[(1 - victim.token_offset) % self._block_size].remove(victim)
            self._num_decoding -= 1
            self._num_context -= victim.num_tokens
        self._num_unfilled -= len(victim.table) * self._block_size - victim.num_computed_tokens
        self.scheduler.preempt_latest()
        self._observe("preempt", victim.request_id)
        self._record_preemption(victim.request_id)
        self._may_admit = True

    def _fill(self, filling: list[ReplayedRequest]) -> None:
        if filling:
            blocks = [request.table[-1] for request in filling]
            keys = [next(request.next_keys) for request in filling]
            self._pool.cache_blocks(blocks, keys)
            self._may_admit = True

    def _num_chunk_tokens(self) -> int:
        request = self._prefill
        budget = self.config.max_num_batched_tokens - self._num_decoding
        longest = self.scheduler.longest_chunk or budget
        return min(request.num_tokens - request.num_computed_tokens, budget, longest)

    def _num_chunk_blocks(self, num_tokens: int) -> int:
        if not num_tokens:
            return 0
        request = self._prefill
        return -(-(request.num_computed_tokens + num_tokens) // self._block_size) - len(request.table)

    def _chunk(self, num_tokens: int, grown: Growth) -> list[tuple[ReplayedRequest, int]]:
        request = self._prefill
        new_blocks = self.scheduler.manager.allocate_slots(request, num_tokens)
        if new_blocks is None:
            self._preempt_latest()
            self._num_preempted_now += 1
            return []
        self._prefill = None
        if new_blocks:
            grown.append((request, tuple(new_blocks)))
        request.num_computed_tokens += num_tokens
        self._num_unfilled += len(new_blocks) * self._block_size - num_tokens
        self._may_admit = True
        return [(request, num_tokens)]

    def _admit_waiting(self, num_running_tokens: int) -> list[tuple[ReplayedRequest, int]]:
        step = SchedulerStep()
        self.scheduler.admit_waiting(step, num_running_tokens)
        admitted = []
        for request_id, num_tokens in step.num_scheduled_tokens.items():
            request = self.scheduler.requests[request_id]
            self._record_admission(request_id, self.clock_ps, request.num_computed_tokens)
            self._observe("admit", request_id, request.table)
            request.num_computed_tokens += num_tokens
            self._num_unfilled += len(request.table) * self._block_size - request.num_computed_tokens
            admitted.append((request, num_tokens))
        self._may_admit = bool(admitted) or num_running_tokens == self.config.max_num_batched_tokens
        return admitted

    def _finish_due(self) -> None:
        self._num_context += self._num_decoding
        ends = self._ends
        while ends and ends[0][0] == self._step:
            _, admission, request = heapq.heappop(ends)
            if request.status is not RequestStatus.RUNNING or request.admission != admission:
                continue
            self._num_decoding -= 1
            self._num_context -= request.num_final_tokens
            self._growing[(1 - request.token_offset) % self._block_size].remove(request)
            self._finish(request)

    def _finish(self, request: ReplayedRequest) -> None:
        self._num_unfilled -= len(request.table) * self._block_size - (request.num_final_tokens - 1)
        self.scheduler.finish(request)
        self._may_admit = True
        self._record_finish(request.request_id, request.num_final_tokens - request.num_prompt_tokens)

    def _join(self, request: ReplayedRequest) -> None:
        if request.num_computed_tokens < request.num_tokens:
            self._is_regular = self._prefill is None and self.scheduler.running[-1] is request
            self._prefill = request
            return
        request.num_tokens += 1
        if request.num_output_tokens == 1:
            self._record_first_token(request.request_id)
        if request.num_tokens == request.num_final_tokens:
            self._finish(request)
        else:
            self._start_decoding(request)

    # Steps in which nothing changes

    def _num_quiet_steps(self) -> int:
        if not self._num_decoding or (self._may_admit and self.scheduler.can_admit):
            return 1
        crossing = next(j for j in range(1, self._block_size + 1) if self._growing[(self._step + j) % self._block_size])
        num_steps = min(crossing - 1 if self._caching else crossing, self._ends[0][0] - self._step)
        return self._num_steps_before_event(num_steps)

    def _num_steps_before_event(self, num_steps: int) -> int:
        event_ps = self.clients.next_event_ps(len(self.scheduler.requests))
        if event_ps is None:
            return num_steps
        room = event_ps - self.clock_ps
        return 1 + bisect_left(
            range(1, num_steps), room, key=lambda n: self.cost.decode_run_ps(self._num_decoding, self._num_context, n)
        )

    def _leap(self, num_steps: int) -> None:
        decoding, num_used = self._num_decoding, self._pool.num_usable_blocks - self._pool.num_free_blocks
        if self.recording.timeline:
            self._add_timeline_points(num_steps, num_used)
        self.clock_ps += self.cost.decode_run_ps(decoding, self._num_context, num_steps)
        num_filled = decoding * num_steps * (num_steps + 1) // 2
        self.totals.sum_unfilled_slots += num_steps * self._num_unfilled - num_filled
        self._count_steps(num_steps, decoding, decoding, num_used)
        self._num_unfilled -= decoding * num_steps
        self._num_context += decoding * num_steps
        self._step += num_steps
        self.totals.num_steps += num_steps

    def _add_timeline_points(self, num_steps: int, num_used: int) -> None:
        num_running, num_waiting = len(self.scheduler.running), len(self.scheduler.waiting)
        for i in range(num_steps):
            start_ps = self.clock_ps + self.cost.decode_run_ps(self._num_decoding, self._num_context, i)
            num_unfilled = self._num_unfilled - self._num_decoding * (i + 1)
            self.timeline.append(
                TimelinePoint(
                    self.totals.num_steps + i,
                    start_ps,
                    self._num_decoding,
                    num_running,
                    num_waiting,
                    num_used,
                    num_unfilled,
                )
            )

    # What one step needs from the reference

    def _reference_step(self) -> None:
        self._bring_all_up_to_date()
        super().advance()
        self._step += 1
        self._look_anew()

    def _sample(self, request: ReplayedRequest) -> int:
        return 0

    def _bring_up_to_date(self, request: ReplayedRequest) -> None:
        request.num_tokens = self._step + request.token_offset
        request.num_computed_tokens = request.num_tokens - 1
        request.num_cached_blocks = request.num_computed_tokens // self._block_size

    def _bring_all_up_to_date(self) -> None:
        for decoding in self._growing:
            for request in decoding:
                self._bring_up_to_date(request)

    def _look_anew(self) -> None:
        for decoding in self._growing:
            decoding.clear()
        self._ends.clear()
        self._num_decoding = self._num_context = self._num_unfilled = 0
        prefills = []
        for request in self.scheduler.running:
            self._num_unfilled += len(request.table) * self._block_size - request.num_computed_tokens
            if request.num_tokens - request.num_computed_tokens == 1 and request.num_output_tokens:
                self._start_decoding(request)
            else:
                prefills.append(request)
        self._prefill = prefills[-1] if prefills else None
        self._is_regular = not prefills or (len(prefills) == 1 and self.scheduler.running[-1] is self._prefill)
        self._may_admit = True

    def _start_decoding(self, request: ReplayedRequest) -> None:
        """Enters a request that lacks a single token before step `self._step`."""
        request.token_offset = request.num_tokens - self._step
        if self._caching:
            request.next_keys = islice(request.keys, request.num_computed_tokens // self._block_size, None)
        last_step = request.num_final_tokens - request.token_offset - 1
        heapq.heappush(self._ends, (last_step, request.admission, request))
        self._growing[(1 - request.token_offset) % self._block_size].append(request)
        self._num_decoding += 1
        self._num_context += request.num_tokens
