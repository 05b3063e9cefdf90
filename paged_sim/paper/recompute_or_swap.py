"""What it costs to bring a preempted request back: computing it again, or swapping it out and in (section 7.3).

A simple model; its times add up, and nothing overlaps.

* Moving a block takes 2 x layers transfers, since each layer keeps keys and values in memory of its own. V0's
  `swap_blocks` (csrc/cache_kernels.cu) makes one `cudaMemcpyAsync` for each, whose latency is paid before the first
  byte moves. Small blocks are many small transfers.
* Computing a token takes 2 operations per weight, whatever the block size. Attention is left out: for OPT-13B at 2048
  tokens it would add 3 %.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from paged_sim.checks import require, require_integer, require_number
from paged_sim.paper.preemption_records import PreemptionCounts
from paged_sim.paper.published import OPT_13B_KV_BYTES_PER_TOKEN, OPT_13B_PARAMETERS


class RecoveryTime(NamedTuple):
    """Seconds that bringing back one sequence takes, by each way."""

    block_size: int
    swap_out_s: float
    swap_in_s: float
    recompute_s: float

    @property
    def swap_s(self) -> float:
        """Seconds for both ways."""
        return self.swap_out_s + self.swap_in_s


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCosts:
    """Constants of a model and a machine.

    Attributes:
        num_layers: layers of the model, at least 1.
        num_weights: weights of the model, at least 1.
        kv_bytes_per_token: keys and values of a token in all layers, at least 1.
        transfer_latency_s: seconds of a transfer before its first byte, at least 0.
        transfer_bytes_per_s: bandwidth between CPU and GPU, each way, above 0.
        flops: operations per second while prompts are computed, above 0.

    Raises:
        ValueError: a value is out of its range; the message names field, rule and value.
    """

    num_layers: int
    num_weights: int
    kv_bytes_per_token: int
    transfer_latency_s: float
    transfer_bytes_per_s: float
    flops: float

    def __post_init__(self) -> None:
        for name in ("num_layers", "num_weights", "kv_bytes_per_token"):
            require_integer(name, getattr(self, name), 1)
        require_number("transfer_latency_s", self.transfer_latency_s, 0)
        for name in ("transfer_bytes_per_s", "flops"):
            require_number(name, getattr(self, name), 0)
            require(getattr(self, name) > 0, name, "above 0", getattr(self, name))

    def transfer_s(self, num_blocks: int, block_size: int) -> float:
        """Returns the seconds that moving blocks takes, one way."""
        num_transfers = 2 * self.num_layers * num_blocks
        num_bytes = num_blocks * block_size * self.kv_bytes_per_token
        return num_transfers * self.transfer_latency_s + num_bytes / self.transfer_bytes_per_s

    def recompute_s(self, num_tokens: int) -> float:
        """Returns the seconds that computing tokens takes."""
        return 2 * self.num_weights * num_tokens / self.flops

    def recovery_times(self, num_tokens: int, block_sizes: Iterable[int]) -> list[RecoveryTime]:
        """Returns what bringing back one sequence takes at each block size (Figure 19a).

        Args:
            num_tokens: length of the sequence, at least 1.
            block_sizes: tokens of a block, each at least 1.

        Raises:
            ValueError: a value is out of its range.
        """
        require_integer("num_tokens", num_tokens, 1)
        times = []
        for block_size in block_sizes:
            require_integer("block_sizes", block_size, 1)
            one_way_s = self.transfer_s(-(-num_tokens // block_size), block_size)
            times.append(RecoveryTime(block_size, one_way_s, one_way_s, self.recompute_s(num_tokens)))
        return times

    def total_s(self, counts: PreemptionCounts, block_size: int) -> float:
        """Returns the seconds that all preemptions of a run cost."""
        num_blocks = counts.blocks_swapped_out + counts.blocks_swapped_in
        return self.transfer_s(num_blocks, block_size) + self.recompute_s(counts.recomputed_tokens)


OPT_13B_ON_A100 = RecoveryCosts(
    num_layers=40,
    num_weights=OPT_13B_PARAMETERS,
    kv_bytes_per_token=OPT_13B_KV_BYTES_PER_TOKEN,
    # Assumed: issuing a small asynchronous copy takes a few microseconds.
    transfer_latency_s=5e-6,
    # Assumed: four fifths of the 32 GB/s each way of PCIe 4.0 with 16 lanes (NVIDIA A100 data sheet: 64 GB/s in all).
    transfer_bytes_per_s=25.6e9,
    # Assumed: half of the 312 TFLOPS of dense FP16 (NVIDIA A100 data sheet).
    flops=156e12,
)
