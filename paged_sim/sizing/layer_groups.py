"""Layers that share a block table, grouped as vLLM does for models that mix full and sliding-window attention."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

# If the kinds of layers differ in number by less, vLLM pads all groups to the larger kind (kv_cache_utils.py).
_NEARLY_EQUAL = 1.5


class LayerGroup(NamedTuple):
    """Layers of one kind that share a block table."""

    num_layers: int
    window: int | None

    def blocks_at_start_up(self, num_tokens: int, block_size: int, max_in_flight_tokens: int) -> int:
        """Returns the blocks that vLLM counts for a request of that many tokens before it starts.

        A window needs its own tokens and those in flight, and one block more since it may begin within a block
        (`SlidingWindowSpec.max_admission_blocks_per_request`).
        """
        if self.window is None:
            return ceil_div(num_tokens, block_size)
        return ceil_div(min(self.window - 1 + max_in_flight_tokens, num_tokens), block_size) + 1


def layer_groups(windows: Iterable[int | None]) -> tuple[LayerGroup, ...]:
    """Returns the groups of a model's layers (vLLM: `_get_kv_cache_groups_uniform_page_size`).

    All groups draw blocks from one pool, so a block must be as large as the largest group needs. vLLM therefore cuts
    the more frequent kinds into groups about as large as the rarest kind.

    Args:
        windows: for each layer its sliding window in tokens, None for full attention.
    """
    counts = Counter(windows)
    fewest, most = min(counts.values()), max(counts.values())
    group_size = most if most < fewest * _NEARLY_EQUAL else fewest
    groups = []
    for window, count in counts.items():
        num_groups = ceil_div(count, group_size)
        groups += [LayerGroup(len(range(first, count, num_groups)), window) for first in range(num_groups)]
    return tuple(groups)


def ceil_div(dividend: int, divisor: int) -> int:
    """Returns the quotient rounded up."""
    return -(-dividend // divisor)
