"""Keys and values of one attention layer, kept in blocks: where `paged_attention` writes and reads.

The token at position p of a request lies in block `block_table[p // block_size]`, at offset `p % block_size`. Both
numbers together are its slot, `block_id * block_size + offset`, as in vLLM's `slot_mapping`. Blocks of one request
may lie anywhere and in any order, and one block may stand in the tables of several requests.

A model has such arrays once per layer, and all layers share the block tables. Real kernels arrange the inside of a
block differently (vLLM on a CPU: heads first), which changes speed and not a single result.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from paged_sim.checks import require, require_integer

Array = NDArray[np.floating]
Slots = NDArray[np.int64]


def compute_slot_mapping(block_table: Sequence[int], positions: ArrayLike, block_size: int) -> Slots:
    """Returns the slot of each position (vLLM: `BlockTable.compute_slot_mapping` in v1/worker/block_table.py).

    Args:
        block_table: ids of the request's blocks, its first tokens' block first.
        positions: positions within the request, at least 0, in any order.
        block_size: tokens per block, at least 1.

    Raises:
        ValueError: an id or a position is negative or no integer, or the table ends before a position.
    """
    require_integer("block_size", block_size, 1)
    table, wanted = _integers("block_table", block_table), _integers("positions", positions)
    capacity = len(table) * block_size
    past = wanted[wanted >= capacity]
    covered = f"below the {capacity} tokens of a table of {len(table)} blocks"
    require(past.size == 0, "positions", covered, past.tolist())
    return table[wanted // block_size] * block_size + wanted % block_size


class KVCacheArrays:
    """The KV cache of one layer. A slot that nothing was written to holds NaN, and reading it is an error.

    Args:
        num_blocks: blocks, the null block (0) included, at least 1.
        block_size: tokens per block, at least 1.
        num_kv_heads: heads of keys and values, at least 1.
        head_size: numbers per head, at least 1.
        dtype: of the stored numbers, a floating-point type.

    Attributes:
        key_cache, value_cache: arrays of shape [num_blocks, block_size, num_kv_heads, head_size].

    Raises:
        ValueError: a value is out of its range; the message names field, rule and value.
    """

    def __init__(
        self, num_blocks: int, block_size: int, num_kv_heads: int, head_size: int, dtype: DTypeLike = np.float32
    ) -> None:
        sizes = {"num_blocks": num_blocks, "block_size": block_size}
        sizes |= {"num_kv_heads": num_kv_heads, "head_size": head_size}
        for field, size in sizes.items():
            require_integer(field, size, 1)
        require(np.issubdtype(dtype, np.floating), "dtype", "a floating-point type", dtype)
        self.num_blocks, self.block_size = num_blocks, block_size
        self.num_kv_heads, self.head_size = num_kv_heads, head_size
        self.key_cache = np.full(tuple(sizes.values()), np.nan, dtype)
        self.value_cache = self.key_cache.copy()

    def write(self, key: Array, value: Array, slot_mapping: ArrayLike) -> None:
        """Stores the keys and values of new tokens (vLLM: the kernel `reshape_and_cache`).

        Args:
            key, value: arrays of shape [tokens, num_kv_heads, head_size], finite.
            slot_mapping: the slot of each token, all different.

        Raises:
            ValueError: shapes do not agree, a number is not finite, or a slot is outside the cache or named twice;
                nothing was written.
        """
        slots = self._checked_slots(slot_mapping)
        shape = (len(slots), self.num_kv_heads, self.head_size)
        for field, array in (("key", key), ("value", value)):
            require(np.shape(array) == shape, f"shape of {field}", f"{shape}", np.shape(array))
            require(bool(np.isfinite(array).all()), field, "finite", array)
        require(len(np.unique(slots)) == len(slots), "slot_mapping", "without a slot named twice", slots.tolist())
        _by_slot(self.key_cache)[slots] = key
        _by_slot(self.value_cache)[slots] = value

    def gather(self, block_table: Sequence[int], start: int, stop: int) -> tuple[Array, Array]:
        """Returns copies of the keys and of the values at positions `start` to `stop` - 1 of a request.

        Each has the shape [stop - start, num_kv_heads, head_size].

        Args:
            block_table: ids of the request's blocks.
            start: first position, at least 0.
            stop: end of the positions, at least `start`.

        Raises:
            ValueError: the table ends before `stop`, a block is outside the cache, or a slot was never written.
        """
        require_integer("start", start, 0)
        require_integer("stop", stop, start)
        slots = self._checked_slots(compute_slot_mapping(block_table, np.arange(start, stop), self.block_size))
        key, value = _by_slot(self.key_cache)[slots], _by_slot(self.value_cache)[slots]
        unwritten = start + np.flatnonzero(np.isnan(key).any(axis=(1, 2)))
        require(unwritten.size == 0, "positions", "written before they are read", unwritten.tolist())
        return key, value

    def _checked_slots(self, slot_mapping: ArrayLike) -> Slots:
        slots, end = _integers("slot_mapping", slot_mapping), self.num_blocks * self.block_size
        outside = slots[slots >= end]
        rule = f"below {end} ({self.num_blocks} blocks of {self.block_size})"
        require(outside.size == 0, "slot_mapping", rule, outside.tolist())
        return slots


def _by_slot(cache: Array) -> Array:
    """Returns a view of shape [num_blocks * block_size, num_kv_heads, head_size]."""
    return cache.reshape(-1, *cache.shape[2:])


def _integers(field: str, values: ArrayLike) -> Slots:
    array = np.asarray(values)
    is_list = array.ndim == 1 and (array.size == 0 or np.issubdtype(array.dtype, np.integer))
    require(is_list, field, "a list of integers", values)
    array = array.astype(np.int64)
    require(bool((array >= 0).all()), field, "at least 0", array[array < 0].tolist())
    return array
