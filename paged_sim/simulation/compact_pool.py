"""The block pool in plain numbers, for simulations of millions of blocks.

vLLM's free queue is one list: blocks without cached contents are put before all others, cached ones behind them. So it
always consists of a stack followed by a line in the order in which the blocks were freed. Decisions are those of
`BlockPool`; a test compares them.
"""

from collections.abc import Iterable

from paged_sim.simulation.eviction_line import EvictionLine


class CompactBlockPool:
    """A `BlockPool` whose blocks are their ids.

    Args:
        num_blocks: all blocks, the null block included.
        enable_caching: whether the contents of full blocks are remembered.
    """

    def __init__(self, num_blocks: int, enable_caching: bool) -> None:
        self.num_usable_blocks = num_blocks - 1
        self.num_free_blocks = self.num_usable_blocks
        self.enable_caching = enable_caching
        self._stack = list(range(num_blocks - 1, 0, -1))
        self._cached_free = EvictionLine(num_blocks)
        # References beyond the first of blocks in use; most blocks are never here.
        self._shared: dict[int, int] = {}
        self._keys: list[int | None] = [None] * num_blocks
        self._blocks: dict[int, int | dict[int, None]] = {}

    @property
    def num_used_blocks(self) -> int:
        """Blocks in tables."""
        return self.num_usable_blocks - self.num_free_blocks

    @property
    def usage(self) -> float:
        """Share of the usable blocks that are in tables, 0 to 1."""
        return 1.0 - self.num_free_blocks / self.num_usable_blocks

    def free_block_ids(self) -> list[int]:
        """Returns the free blocks, the one that is handed out next first."""
        return [*reversed(self._stack), *self._cached_free]

    def cached_block_ids(self) -> list[int]:
        """Returns the blocks whose contents can be hit, in ascending order."""
        return [block for block, key in enumerate(self._keys) if key is not None]

    def num_free_among(self, cached_blocks: Iterable[int]) -> int:
        """Returns how many of these blocks with cached contents are in no table."""
        return sum(block in self._cached_free for block in cached_blocks)

    def cached_block(self, key: int) -> int | None:
        """Returns the block that has held these contents longest, or None."""
        found = self._blocks.get(key)
        return next(iter(found)) if type(found) is dict else found

    def get_new_blocks(self, n: int) -> list[int]:
        """Hands out the first `n` free blocks; there must be as many."""
        self.num_free_blocks -= n
        stack = self._stack
        if len(stack) >= n:
            blocks = stack[: -n - 1 : -1]
            del stack[len(stack) - n :]
        else:
            blocks = stack[::-1]
            stack.clear()
            blocks += self._evict(n - len(blocks))
        return blocks

    def touch(self, cached_blocks: Iterable[int]) -> None:
        """Adds a reference to each block, taking it out of the free ones if it was there."""
        for block in cached_blocks:
            if block in self._cached_free:
                self._cached_free.remove(block)
                self.num_free_blocks -= 1
            else:
                self._shared[block] = self._shared.get(block, 0) + 1

    def free_table(self, table: list[int]) -> None:
        """Drops a reference to each block of a table, its end first."""
        if not self.enable_caching:
            self._stack += table
        else:
            if self._shared:
                table = self._drop_shared(table)
            keys = self._keys
            uncached = [block for block in table if keys[block] is None]
            self._stack += uncached
            # A block that is not full is the last one.
            cached = table[: len(table) - len(uncached)]
            cached.reverse()
            self._cached_free.extend(cached)
        self.num_free_blocks += len(table)

    def _drop_shared(self, table: list[int]) -> list[int]:
        shared = self._shared
        unshared = []
        for block in table:
            if block not in shared:
                unshared.append(block)
            elif shared[block] == 1:
                del shared[block]
            else:
                shared[block] -= 1
        return unshared

    def cache_blocks(self, full_blocks: Iterable[int], contents: Iterable[int]) -> None:
        """Remembers the contents of blocks that are full."""
        keys, blocks = self._keys, self._blocks
        for block, key in zip(full_blocks, contents, strict=True):
            keys[block] = key
            found = blocks.setdefault(key, block)
            if type(found) is dict:
                found[block] = None
            elif found != block:
                blocks[key] = {found: None, block: None}

    def reset_prefix_cache(self) -> bool:
        """Forgets all contents if no block is in use; returns whether it was done."""
        if self.num_free_blocks != self.num_usable_blocks:
            return False
        self._stack = self.free_block_ids()[::-1]
        self._cached_free.clear()
        self._blocks.clear()
        self._keys = [None] * len(self._keys)
        return True

    def _evict(self, n: int) -> list[int]:
        keys, blocks = self._keys, self._blocks
        evicted = self._cached_free.popleft_n(n)
        for block in evicted:
            key = keys[block]
            keys[block] = None
            copies = blocks.pop(key)
            if type(copies) is dict:
                del copies[block]
                if copies:
                    blocks[key] = copies
        return evicted
