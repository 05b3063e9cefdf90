"""A trace through vLLM's own scheduler, timed: `schedule` and `update_from_output`, and nothing else."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm
from vllm.sampling_params import SamplingParams
from vllm.utils.hashing import sha256
from vllm.v1.core.kv_cache_utils import get_request_block_hasher
from vllm.v1.request import Request

from benchmarks.vllm_scheduler import model_output, vllm_scheduler
from paged_sim.workload.trace import TraceRequest


@dataclass(frozen=True, slots=True)
class Replay:
    """What vLLM did with a trace.

    Attributes:
        seconds: spent in `schedule` and `update_from_output`.
        num_steps: steps that it took.
        free_block_ids, cached_block_ids: its blocks at the end, as in `paged_sim`'s `SimulationResult`.
    """

    seconds: float
    num_steps: int
    free_block_ids: list[int]
    cached_block_ids: list[int]


def replay(trace: Sequence[TraceRequest], settings: dict[str, Any], concurrency: int) -> Replay:
    """Runs a trace with as many requests under way as `concurrency` allows.

    Making the requests, which hashes their prompts, is not timed.
    """
    scheduler = vllm_scheduler(settings)
    requests = iter([vllm_request(traced, settings["block_size"]) for traced in trace])
    answers = {traced.request_id: traced.output_token_ids() for traced in trace}
    seconds, num_steps = 0.0, 0
    progress = tqdm(total=len(trace), desc="vLLM's scheduler", leave=False)
    while True:
        while len(scheduler.requests) < concurrency and (request := next(requests, None)) is not None:
            scheduler.add_request(request)
        under_way = len(scheduler.requests)
        if not under_way:
            break
        seconds += _step(scheduler, answers)
        num_steps += 1
        progress.update(under_way - len(scheduler.requests))
    progress.close()
    pool = scheduler.kv_cache_manager.block_pool
    free = [block.block_id for block in pool.free_block_queue.get_all_free_blocks()]
    return Replay(seconds, num_steps, free, [block.block_id for block in pool.blocks if block.block_hash is not None])


def _step(scheduler: Any, answers: Mapping[str, list[int]]) -> float:
    start = time.perf_counter()
    output = scheduler.schedule()
    seconds = time.perf_counter() - start
    result = model_output(output, sampled_tokens(scheduler, output, answers))
    start = time.perf_counter()
    scheduler.update_from_output(output, result)
    return seconds + time.perf_counter() - start


def sampled_tokens(scheduler: Any, output: Any, answers: Mapping[str, list[int]]) -> list[list[int]]:
    """Returns what a model would sample in a step: the next token of each request that has caught up."""
    sampled = []
    for request_id in output.num_scheduled_tokens:
        request = scheduler.requests[request_id]
        caught_up = request.num_computed_tokens >= request.num_tokens
        sampled.append([answers[request_id][request.num_output_tokens]] if caught_up else [])
    return sampled


def vllm_request(traced: TraceRequest, block_size: int) -> Request:
    """Returns a request of a trace as vLLM's scheduler takes it, its prompt hashed."""
    return Request(
        request_id=traced.request_id,
        prompt_token_ids=traced.prompt_token_ids(),
        sampling_params=SamplingParams(max_tokens=traced.num_output_tokens, ignore_eos=True),
        pooling_params=None,
        arrival_time=traced.arrival_time,
        block_hasher=get_request_block_hasher(block_size, sha256),
    )
