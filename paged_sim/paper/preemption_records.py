"""What a `SwappingScheduler` reports: blocks to copy before a step, and what preemptions cost."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class BlockMoves:
    """Blocks to copy before a step computes: first all swaps out, then all swaps in, then all copies, each in order.

    Attributes:
        swapped_out: (GPU block id, CPU block id).
        swapped_in: (CPU block id, GPU block id).
        copied: (GPU block id, GPU block id), for copy-on-write.
    """

    swapped_out: list[tuple[int, int]] = field(default_factory=list)
    swapped_in: list[tuple[int, int]] = field(default_factory=list)
    copied: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class PreemptionCounts:
    """What preemptions cost so far.

    Attributes:
        num_swaps_out, num_swaps_in: requests that were moved each way, counted each time.
        num_recomputations: requests that lost their blocks, counted each time.
        blocks_swapped_out, blocks_swapped_in: blocks that were moved each way, a shared one once.
        recomputed_tokens: tokens that were computed again.
    """

    num_swaps_out: int = 0
    num_swaps_in: int = 0
    num_recomputations: int = 0
    blocks_swapped_out: int = 0
    blocks_swapped_in: int = 0
    recomputed_tokens: int = 0
