"""Preemption by swapping, of a group of forked requests as a whole (section 4.5)."""

from collections import deque
from collections.abc import Iterable
from functools import partial

from paged_sim.checks import require
from paged_sim.paper.preemption_records import BlockMoves, PreemptionCounts
from paged_sim.paper.swapping import SwappingKVCacheManager
from paged_sim.request import Request, RequestStatus, require_token_id
from paged_sim.scheduler import Scheduler, SchedulerStep
from paged_sim.scheduler_config import SchedulerConfig


class SwappingScheduler(Scheduler):
    """A `Scheduler` that swaps where vLLM's V1 recomputes, as the paper and the V0 engine could.

    * All or nothing: the requests of a group (`fork`) are preempted and come back together. A request that was never
      forked is a group of its own. The group that was admitted last goes first.
    * A group that has to go is swapped out. If the CPU pool has no room for it, its requests are preempted as in V1:
      each waits at the front of the line, on its own from then on, and is computed again.
    * Swapped groups come back in the order of their admission, and no waiting request is admitted before all are back
      (V0's rule; section 4.5 even waits until they have completed).
    * A group that has outgrown the GPU pool cannot come back; it is computed again, each request on its own.

    Without CPU blocks and without forks it decides as `Scheduler`.

    Args:
        config: sizes and limits; the policy must be fcfs, which the paper has.
        num_cpu_blocks: blocks of the CPU pool, at least 0.

    Raises:
        ValueError: the policy is another one, or `num_cpu_blocks` is out of its range.
    """

    manager: SwappingKVCacheManager

    def __init__(self, config: SchedulerConfig, num_cpu_blocks: int) -> None:
        require(config.policy == "fcfs", "policy", "fcfs, the order in which groups are swapped", config.policy)
        super().__init__(config, partial(SwappingKVCacheManager, num_cpu_blocks=num_cpu_blocks))
        self.swapped: deque[Request] = deque()
        self.counts = PreemptionCounts()
        self._most_computed: dict[str, int] = {}
        self._moves = BlockMoves()

    def fork(self, parent_id: str, child_id: str, token_id: int) -> Request:
        """Lets a new request continue a running one with another token; from now on both are one group.

        It stands for another sample from the logits that gave the parent its last token, so it comes between `update`
        and `schedule`, when that token is the only one of the parent that is not computed.

        Args:
            parent_id: the request to continue.
            child_id: a non-empty text, unused among unfinished requests.
            token_id: the child's token in place of the parent's last one, a number in [0, 2**32).

        Returns:
            The child, which may get as many more tokens as the parent.

        Raises:
            ValueError: the parent is in another state, the child's id or token is not as above, or as many requests run
                as may; nothing has changed.
        """
        parent = next((request for request in self.running if request.request_id == parent_id), None)
        rule = "that of a running request of which only the sampled token is not computed"
        require(parent is not None and _has_sampled(parent), "parent_id", rule, parent_id)
        is_free = isinstance(child_id, str) and child_id != "" and child_id not in self.requests
        require(is_free, "child_id", "a non-empty text, unused among unfinished requests", child_id)
        require_token_id("token_id", token_id)
        child = _child(parent, child_id, token_id)
        limit = self.config.max_num_seqs
        require(len(self.running) < limit, "running requests", f"below max_num_seqs ({limit})", len(self.running))
        last_of_group = self.manager.group(parent)[-1]
        self.manager.fork(parent, child)
        child.status = RequestStatus.RUNNING
        self.requests[child_id] = child
        self.running.insert(self.running.index(last_of_group) + 1, child)
        return child

    def abort(self, request_id: str) -> None:
        """Ends a request, whatever it is doing, and frees its blocks; see `Scheduler.abort`."""
        request = next((request for request in self.swapped if request.request_id == request_id), None)
        if request is None:
            super().abort(request_id)
        else:
            self.swapped.remove(request)
            self._finish(request, RequestStatus.FINISHED_ABORTED)

    def reset_prefix_cache(self, reset_running_requests: bool = False) -> bool:
        """Forgets all cached contents if no request holds blocks; returns whether it was done.

        Args:
            reset_running_requests: make those that run or are swapped out compute everything again.
        """
        while reset_running_requests and self.swapped:
            self._preempt(self.swapped.pop(), self._preempted)
        return super().reset_prefix_cache(reset_running_requests)

    def schedule(self) -> SchedulerStep:
        """Decides the next step; `take_moves` says which blocks are to be copied before it.

        Raises:
            ValueError: the step before was not taken in with `update`.
        """
        require(not self._not_updated, "schedule()", "called after update() of the step before", "a call before it")
        step = super().schedule()
        self._moves.copied += self.manager.take_copies()
        for request_id, num_tokens in step.num_scheduled_tokens.items():
            end = self.requests[request_id].num_computed_tokens
            known = min(end, self._most_computed.get(request_id, 0))
            self.counts.recomputed_tokens += max(known - (end - num_tokens), 0)
        return step

    def take_moves(self) -> BlockMoves:
        """Returns the blocks to copy since the last call."""
        moves, self._moves = self._moves, BlockMoves()
        return moves

    def _schedule_running(self, step: SchedulerStep, budget: int, longest_chunk: int) -> int:
        groups = deque(self.manager.group(request) for request in self.running if self._is_first_of_group(request))
        while groups and budget > 0:
            group = groups.popleft()
            num_tokens = self._next_tokens(group, budget, longest_chunk)
            while not self._fits(num_tokens):
                victims = groups.pop() if groups else group
                self._preempt_group(victims, step.preempted)
                if victims is group:
                    return budget
            budget -= self._allocate(num_tokens, step)
        return budget

    def _schedule_waiting(self, step: SchedulerStep, budget: int, longest_chunk: int) -> None:
        while self.swapped and budget > 0:
            group = self.manager.group(self.swapped[0])
            num_tokens = self._next_tokens(group, budget, longest_chunk)
            if self._may_return(group, num_tokens):
                self._swap_in(group, step)
                budget -= self._allocate(num_tokens, step)
                step.new_block_ids |= {member.request_id: self.manager.block_ids(member.request_id) for member in group}
            elif self.running:
                return
            else:
                self._recompute([self.swapped.popleft() for _ in group], step.preempted)
        super()._schedule_waiting(step, budget, longest_chunk)

    def _next_tokens(self, requests: Iterable[Request], budget: int, longest_chunk: int) -> dict[Request, int]:
        """Returns how many tokens the tables have to hold after this step, of those requests that get any in it."""
        num_tokens = {}
        for request in requests:
            missing = request.num_tokens - request.num_computed_tokens
            num_new_tokens = min(self._chunk(missing, longest_chunk), budget)
            budget -= num_new_tokens
            if num_new_tokens > 0:
                num_tokens[request] = request.num_computed_tokens + num_new_tokens
        return num_tokens

    def _is_first_of_group(self, request: Request) -> bool:
        return self.manager.group(request)[0] is request

    def _fits(self, num_tokens: dict[Request, int], num_reserved_blocks: int = 0) -> bool:
        num_needed = self.manager.num_blocks_needed_by_all(num_tokens)
        return num_needed + num_reserved_blocks <= self.manager.pool.num_free_blocks

    def _may_return(self, group: list[Request], num_tokens: dict[Request, int]) -> bool:
        watermark = self.manager.watermark_blocks if self.running else 0
        has_room = self._fits(num_tokens, self.manager.block_use(group).with_sharing + watermark)
        return has_room and len(self.running) + len(group) <= self.config.max_num_seqs

    def _allocate(self, num_tokens: dict[Request, int], step: SchedulerStep) -> int:
        """Schedules requests for which there is room, and returns their new tokens."""
        for request, num_tokens_in_table in num_tokens.items():
            num_new_tokens = num_tokens_in_table - request.num_computed_tokens
            new_blocks = self.manager.allocate_slots(request, num_new_tokens)
            step.num_scheduled_tokens[request.request_id] = num_new_tokens
            step.new_block_ids[request.request_id] = self.manager.ids(new_blocks)
        return sum(step.num_scheduled_tokens[request.request_id] for request in num_tokens)

    def _swap_in(self, group: list[Request], step: SchedulerStep) -> None:
        moves = self.manager.swap_in(group[0])
        self._moves.swapped_in += moves
        self.counts.blocks_swapped_in += len(moves)
        self.counts.num_swaps_in += len(group)
        for request in group:
            self.swapped.remove(request)
            self.running.append(request)
            request.status = RequestStatus.RUNNING
            step.admitted.append(request.request_id)

    def _preempt_group(self, group: list[Request], preempted: list[str]) -> None:
        for request in group:
            self.running.remove(request)
        moves = self.manager.swap_out(group[0])
        if moves is None:
            self._recompute(group, preempted)
            return
        self._moves.swapped_out += moves
        self.counts.blocks_swapped_out += len(moves)
        self.counts.num_swaps_out += len(group)
        self.swapped.extendleft(reversed(group))
        for request in reversed(group):
            preempted.append(request.request_id)
            request.status = RequestStatus.PREEMPTED
            request.num_preemptions += 1

    def _recompute(self, group: list[Request], preempted: list[str]) -> None:
        for request in reversed(group):
            self._preempt(request, preempted)

    def _preempt(self, request: Request, preempted: list[str]) -> None:
        known = self._most_computed.get(request.request_id, 0)
        self._most_computed[request.request_id] = max(known, request.num_computed_tokens)
        self.counts.num_recomputations += 1
        super()._preempt(request, preempted)

    def _finish(self, request: Request, status: RequestStatus) -> None:
        self._most_computed.pop(request.request_id, None)
        super()._finish(request, status)


def _has_sampled(request: Request) -> bool:
    return request.num_output_tokens > 0 and request.num_tokens - request.num_computed_tokens == 1


def _child(parent: Request, child_id: str, token_id: int) -> Request:
    return Request(
        child_id,
        [*parent.all_token_ids[:-1], token_id],
        parent.max_tokens - parent.num_output_tokens,
        parent.eos_token_id,
        parent.lora_name,
        parent.cache_salt,
        parent.priority,
        parent.arrival_time,
        parent.skip_reading_prefix_cache,
    )
