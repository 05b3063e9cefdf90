"""The blocks of the KV cache: handing out, sharing, taking back, remembering contents."""

from collections import Counter
from collections.abc import Iterable, Sequence

from paged_sim.block import Block
from paged_sim.checks import require, require_bool, require_integer
from paged_sim.free_queue import FreeBlockQueue
from paged_sim.prefix_cache import PrefixCache


class BlockPool:
    """All blocks of a KV cache (vLLM: `BlockPool` in v1/core/block_pool.py).

    A freed block keeps its contents until it is handed out again, so a later request may still hit it (lazy
    eviction). Blocks whose contents are cached are reused last, the one that was freed longest ago first; all others
    are reused first, the one that was freed last first.

    Args:
        num_blocks: all blocks, the null block (0) included, at least 1.
        enable_caching: whether the contents of full blocks are remembered.

    Raises:
        ValueError: `num_blocks` is not a positive integer.
    """

    def __init__(self, num_blocks: int, enable_caching: bool = True) -> None:
        require_integer("num_blocks", num_blocks, 1)
        require_bool("enable_caching", enable_caching)
        self.num_blocks = num_blocks
        self.enable_caching = enable_caching
        self.blocks = [Block(block_id) for block_id in range(num_blocks)]
        self.null_block = self.blocks[0]
        self.null_block.is_null = True
        self._free_queue = FreeBlockQueue(self.blocks[1:])
        self._cache = PrefixCache()

    @property
    def num_free_blocks(self) -> int:
        """Blocks that can be handed out, those with cached contents included."""
        return len(self._free_queue)

    @property
    def num_usable_blocks(self) -> int:
        """Blocks that requests can hold: all but the null block."""
        return self.num_blocks - 1

    @property
    def num_used_blocks(self) -> int:
        """Blocks in tables; a shared one counts once."""
        return self.num_usable_blocks - self.num_free_blocks

    @property
    def usage(self) -> float:
        """Share of the usable blocks that are in tables, 0 to 1."""
        return 1.0 - self.num_free_blocks / self.num_usable_blocks if self.num_usable_blocks else 0.0

    def free_block_ids(self) -> list[int]:
        """Returns the free blocks' ids, the one that is handed out next first."""
        return [block.block_id for block in self._free_queue]

    def cached_block_ids(self) -> list[int]:
        """Returns the ids of the blocks whose contents can be hit, in use or free, in ascending order."""
        return [block.block_id for block in self.blocks if block.block_hash is not None]

    def cached_block(self, block_hash: bytes) -> Block | None:
        """Returns the block that holds these contents, the first cached of several, or None."""
        return self._cache.first(block_hash)

    def get_new_blocks(self, n: int) -> list[Block]:
        """Hands out the first `n` free blocks, each with one reference; what they held is forgotten.

        Raises:
            ValueError: `n` is negative, or more than are free.
        """
        require_integer("n", n, 0)
        require(n <= self.num_free_blocks, "n", f"at most the {self.num_free_blocks} free blocks", n)
        blocks = self._free_queue.popleft_n(n)
        for block in blocks:
            self._cache.evict(block)
            block.ref_cnt = 1
        return blocks

    def touch(self, blocks: Iterable[Block]) -> None:
        """Adds a reference to each block, taking it out of the free queue if it was there.

        Raises:
            ValueError: something is no block of this pool; nothing has changed.
        """
        for block in self._own(blocks):
            if block.is_null:
                continue
            if block.ref_cnt == 0:
                self._free_queue.remove(block)
            block.ref_cnt += 1

    def free_blocks(self, blocks: Iterable[Block]) -> None:
        """Drops a reference to each block; those without any left become free.

        Args:
            blocks: in the order in which they should be reused; a table is given from its end.

        Raises:
            ValueError: something is no block of this pool, or a block is given more often than it is referred to;
                nothing was freed.
        """
        ordered = [block for block in self._own(blocks) if not block.is_null]
        self._check_references(ordered)
        reused_first, reused_last = [], []
        for block in ordered:
            block.ref_cnt -= 1
            if block.ref_cnt == 0:
                (reused_first if block.block_hash is None or not self.enable_caching else reused_last).append(block)
        self._free_queue.prepend_n(reused_first)
        self._free_queue.append_n(reused_last)

    def cache_full_blocks(self, blocks: Sequence[Block], hashes: Sequence[bytes]) -> None:
        """Remembers the contents of blocks that have become full, or will in the step that is being scheduled.

        Raises:
            ValueError: caching is off, there are not as many hashes as blocks, a block is given twice, is cached
                already, or is the null block; nothing was remembered.
        """
        may_cache = self.enable_caching or not blocks
        require(may_cache, "enable_caching", "True for blocks to be cached", self.enable_caching)
        require(len(hashes) == len(blocks), "hashes", f"as many as the {len(blocks)} blocks", len(hashes))
        ids = [block.block_id for block in self._own(blocks)]
        require(len(set(ids)) == len(ids), "blocks", "different ones", ids)
        for block in blocks:
            is_new = block.block_hash is None and not block.is_null
            require(is_new, "blocks", "without cached contents, and not the null block", block.block_id)
        for block, block_hash in zip(blocks, hashes, strict=True):
            self._cache.insert(block, block_hash)

    def evict_blocks(self, block_ids: Iterable[int]) -> None:
        """Forgets the contents of these blocks; their references and places in the free queue stay.

        Raises:
            ValueError: there is no such block; nothing was forgotten.
        """
        ids = list(block_ids)
        for block_id in ids:
            exists = type(block_id) is int and 0 <= block_id < self.num_blocks
            require(exists, "block_ids", f"in [0, {self.num_blocks})", block_id)
        for block_id in ids:
            self._cache.evict(self.blocks[block_id])

    def reset_prefix_cache(self) -> bool:
        """Forgets all contents if no block is in use; the free queue keeps its order.

        Returns whether it was done. Blocks in use keep everything as it is.
        """
        if self.num_free_blocks != self.num_usable_blocks:
            return False
        self._cache.clear()
        for block in self.blocks:
            block.block_hash = None
        return True

    def _own(self, blocks: Iterable[Block]) -> list[Block]:
        given = list(blocks)
        for block in given:
            is_own = isinstance(block, Block) and block in self.blocks[block.block_id : block.block_id + 1]
            require(is_own, "blocks", "blocks of this pool", block)
        return given

    @staticmethod
    def _check_references(blocks: Sequence[Block]) -> None:
        for block, times in Counter(blocks).items():
            found = f"block {block.block_id} given {times} times with {block.ref_cnt} references"
            rule = "freed at most as often as they are referred to"
            require(times <= block.ref_cnt, "blocks", rule, found)
