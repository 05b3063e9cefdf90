"""A trace served with preemption by swapping or by recomputation, to see what the preemptions cost (Figure 19b)."""

from collections.abc import Sequence

from paged_sim.checks import require, require_integer
from paged_sim.paper.preemption_records import PreemptionCounts
from paged_sim.paper.published import BLOCK_SIZE
from paged_sim.paper.swapping_scheduler import SwappingScheduler
from paged_sim.request import Request
from paged_sim.scheduler_config import SchedulerConfig
from paged_sim.workload.trace import TraceRequest


def count_preemptions(
    trace: Sequence[TraceRequest], num_slots: int, num_cpu_slots: int, block_size: int = BLOCK_SIZE
) -> PreemptionCounts:
    """Serves all requests, which are there from the start, without prefix caching; returns what preemptions cost.

    Args:
        trace: at least one request; arrival and abort times do not matter.
        num_slots: tokens that the GPU pool holds, at least the longest request.
        num_cpu_slots: tokens that the CPU pool holds; 0 recomputes always.
        block_size: tokens of a block, at least 1.

    Raises:
        ValueError: a value is out of its range, or a request does not fit into the GPU pool.
    """
    require(len(trace) > 0, "trace", "at least one request", trace)
    require_integer("num_slots", num_slots, 1)
    require_integer("num_cpu_slots", num_cpu_slots, 0)
    require_integer("block_size", block_size, 1)
    longest = max(request.num_prompt_tokens + request.num_output_tokens for request in trace)
    config = SchedulerConfig(
        num_blocks=1 + num_slots // block_size, block_size=block_size, max_model_len=longest, enable_caching=False
    )
    scheduler = SwappingScheduler(config, num_cpu_slots // block_size)
    for request in trace:
        tokens = request.prompt_token_ids()
        scheduler.add_request(Request(request.request_id, tokens, request.num_output_tokens))
    while scheduler.has_unfinished_requests:
        step = scheduler.schedule()
        scheduler.take_moves()
        # Only lengths matter here, so every sampled token is 0.
        scheduler.update(step, dict.fromkeys(step.num_scheduled_tokens, 0))
    return scheduler.counts
