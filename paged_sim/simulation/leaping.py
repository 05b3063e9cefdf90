"""The fast way: work for what changes in a step, not for every running request.

A step is regular if every running request gets its tokens or is preempted for lack of blocks, the latest first; at most
one prefill is then under way, that of the latest request. Such a step touches only the requests that need a block, fill
one, end or join. Where nothing of that kind happens, many steps are counted in one go.

Any other step (a preemption by priority, several prefills at once) is decided by the reference, `Scheduler`, with all
numbers brought up to date before.
"""

from bisect import bisect_left
from typing import Any

from paged_sim.request import RequestStatus
from paged_sim.simulation.cost_model import num_attention_pairs
from paged_sim.simulation.decoding_requests import DecodingRequests
from paged_sim.simulation.replay_scheduler import ReplayScheduler
from paged_sim.simulation.replayed_request import ReplayedRequest
from paged_sim.simulation.run import TimelinePoint
from paged_sim.simulation.step_by_step import StepByStepRun
from paged_sim.workload.trace import TraceRequest

Growth = list[tuple[ReplayedRequest, tuple[int, ...]]]
Joining = list[tuple[ReplayedRequest, int]]


class LeapingRun(StepByStepRun):
    """Runs a trace with the decisions, statistics and times of `StepByStepRun`."""

    def __init__(self, scheduler: ReplayScheduler, *arguments: Any) -> None:
        super().__init__(scheduler, *arguments)
        self._block_size = self.config.block_size
        self._pool = scheduler.manager.pool
        self._decoding = DecodingRequests(self._block_size, self.config.enable_caching)
        self._prefill: ReplayedRequest | None = None
        self._is_regular = True
        # Whether an attempt to admit may end otherwise than the last one.
        self._may_admit = True
        self._step = 0
        self._num_unfilled = 0

    def add(self, traced: TraceRequest) -> None:
        """Puts a request into the scheduler."""
        self.scheduler.add_request(ReplayedRequest(traced, self.config.max_model_len))
        self._may_admit = True

    def abort(self, request_id: str) -> int:
        """Ends a request; returns how many tokens it got."""
        self._decoding.bring_up_to_date(self._step)
        num_output_tokens = super().abort(request_id)
        self._look_anew()
        return num_output_tokens

    def advance(self) -> None:
        """Takes a step, or as many as nothing changes in."""
        growing = self._decoding.growing(self._step)
        num_chunk_tokens = self._num_chunk_tokens() if self._prefill else 0
        fits = len(growing) + self._num_chunk_blocks(num_chunk_tokens) <= self._pool.num_free_blocks
        if not self._is_regular or not (fits or self.config.policy == "fcfs"):
            self._reference_step()
        elif growing or self._prefill or (num_steps := self._num_quiet_steps()) < 2:
            self._regular_step(growing, num_chunk_tokens, fits)
        else:
            self._leap(num_steps)

    # A regular step

    def _regular_step(self, growing: list[ReplayedRequest], num_chunk_tokens: int, fits: bool) -> None:
        start_ps = self.clock_ps
        num_preemptions = self.totals.num_preemptions
        grown = self._grow(growing) if fits else self._grow_by_preempting(growing)
        if self.config.enable_caching:
            self._fill(self._decoding.filling(self._step))
        joining = self._chunk(num_chunk_tokens, grown) if self._prefill and num_chunk_tokens else []
        self._num_unfilled -= self._decoding.num_requests
        for request, blocks in grown:
            self._observe("grow", request.request_id, blocks)
        if self._may_admit and self.scheduler.can_admit and self.totals.num_preemptions == num_preemptions:
            joining += self._admit_waiting(self._decoding.num_requests + sum(num_new for _, num_new in joining))
        self._count_regular_step(joining, start_ps)
        self._decoding.advance(1)
        for request in self._decoding.take_ended(self._step):
            self._finish(request)
        self._step += 1
        for request, _ in joining:
            self._join(request)
        self.totals.num_steps += 1

    def _grow(self, growing: list[ReplayedRequest]) -> Growth:
        if not growing:
            return []
        self._num_unfilled += len(growing) * self._block_size
        blocks = self._pool.get_new_blocks(len(growing))
        for request, block in zip(growing, blocks, strict=True):
            request.table.append(block)
        if self.recording.observer is None:
            return []
        return [(request, (block,)) for request, block in zip(growing, blocks, strict=True)]

    def _grow_by_preempting(self, growing: list[ReplayedRequest]) -> Growth:
        """Gives each its block in turn; whenever none is left, the latest admitted request loses all of its own."""
        grown: Growth = []
        needy = list(growing)
        while needy:
            num_blocks = min(len(needy), self._pool.num_free_blocks)
            grown += self._grow(needy[:num_blocks])
            needy = needy[num_blocks:]
            if needy:
                self._preempt_latest()
                needy = [request for request in needy if request.status is RequestStatus.RUNNING]
        return grown

    def _preempt_latest(self) -> None:
        victim = self.scheduler.running[-1]
        if victim is self._prefill:
            self._prefill = None
        else:
            self._decoding.stop(victim, self._step)
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
        budget = self.config.max_num_batched_tokens - self._decoding.num_requests
        longest = self.scheduler.longest_chunk or budget
        return min(request.num_tokens - request.num_computed_tokens, budget, longest)

    def _num_chunk_blocks(self, num_tokens: int) -> int:
        if not num_tokens:
            return 0
        request = self._prefill
        return -(-(request.num_computed_tokens + num_tokens) // self._block_size) - len(request.table)

    def _chunk(self, num_tokens: int, grown: Growth) -> Joining:
        request = self._prefill
        new_blocks = self.scheduler.manager.allocate_slots(request, num_tokens)
        if new_blocks is None:
            self._preempt_latest()
            return []
        self._prefill = None
        if new_blocks:
            grown.append((request, tuple(new_blocks)))
        request.num_computed_tokens += num_tokens
        self._num_unfilled += len(new_blocks) * self._block_size - num_tokens
        self._may_admit = True
        return [(request, num_tokens)]

    def _admit_waiting(self, num_running_tokens: int) -> Joining:
        admitted = []
        for request_id, num_tokens in self.scheduler.admit_waiting(num_running_tokens).items():
            request = self.scheduler.requests[request_id]
            self._record_admission(request_id, self.clock_ps, request.num_computed_tokens)
            self._observe("admit", request_id, request.table)
            request.num_computed_tokens += num_tokens
            self._num_unfilled += len(request.table) * self._block_size - request.num_computed_tokens
            admitted.append((request, num_tokens))
        # What is left of the budget can refuse somebody too: all of it is gone, or a prompt may not be cut.
        spent = num_running_tokens == self.config.max_num_batched_tokens
        self._may_admit = bool(admitted) or spent or not self.config.enable_chunked_prefill
        return admitted

    def _count_regular_step(self, joining: Joining, start_ps: int) -> None:
        num_tokens = num_seqs = self._decoding.num_requests
        num_context = num_pairs = self._decoding.num_context_tokens
        for request, num_new in joining:
            num_tokens += num_new
            num_seqs += request.num_computed_tokens == request.num_tokens
            num_context += request.num_computed_tokens
            num_pairs += num_attention_pairs(request.num_computed_tokens - num_new, num_new)
        if num_seqs:
            self._last_event_step = self.totals.num_steps
        self.clock_ps += self.cost.step_time_ps(num_tokens, num_seqs, num_context, num_pairs)
        self.totals.sum_unfilled_slots += self._num_unfilled
        self._count_steps(1, self._decoding.num_requests + len(joining), num_tokens, self._pool.num_used_blocks)
        self._add_timeline_point(start_ps, num_tokens, self._pool.num_used_blocks, self._num_unfilled)

    def _finish(self, request: ReplayedRequest) -> None:
        self._num_unfilled -= len(request.table) * self._block_size - (request.num_final_tokens - 1)
        self.scheduler.finish(request)
        self._may_admit = True
        self._record_finish(request.request_id, request.num_final_tokens - request.num_prompt_tokens)

    def _join(self, request: ReplayedRequest) -> None:
        """Takes a request that computed a chunk in the step before `self._step` to what it does next."""
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
            self._decoding.start(request, self._step)

    # Steps in which nothing changes

    def _num_quiet_steps(self) -> int:
        if not self._decoding.num_requests or (self._may_admit and self.scheduler.can_admit):
            return 1
        num_steps = self._decoding.num_quiet_steps(self._step)
        event_ps = self.clients.next_event_ps(len(self.scheduler.requests))
        if event_ps is None:
            return num_steps
        return 1 + bisect_left(range(1, num_steps), event_ps - self.clock_ps, key=self._decode_ps)

    def _decode_ps(self, num_steps: int) -> int:
        return self.cost.decode_run_ps(self._decoding.num_requests, self._decoding.num_context_tokens, num_steps)

    def _leap(self, num_steps: int) -> None:
        if self.recording.timeline:
            self._add_quiet_timeline_points(num_steps)
        num_requests = self._decoding.num_requests
        self.clock_ps += self._decode_ps(num_steps)
        num_filled = num_requests * num_steps * (num_steps + 1) // 2
        self.totals.sum_unfilled_slots += num_steps * self._num_unfilled - num_filled
        self._count_steps(num_steps, num_requests, num_requests, self._pool.num_used_blocks)
        self._num_unfilled -= num_requests * num_steps
        self._decoding.advance(num_steps)
        self._step += num_steps
        self._last_event_step = self.totals.num_steps = self.totals.num_steps + num_steps

    def _add_quiet_timeline_points(self, num_steps: int) -> None:
        num_requests = self._decoding.num_requests
        queues = (len(self.scheduler.running), len(self.scheduler.waiting))
        for i in range(num_steps):
            step, start_ps = self.totals.num_steps + i, self.clock_ps + self._decode_ps(i)
            num_unfilled = self._num_unfilled - num_requests * (i + 1)
            point = TimelinePoint(step, start_ps, num_requests, *queues, self._pool.num_used_blocks, num_unfilled)
            self.timeline.append(point)

    # A step that the reference decides

    def _reference_step(self) -> None:
        self._decoding.bring_up_to_date(self._step)
        super().advance()
        self._step += 1
        self._look_anew()

    def _sample(self, request: ReplayedRequest) -> int:
        return 0

    def _look_anew(self) -> None:
        self._decoding.clear()
        self._num_unfilled = 0
        prefills = []
        for request in self.scheduler.running:
            self._num_unfilled += len(request.table) * self._block_size - request.num_computed_tokens
            if request.num_tokens - request.num_computed_tokens == 1 and request.num_output_tokens:
                self._decoding.start(request, self._step)
            else:
                prefills.append(request)
        self._prefill = prefills[-1] if prefills else None
        self._is_regular = not prefills or (len(prefills) == 1 and self.scheduler.running[-1] is self._prefill)
        self._may_admit = True
