"""The reference: every step decided by the scheduler, with real tokens, as vLLM does it."""

from typing import Any

from paged_sim.request import Request
from paged_sim.scheduler import SchedulerStep
from paged_sim.simulation.cost_model import num_attention_pairs
from paged_sim.simulation.run import Run
from paged_sim.workload.trace import TraceRequest


class StepByStepRun(Run):
    """Runs a trace through `Scheduler` one step at a time; costs work for every running request and step."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._answers: dict[str, list[int]] = {}

    def add(self, traced: TraceRequest) -> None:
        """Puts a request with its real tokens into the scheduler."""
        request = Request(
            traced.request_id,
            traced.prompt_token_ids(),
            traced.num_output_tokens,
            lora_name=traced.lora_name,
            cache_salt=traced.cache_salt,
            priority=traced.priority,
            arrival_time=traced.arrival_time,
        )
        self.scheduler.add_request(request)
        self._answers[traced.request_id] = traced.output_token_ids()

    def abort(self, request_id: str) -> int:
        """Ends a request; returns how many tokens it got."""
        request = self.scheduler.requests[request_id]
        self.scheduler.abort(request_id)
        self._answers.pop(request_id, None)
        return request.num_output_tokens

    def advance(self) -> None:
        """Takes one step."""
        start_ps = self.clock_ps
        step = self.scheduler.schedule()
        requests = [self.scheduler.requests[request_id] for request_id in step.num_scheduled_tokens]
        self.clock_ps += self.cost.step_time_ps(*_work(requests, step))
        self._record_tables(step, requests, start_ps)
        self._count(step, start_ps)
        self._update(step, requests)
        self.totals.num_steps += 1

    def _sample(self, request: Request) -> int:
        return self._answers[request.request_id][request.num_output_tokens]

    def _update(self, step: SchedulerStep, requests: list[Request]) -> None:
        caught_up = [request for request in requests if request.num_computed_tokens >= request.num_tokens]
        finished = set(self.scheduler.update(step, {r.request_id: self._sample(r) for r in caught_up}))
        if caught_up:
            self._last_event_step = self.totals.num_steps
        for request in caught_up:
            if request.num_output_tokens == 1:
                self._record_first_token(request.request_id)
            if request.request_id in finished:
                self._answers.pop(request.request_id, None)
                self._record_finish(request.request_id, request.num_output_tokens)

    def _record_tables(self, step: SchedulerStep, requests: list[Request], start_ps: int) -> None:
        admitted = set(step.admitted)
        for request_id in step.preempted:
            self._observe("preempt", request_id)
            self._record_preemption(request_id)
        for request in requests:
            request_id, block_ids = request.request_id, step.new_block_ids[request.request_id]
            if request_id in admitted:
                self._observe("admit", request_id, block_ids)
                num_hit_tokens = request.num_computed_tokens - step.num_scheduled_tokens[request_id]
                self._record_admission(request_id, start_ps, num_hit_tokens)
            elif block_ids:
                self._observe("grow", request_id, block_ids)

    def _count(self, step: SchedulerStep, start_ps: int) -> None:
        manager = self.scheduler.manager
        num_used = manager.pool.num_used_blocks
        num_unfilled = sum(
            manager.num_blocks_held(request) * manager.block_size - request.num_computed_tokens
            for request in self.scheduler.running
        )
        self.totals.sum_unfilled_slots += num_unfilled
        self._count_steps(1, len(step.num_scheduled_tokens), step.total_num_scheduled_tokens, num_used)
        self._add_timeline_point(start_ps, step.total_num_scheduled_tokens, num_used, num_unfilled)


def _work(requests: list[Request], step: SchedulerStep) -> tuple[int, int, int, int]:
    num_seqs = num_context_tokens = num_pairs = 0
    for request in requests:
        n = step.num_scheduled_tokens[request.request_id]
        before = request.num_computed_tokens - n
        num_seqs += request.num_computed_tokens >= request.num_tokens
        num_context_tokens += before + n
        num_pairs += num_attention_pairs(before, n)
    return step.total_num_scheduled_tokens, num_seqs, num_context_tokens, num_pairs
