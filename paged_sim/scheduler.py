"""Continuous batching: which requests compute how many tokens in the next step, and who has to make room."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from paged_sim.checks import require
from paged_sim.kv_cache_manager import KVCacheManager
from paged_sim.request import Request, RequestStatus, require_token_id
from paged_sim.request_queue import request_queue
from paged_sim.scheduler_config import SchedulerConfig


@dataclass(slots=True, eq=False)
class SchedulerStep:
    """What one step computes (vLLM: `SchedulerOutput`).

    Attributes:
        num_scheduled_tokens: tokens by request, in the order in which they were scheduled.
        new_block_ids: by request: its whole table if it was admitted in this step, else the blocks that were added.
        preempted: requests that lost their blocks since the step before, or in this one, in that order.
        admitted: requests that joined the running ones, for the first time or again.
        sampling: requests whose tokens are all computed with this step: the model samples the next one of each.
        finished: requests that ended since the step before.
    """

    num_scheduled_tokens: dict[str, int] = field(default_factory=dict)
    new_block_ids: dict[str, list[int]] = field(default_factory=dict)
    preempted: list[str] = field(default_factory=list)
    admitted: list[str] = field(default_factory=list)
    sampling: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)

    @property
    def total_num_scheduled_tokens(self) -> int:
        """Tokens of all requests together."""
        return sum(self.num_scheduled_tokens.values())


class Scheduler:
    """Decides step by step as vLLM's synchronous scheduler does (v1/core/sched/scheduler.py).

    There is no prefill phase and no decode phase: every request has tokens, and some of them are computed; each step
    brings computed closer to all. A decoding request is one that lacks a single token.

    Args:
        config: sizes and limits.
        manager_class: what keeps the block tables.
    """

    def __init__(self, config: SchedulerConfig, manager_class: Callable[..., KVCacheManager] = KVCacheManager) -> None:
        require(isinstance(config, SchedulerConfig), "config", "a SchedulerConfig", config)
        self.config = config
        self.manager = manager_class(
            config.num_blocks, config.block_size, config.enable_caching, config.max_model_len, config.watermark
        )
        self.requests: dict[str, Request] = {}
        self.running: list[Request] = []
        self.waiting = request_queue(config.policy)
        self._ended: list[str] = []
        self._preempted: list[str] = []
        self._not_updated: list[SchedulerStep] = []

    @property
    def has_unfinished_requests(self) -> bool:
        """Whether anything runs or waits."""
        return bool(self.requests)

    @property
    def longest_chunk(self) -> int:
        """Most tokens that one request may have in the next step; 0 is no limit, which a lone request always has."""
        exists_other = len(self.running) + len(self.waiting) > 1
        return self.config.long_prefill_token_threshold if exists_other else 0

    def add_request(self, request: Request) -> None:
        """Puts a request into the waiting line.

        Raises:
            ValueError: its id is in use, it has run before, its prompt leaves no room for an answer, or the KV cache
                can never hold it; it was not added.
        """
        self._check_new(request)
        limit = self.config.max_model_len
        rule = f"shorter than max_model_len ({limit} tokens)"
        require(request.num_tokens < limit, "prompt_token_ids", rule, request.num_tokens)
        longest = min(request.num_prompt_tokens + request.max_tokens, limit) - 1
        capacity = self.config.num_usable_tokens
        rule = f"small enough for the KV cache of {capacity} tokens, or the request would wait for ever"
        require(longest <= capacity, "prompt and max_tokens - 1", rule, longest)
        self.requests[request.request_id] = request
        self.waiting.add(request)

    def abort(self, request_id: str) -> None:
        """Ends a request, whatever it is doing, and frees its blocks.

        Raises:
            ValueError: there is no such unfinished request.
        """
        is_known = isinstance(request_id, str) and request_id in self.requests
        require(is_known, "request_id", "that of an unfinished request", request_id)
        request = self.requests[request_id]
        if request.status is RequestStatus.RUNNING:
            self.running.remove(request)
        else:
            self.waiting.remove(request)
        self._finish(request, RequestStatus.FINISHED_ABORTED)

    def reset_prefix_cache(self, reset_running_requests: bool = False) -> bool:
        """Forgets all cached contents if no block is in use; returns whether it was done.

        Args:
            reset_running_requests: preempt what runs, so that no block is in use.
        """
        while reset_running_requests and self.running:
            self._preempt(self.running.pop(), self._preempted)
        return self.manager.reset_prefix_cache()

    def schedule(self) -> SchedulerStep:
        """Decides the next step; requests count as computed from now on."""
        step = SchedulerStep(preempted=self._preempted, finished=self._ended)
        self._preempted, self._ended = [], []
        num_preempted_before = len(step.preempted)
        longest_chunk = self.longest_chunk
        budget = self._schedule_running(step, self.config.max_num_batched_tokens, longest_chunk)
        if len(step.preempted) == num_preempted_before:
            self._schedule_waiting(step, budget, longest_chunk)
        for request_id, num_tokens in step.num_scheduled_tokens.items():
            request = self.requests[request_id]
            request.num_computed_tokens += num_tokens
            if request.num_computed_tokens == request.num_tokens:
                step.sampling.append(request_id)
        self._not_updated.append(step)
        return step

    def update(self, step: SchedulerStep, sampled: Mapping[str, int]) -> list[str]:
        """Takes in the tokens that the model sampled in a step.

        Args:
            step: from `schedule`.
            sampled: the next token of each request of `step.sampling`. Those of other requests of the step are
                ignored: the logits within a prompt say nothing of the answer.

        Returns:
            The ids of the requests that this finished; their blocks are free.

        Raises:
            ValueError: the step was taken in before, a request's token is missing, or something is no token; nothing
                has changed.
        """
        self._check_sampled(step, sampled)
        self._not_updated.remove(step)
        finished = []
        for request_id in step.sampling:
            request = self.requests[request_id]
            request.append_output_token_ids(sampled[request_id])
            status = self._end_of(request)
            if status:
                self.running.remove(request)
                self._finish(request, status)
                finished.append(request_id)
        return finished

    def _schedule_running(self, step: SchedulerStep, budget: int, longest_chunk: int) -> int:
        index = 0
        while index < len(self.running) and budget > 0:
            request = self.running[index]
            num_tokens = self._chunk(request.num_tokens - request.num_computed_tokens, longest_chunk)
            num_tokens = min(num_tokens, budget)
            if num_tokens == 0:
                index += 1
                continue
            while (new_blocks := self.manager.allocate_slots(request, num_tokens)) is None:
                victim = self._victim()
                index -= self.running.index(victim) < index
                self.running.remove(victim)
                budget += step.num_scheduled_tokens.pop(victim.request_id, 0)
                step.new_block_ids.pop(victim.request_id, None)
                self._preempt(victim, step.preempted)
                if victim is request:
                    return budget
            step.num_scheduled_tokens[request.request_id] = num_tokens
            step.new_block_ids[request.request_id] = self.manager.ids(new_blocks)
            budget -= num_tokens
            index += 1
        return budget

    def _schedule_waiting(self, step: SchedulerStep, budget: int, longest_chunk: int) -> None:
        while budget > 0 and self.waiting and len(self.running) < self.config.max_num_seqs:
            request = self.waiting.peek()
            hit_blocks, num_hit_tokens = self.manager.get_computed_blocks(request)
            num_tokens = self._chunk(request.num_tokens - num_hit_tokens, longest_chunk)
            if num_tokens > budget and not self.config.enable_chunked_prefill:
                return
            num_tokens = min(num_tokens, budget)
            new_blocks = self.manager.allocate_slots(
                request,
                num_tokens,
                num_hit_tokens,
                hit_blocks,
                full_sequence_must_fit=self.config.scheduler_reserve_full_isl,
                has_scheduled_reqs=bool(self.running),
            )
            if new_blocks is None:
                return
            self._admit(self.waiting.pop(), num_hit_tokens)
            step.num_scheduled_tokens[request.request_id] = num_tokens
            step.new_block_ids[request.request_id] = self.manager.ids([*hit_blocks, *new_blocks])
            step.admitted.append(request.request_id)
            budget -= num_tokens

    def _admit(self, request: Request, num_hit_tokens: int) -> None:
        self.manager.record_prefix_cache_stats(request, num_hit_tokens)
        self.running.append(request)
        request.status = RequestStatus.RUNNING
        request.num_computed_tokens = num_hit_tokens

    def _victim(self) -> Request:
        if self.config.policy == "priority":
            return max(self.running, key=lambda request: (request.priority, request.arrival_time))
        return self.running[-1]

    def _preempt(self, request: Request, preempted: list[str]) -> None:
        preempted.append(request.request_id)
        self._forget_sampling(request)
        self.manager.free(request)
        request.status = RequestStatus.PREEMPTED
        request.num_computed_tokens = 0
        request.num_preemptions += 1
        self.waiting.put_back(request)

    def _finish(self, request: Request, status: RequestStatus) -> None:
        request.status = status
        self._forget_sampling(request)
        if self.manager.holds_blocks(request):
            self.manager.free(request)
        del self.requests[request.request_id]
        self._ended.append(request.request_id)

    def _end_of(self, request: Request) -> RequestStatus | None:
        if request.all_token_ids[-1] == request.eos_token_id:
            return RequestStatus.FINISHED_STOPPED
        if request.num_tokens >= self.config.max_model_len or request.num_output_tokens >= request.max_tokens:
            return RequestStatus.FINISHED_LENGTH_CAPPED
        return None

    @staticmethod
    def _chunk(num_tokens: int, longest_chunk: int) -> int:
        return min(num_tokens, longest_chunk) if longest_chunk else num_tokens

    def _check_sampled(self, step: SchedulerStep, sampled: Mapping[str, int]) -> None:
        require(step in self._not_updated, "step", "one of schedule() that was not taken in yet", step)
        require(isinstance(sampled, Mapping), "sampled", "a mapping of request ids to tokens", sampled)
        for request_id in sampled:
            require(request_id in step.num_scheduled_tokens, "sampled", "of requests of this step", request_id)
            require_token_id("sampled", sampled[request_id])
        for request_id in step.sampling:
            require(request_id in sampled, "sampled", f"a token for request {request_id!r} too", sampled)

    def _forget_sampling(self, request: Request) -> None:
        """Takes a request that lost its blocks out of steps whose tokens are still to come."""
        for step in self._not_updated:
            if request.request_id in step.sampling:
                step.sampling.remove(request.request_id)

    def _check_new(self, request: Request) -> None:
        is_new = getattr(request, "status", None) is RequestStatus.WAITING and request.num_computed_tokens == 0
        require(is_new, "request", "a new one", request)
        unused = request.request_id not in self.requests
        require(unused, "request_id", "unused among unfinished requests", request.request_id)
