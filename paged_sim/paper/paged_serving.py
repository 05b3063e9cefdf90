"""The paged row of Figures 2 and 13: the real scheduler on the paper's memory, with a queue that is never empty."""

from collections.abc import Iterable

from paged_sim.paper.contiguous_serving import ServingAverages
from paged_sim.paper.published import BLOCK_SIZE, MAX_MODEL_LEN, OPT_13B_SLOTS
from paged_sim.scheduler_config import SchedulerConfig
from paged_sim.simulation.run import Recording
from paged_sim.simulation.simulate import simulate
from paged_sim.workload.arrivals import burst_arrivals
from paged_sim.workload.independent import independent_requests

# More than ever fit at once, so that memory alone limits the batch.
_MAX_NUM_SEQS = 1024
_TOKEN_BUDGET = 16_384


def serve_paged(
    lengths: Iterable[tuple[int, int]], num_requests: int, num_slots: int = OPT_13B_SLOTS, block_size: int = BLOCK_SIZE
) -> ServingAverages:
    """Serves requests with paged blocks and recompute, without prefix caching, and averages over all steps.

    Args:
        lengths: of prompt and answer, in tokens; more than `num_requests` of them, or the queue runs empty.
        num_requests: the measurement ends when this many have finished; thousands make the start negligible.
        num_slots: tokens that fit into the memory; what is left of the last block is lost, as is the null block.
        block_size: tokens of a block.
    """
    config = SchedulerConfig(
        num_blocks=num_slots // block_size,
        block_size=block_size,
        max_num_seqs=_MAX_NUM_SEQS,
        max_num_batched_tokens=_TOKEN_BUDGET,
        max_model_len=MAX_MODEL_LEN + 1,
        enable_caching=False,
    )
    totals = simulate(
        independent_requests(lengths, burst_arrivals()),
        config,
        max_concurrency=2 * _MAX_NUM_SEQS,
        stop_after=num_requests,
        recording=Recording(outcomes=False),
    ).totals
    slot_steps = totals.num_steps * num_slots / 100
    used_slots = totals.sum_used_blocks * block_size
    return ServingAverages(
        token_states=(used_slots - totals.sum_unfilled_slots) / slot_steps,
        reservation=0.0,
        internal=totals.sum_unfilled_slots / slot_steps,
        external=100 - used_slots / slot_steps,
        batch=totals.mean_batch,
        steps=totals.num_steps,
    )
