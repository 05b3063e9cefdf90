"""vLLM's batch in Figure 13, at the paper's request rates, which needs the time of a step.

A queue that is never empty gives the largest batch that memory allows. In the paper the requests came at a rate, and
how many are under way then depends on how long steps took. The vLLM of 2023 spent much of a step in Python. The paper
prints no step times, so two constants are fitted to the two batches of Figure 13; they say what overhead would explain
them, and predict nothing.
"""

from paged_sim.paper import published
from paged_sim.scheduler_config import SchedulerConfig
from paged_sim.simulation.devices import Device
from paged_sim.simulation.run import Recording
from paged_sim.simulation.simulate import simulate
from paged_sim.workload.workloads import workload

# Section 6.1: a trace lasts an hour.
TRACE_S = 3600
# Figure 13: requests per second.
RATES = {published.SHAREGPT: 2.0, published.ALPACA: 30.0}
WORKLOADS = {published.SHAREGPT: "sharegpt", published.ALPACA: "alpaca"}
# An A100 at 80 % of its bandwidth and half of its 16-bit rate; both overheads are fitted.
VLLM_2023_ON_A100 = Device(
    name="vLLM of 2023 on an A100",
    bytes_per_s=0.8 * 1.555e12,
    flops_per_s=0.5 * 312e12,
    step_overhead_s=5e-3,
    seq_overhead_s=3e-4,
)
OPT_13B_ATTENTION_WIDTH = 40 * 5120


def batch_at_rate(data: str, seed: int) -> float:
    """Returns how many requests vLLM computes in a step on average, over an hour of requests as in section 6.1.

    Args:
        data: `published.SHAREGPT` or `published.ALPACA`.
        seed: of lengths and arrivals.
    """
    num_requests = round(RATES[data] * TRACE_S)
    cost = VLLM_2023_ON_A100.cost_model(
        num_parameters=published.OPT_13B_PARAMETERS,
        kv_bytes_per_token=published.OPT_13B_KV_BYTES_PER_TOKEN,
        attention_width=OPT_13B_ATTENTION_WIDTH,
    )
    config = SchedulerConfig(
        num_blocks=published.OPT_13B_SLOTS // published.BLOCK_SIZE,
        block_size=published.BLOCK_SIZE,
        max_num_seqs=256,
        max_num_batched_tokens=2560,
        max_model_len=published.MAX_MODEL_LEN + 1,
        enable_caching=False,
    )
    # More arrive after the last one that is waited for, so that the end is as busy as the middle.
    trace = workload(WORKLOADS[data], num_requests * 11 // 10, RATES[data], seed)
    recording = Recording(outcomes=False)
    return simulate(trace, config, cost=cost, stop_after=num_requests, recording=recording).totals.mean_batch
