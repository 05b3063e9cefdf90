"""Drives this project's scheduler, and shows its whole state in the same form as `vllm_side`."""

from typing import Any

from paged_sim import PrefixCacheStats, Request, Scheduler, SchedulerConfig
from tests.differential.scenario import EOS, RequestSpec

STATS = ("requests", "queries", "hits", "preempted_requests", "preempted_queries", "preempted_hits")


class SimulatorSide:
    """The simulator's step-by-step scheduler."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.scheduler = Scheduler(SchedulerConfig(**settings))
        self.specs: dict[str, RequestSpec] = {}
        self.stats = PrefixCacheStats()

    def add(self, spec: RequestSpec) -> None:
        self.specs[spec.request_id] = spec
        request = Request(
            spec.request_id,
            spec.prompt,
            spec.max_tokens,
            eos_token_id=None if spec.ignore_eos else EOS,
            lora_name=spec.lora_name,
            cache_salt=spec.cache_salt,
            priority=spec.priority,
            arrival_time=spec.arrival_time,
            skip_reading_prefix_cache=spec.skip_reading,
        )
        self.scheduler.add_request(request)

    def abort(self, request_id: str) -> None:
        if request_id in self.scheduler.requests:
            self.scheduler.abort(request_id)

    def reset(self, reset_running: bool) -> bool:
        return self.scheduler.reset_prefix_cache(reset_running)

    def evict(self, block_ids: list[int]) -> None:
        self.scheduler.manager.pool.evict_blocks(block_ids)

    def step(self) -> dict[str, Any]:
        step = self.scheduler.schedule()
        requests = [self.scheduler.requests[request_id] for request_id in step.num_scheduled_tokens]
        caught_up = [request for request in requests if request.num_computed_tokens >= request.num_tokens]
        sampled = {r.request_id: self.specs[r.request_id].sampled(r.num_tokens) for r in caught_up}
        self.scheduler.update(step, sampled)
        self.stats.add(self.scheduler.manager.make_prefix_cache_stats())
        return {
            "scheduled": list(step.num_scheduled_tokens.items()),
            "new_blocks": step.new_block_ids,
            "admitted": sorted(step.admitted),
            "preempted": sorted(step.preempted),
            "finished": sorted(step.finished),
        }

    @property
    def unfinished(self) -> list[str]:
        return sorted(self.scheduler.requests)

    def state(self) -> dict[str, Any]:
        manager, scheduler = self.scheduler.manager, self.scheduler
        return {
            "tables": {i: manager.block_ids(i) for i in self.unfinished},
            "references": [block.ref_cnt for block in manager.pool.blocks[1:]],
            "free": manager.pool.free_block_ids(),
            "cached": manager.pool.cached_block_ids(),
            "running": [request.request_id for request in scheduler.running],
            "waiting": [request.request_id for request in scheduler.waiting],
            "tokens": {
                i: (r.num_tokens, r.num_computed_tokens, r.num_preemptions) for i, r in scheduler.requests.items()
            },
            "stats": {name: getattr(self.stats, name) for name in STATS},
            "usage": round(manager.usage, 12),
        }
