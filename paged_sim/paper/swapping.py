"""Block tables that can be moved to CPU memory and back (section 4.5).

The paper's system and vLLM's V0 engine could preempt a request in two ways: drop its blocks and compute them again, or
swap them out. V1 always computes again; its offloading to the CPU is another thing, a second prefix cache.
"""

from collections import Counter
from collections.abc import Sequence

from paged_sim.block import Block
from paged_sim.block_pool import BlockPool
from paged_sim.checks import require, require_integer
from paged_sim.paper.forking import ForkingKVCacheManager
from paged_sim.request import Request


class SwappingKVCacheManager(ForkingKVCacheManager):
    """A `ForkingKVCacheManager` with a second pool of blocks, in CPU memory.

    Requests that were forked from each other are a group, and a group is swapped as a whole: a block that they share is
    moved once and is still shared afterwards. The moves are to be made in the order of the calls, before the next step
    computes.

    Args:
        num_blocks, block_size, enable_caching, max_model_len, watermark: as for `KVCacheManager`.
        num_cpu_blocks: blocks of the CPU pool, at least 0. All are usable; their ids start with 1.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        num_blocks: int,
        block_size: int = 16,
        enable_caching: bool = True,
        max_model_len: int = 8192,
        watermark: float = 0.0,
        *,
        num_cpu_blocks: int,
    ) -> None:
        super().__init__(num_blocks, block_size, enable_caching, max_model_len, watermark)
        require_integer("num_cpu_blocks", num_cpu_blocks, 0)
        self.cpu_pool = BlockPool(num_cpu_blocks + 1, enable_caching=False)
        self._cpu_tables: dict[str, list[Block]] = {}
        self._groups: dict[str, list[Request]] = {}

    def group(self, request: Request) -> list[Request]:
        """Returns the requests that are swapped together with this one, which is among them, the oldest first."""
        return self._groups.get(request.request_id, [request]).copy()

    def is_swapped_out(self, request: Request) -> bool:
        """Whether the request's table is in CPU blocks."""
        return request.request_id in self._cpu_tables

    def cpu_block_ids(self, request_id: str) -> list[int]:
        """Returns the request's table of CPU blocks; empty unless it is swapped out."""
        return self.ids(self._cpu_tables.get(request_id, ()))

    def fork(self, parent: Request, child: Request) -> None:
        """Lets a new request continue what the parent has computed, in one group with it.

        Arguments and errors are those of `ForkingKVCacheManager.fork`.
        """
        super().fork(parent, child)
        group = self._groups.setdefault(parent.request_id, [parent])
        group.append(child)
        self._groups[child.request_id] = group

    def swap_out(self, request: Request) -> list[tuple[int, int]] | None:
        """Moves the tables of the request's group to CPU blocks and frees their GPU blocks.

        A GPU block whose contents are cached can still be hit until it is handed out again.

        Args:
            request: its group must be between steps: what was allocated is computed.

        Returns:
            The moves, (GPU block id, CPU block id), one for each different block; None if the CPU pool has too few
            free blocks, and then nothing has changed.

        Raises:
            ValueError: the group holds no GPU blocks or is within a step; nothing has changed.
        """
        group = self.group(request)
        for member in group:
            self._check_settled("request", member)
        if self.block_use(group).with_sharing > self.cpu_pool.num_free_blocks:
            return None
        tables = [self._tables.pop(member.request_id) for member in group]
        copies = _new_copies(tables, self.cpu_pool)
        for member, table in zip(group, tables, strict=True):
            self._cpu_tables[member.request_id] = [copies[block] for block in table]
            self._num_cached_blocks.pop(member.request_id, None)
            self.pool.free_blocks(reversed(table))
        return [(block.block_id, copy.block_id) for block, copy in copies.items()]

    def swap_in(self, request: Request) -> list[tuple[int, int]] | None:
        """Moves the tables of the request's group back to GPU blocks and frees their CPU blocks.

        Full blocks can be hit again. Whether there is room for what the group computes next is another question, which
        `num_blocks_needed_by_all` answers for swapped out requests too.

        Returns:
            The moves, (CPU block id, GPU block id), one for each different block; None if the GPU pool has too few
            free blocks, and then nothing has changed.

        Raises:
            ValueError: the request is not swapped out; nothing has changed.
        """
        require(self.is_swapped_out(request), "request", "swapped out", request)
        group = self.group(request)
        if self.block_use(group).with_sharing > self.pool.num_free_blocks:
            return None
        tables = [self._cpu_tables.pop(member.request_id) for member in group]
        copies = _new_copies(tables, self.pool)
        for member, table in zip(group, tables, strict=True):
            self._tables[member.request_id] = [copies[block] for block in table]
            self._cache_full_blocks(member)
            self.cpu_pool.free_blocks(reversed(table))
        return [(block.block_id, copy.block_id) for block, copy in copies.items()]

    def can_allocate(
        self, request: Request, num_tokens: int, hit_blocks: Sequence[Block] = (), has_scheduled_reqs: bool = True
    ) -> bool:
        """Whether the pool can take the request's table to `num_tokens` tokens.

        Raises:
            ValueError: the request is swapped out.
        """
        require(not self.is_swapped_out(request), "request", "one that is not swapped out", request)
        return super().can_allocate(request, num_tokens, hit_blocks, has_scheduled_reqs)

    def free(self, request: Request) -> None:
        """Takes the request's blocks back, wherever they are; it leaves its group.

        Raises:
            ValueError: the request holds no blocks.
        """
        if self.is_swapped_out(request):
            self.cpu_pool.free_blocks(reversed(self._cpu_tables.pop(request.request_id)))
        else:
            super().free(request)
        self._groups.pop(request.request_id, [request]).remove(request)

    def holds_blocks(self, request: Request) -> bool:
        """Whether the request has a block table, in GPU or CPU blocks."""
        return self.is_swapped_out(request) or super().holds_blocks(request)

    def num_blocks_held(self, request: Request) -> int:
        """Returns the length of the request's block table, in GPU or CPU blocks."""
        return len(self._table(request))

    def reset_prefix_cache(self) -> bool:
        """Forgets all cached contents if no request holds blocks, in GPU or CPU memory; returns whether it was done."""
        return not self._cpu_tables and super().reset_prefix_cache()

    def _table(self, request: Request) -> list[Block]:
        return self._cpu_tables.get(request.request_id) or super()._table(request)

    def _cache_full_blocks(self, request: Request) -> None:
        """Makes full blocks known under their hashes, except those that another member of the group has made known."""
        if not self.enable_caching:
            return
        num_full = request.num_computed_tokens // self.block_size
        hashes = request.block_hashes(self.block_size)
        for block, block_hash in zip(self._tables[request.request_id][:num_full], hashes, strict=False):
            if block.block_hash is None:
                self.pool.cache_full_blocks([block], [block_hash])
        self._num_cached_blocks[request.request_id] = num_full


def _new_copies(tables: list[list[Block]], pool: BlockPool) -> dict[Block, Block]:
    """Returns a new block for each different one, with as many references as the tables have to it."""
    references = Counter(block for table in tables for block in table)
    copies = dict(zip(references, pool.get_new_blocks(len(references)), strict=True))
    for block, num_references in references.items():
        pool.touch([copies[block]] * (num_references - 1))
    return copies
