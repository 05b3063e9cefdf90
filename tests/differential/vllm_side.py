"""Drives vLLM 0.32's own scheduler, without a model, and shows its whole state after each step."""

from typing import Any

from vllm.lora.request import LoRARequest
from vllm.sampling_params import SamplingParams
from vllm.utils.hashing import sha256
from vllm.v1.core.kv_cache_utils import get_request_block_hasher
from vllm.v1.request import Request, RequestStatus

from benchmarks.vllm_scheduler import model_output, vllm_scheduler
from tests.differential.scenario import EOS, RequestSpec
from tests.differential.simulator_side import STATS


class VLLMSide:
    """vLLM's scheduler on a KV cache of one full-attention group."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.block_size = settings["block_size"]
        self.scheduler = vllm_scheduler(settings)
        self.specs: dict[str, RequestSpec] = {}
        self.stats = dict.fromkeys(STATS, 0)

    def add(self, spec: RequestSpec) -> None:
        self.specs[spec.request_id] = spec
        self.scheduler.add_request(vllm_request(spec, self.block_size))

    def abort(self, request_id: str) -> None:
        self.scheduler.finish_requests(request_id, RequestStatus.FINISHED_ABORTED)

    def reset(self, reset_running: bool) -> bool:
        return self.scheduler.reset_prefix_cache(reset_running_requests=reset_running)

    def evict(self, block_ids: list[int]) -> None:
        self.scheduler.kv_cache_manager.block_pool.evict_blocks(set(block_ids))

    def step(self) -> dict[str, Any]:
        output = self.scheduler.schedule()
        requests = [self.scheduler.requests[request_id] for request_id in output.num_scheduled_tokens]
        sampled = [self._sampled(request) for request in requests]
        result = self.scheduler.update_from_output(output, model_output(output, sampled))
        for client in result.values():
            if client.scheduler_stats:
                for name in STATS:
                    self.stats[name] += getattr(client.scheduler_stats.prefix_cache_stats, name)
        return {
            "scheduled": list(output.num_scheduled_tokens.items()),
            "new_blocks": new_block_ids(output),
            "admitted": sorted(self._admitted(output)),
            "preempted": sorted(output.preempted_req_ids or ()),
            "finished": sorted(output.finished_req_ids),
        }

    @staticmethod
    def _admitted(output: Any) -> list[str]:
        return [new.req_id for new in output.scheduled_new_reqs] + list(output.scheduled_cached_reqs.resumed_req_ids)

    def _sampled(self, request: Request) -> list[int]:
        caught_up = request.num_computed_tokens >= request.num_tokens
        return [self.specs[request.request_id].sampled(request.num_tokens)] if caught_up else []

    @property
    def unfinished(self) -> list[str]:
        return sorted(self.scheduler.requests)

    def state(self) -> dict[str, Any]:
        manager, scheduler = self.scheduler.kv_cache_manager, self.scheduler
        pool = manager.block_pool
        return {
            "tables": {i: manager.get_block_ids(i)[0] for i in self.unfinished},
            "references": [block.ref_cnt for block in pool.blocks[1:]],
            "free": [block.block_id for block in pool.free_block_queue.get_all_free_blocks()],
            "cached": [block.block_id for block in pool.blocks if block.block_hash is not None],
            "running": [request.request_id for request in scheduler.running],
            "waiting": [request.request_id for request in scheduler.waiting],
            "tokens": {
                i: (r.num_tokens, r.num_computed_tokens, r.num_preemptions) for i, r in scheduler.requests.items()
            },
            "stats": dict(self.stats),
            "usage": round(pool.get_usage(), 12),
        }


def vllm_request(spec: RequestSpec, block_size: int) -> Request:
    sampling = SamplingParams(max_tokens=spec.max_tokens, ignore_eos=spec.ignore_eos)
    sampling.update_from_generation_config({}, eos_token_id=EOS)
    sampling.skip_reading_prefix_cache = spec.skip_reading
    lora = {None: None, "a": LoRARequest("a", 1, "/a"), "b": LoRARequest("b", 2, "/b")}[spec.lora_name]
    return Request(
        request_id=spec.request_id,
        prompt_token_ids=list(spec.prompt),
        sampling_params=sampling,
        pooling_params=None,
        arrival_time=spec.arrival_time,
        lora_request=lora,
        cache_salt=spec.cache_salt,
        priority=spec.priority,
        block_hasher=get_request_block_hasher(block_size, sha256),
    )


def new_block_ids(output: Any) -> dict[str, list[int]]:
    """Returns the new blocks by request, an empty list for none."""
    cached = output.scheduled_cached_reqs
    new = {request.req_id: request.block_ids[0] for request in output.scheduled_new_reqs}
    running = zip(cached.req_ids, cached.new_block_ids, strict=True)
    return new | {request_id: blocks[0] if blocks else [] for request_id, blocks in running}
