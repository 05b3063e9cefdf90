"""The experiment of vLLM PR #44594: what keeping some blocks free at admissions does to preemptions.

Measured there with Qwen2.5-7B-Instruct on one GB200: 16 GiB of KV cache, 450 prompts of about 1000 tokens, answers of
about 5000, 128 requests under way, prefix caching off. Demand is 1.5 times the capacity. The number of preemptions
needs no model of time: it follows from the scheduler's decisions alone, as all requests are sent at once.
"""

from paged_sim.scheduler_config import SchedulerConfig
from paged_sim.simulation.run import Recording
from paged_sim.simulation.simulate import simulate
from paged_sim.workload.workloads import workload

# Printed in the pull request: preemptions by watermark.
PUBLISHED_PREEMPTIONS = {0.0: 1065, 0.02: 400, 0.05: 187, 0.10: 168, 0.15: 168}
NUM_REQUESTS = 450
CONCURRENCY = 128
# 16 GiB / 57,344 bytes a token / 16 tokens a block.
NUM_BLOCKS = 18_724


def watermark_preemptions(watermark: float, seed: int, max_num_batched_tokens: int = 8192) -> int:
    """Returns the number of preemptions.

    Args:
        watermark: share of all blocks that an admission leaves free.
        seed: of the lengths; those of the experiment came from another generator.
        max_num_batched_tokens: token budget of a step, which the pull request does not name.
    """
    config = SchedulerConfig(
        num_blocks=NUM_BLOCKS,
        max_num_seqs=256,
        max_num_batched_tokens=max_num_batched_tokens,
        enable_caching=False,
        watermark=watermark,
    )
    trace = workload("long-answers", NUM_REQUESTS, None, seed)
    return simulate(
        trace, config, max_concurrency=CONCURRENCY, recording=Recording(outcomes=False)
    ).totals.num_preemptions
