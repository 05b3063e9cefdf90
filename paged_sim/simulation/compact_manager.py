"""Block tables as lists of numbers; decisions as in `KVCacheManager`."""

from collections.abc import Iterable, Sequence

from paged_sim.kv_cache_manager import KVCacheManager
from paged_sim.request import RequestStatus
from paged_sim.simulation.compact_pool import CompactBlockPool
from paged_sim.simulation.replayed_request import ReplayedRequest


class CompactKVCacheManager(KVCacheManager):
    """A `KVCacheManager` for replayed requests, each of which carries its own table; see there for the arguments."""

    def __init__(
        self, num_blocks: int, block_size: int, enable_caching: bool, max_model_len: int, watermark: float
    ) -> None:
        # The pool of the base class is not wanted; two blocks are the least.
        super().__init__(2, block_size, enable_caching, max_model_len, 0.0)
        self.watermark_blocks = int(watermark * num_blocks)
        self.pool = CompactBlockPool(num_blocks, enable_caching)

    @staticmethod
    def ids(blocks: Iterable[int]) -> list[int]:
        """Returns the ids of blocks, which they are."""
        return list(blocks)

    def get_computed_blocks(self, request: ReplayedRequest) -> tuple[list[int], int]:
        """Looks up the longest prefix that is cached; returns the blocks and their tokens."""
        hit_blocks: list[int] = []
        if self.enable_caching:
            cached_block = self.pool.cached_block
            longest = (request.num_tokens - 1) // self.block_size
            for key in request.block_keys(self.block_size)[:longest]:
                block = cached_block(key)
                if block is None:
                    break
                hit_blocks.append(block)
        return hit_blocks, len(hit_blocks) * self.block_size

    def allocate_slots(
        self,
        request: ReplayedRequest,
        num_new_tokens: int,
        num_new_computed_tokens: int = 0,
        new_computed_blocks: Sequence[int] = (),
        *,
        full_sequence_must_fit: bool = False,
        has_scheduled_reqs: bool = True,
    ) -> list[int] | None:
        """Extends the request's table; returns the new blocks, or None if there is no room."""
        pool, table = self.pool, request.table
        num_tokens = request.num_computed_tokens + num_new_computed_tokens + num_new_tokens
        num_held = len(table) + len(new_computed_blocks)
        num_new = max(0, -(-num_tokens // self.block_size) - num_held)
        room = pool.num_free_blocks
        if new_computed_blocks:
            room -= pool.num_free_among(new_computed_blocks)
        if has_scheduled_reqs and request.status is not RequestStatus.RUNNING:
            room -= self.watermark_blocks
        if num_new > room:
            return None
        if full_sequence_must_fit and -(-request.num_tokens // self.block_size) - num_held > room:
            return None
        if not table:
            self._tables[request.request_id] = table
        if new_computed_blocks:
            pool.touch(new_computed_blocks)
            table += new_computed_blocks
            request.num_cached_blocks = len(new_computed_blocks)
        new_blocks = pool.get_new_blocks(num_new) if num_new else []
        table += new_blocks
        if self.enable_caching:
            self._cache_full_blocks(request, num_tokens // self.block_size)
        return new_blocks

    def free(self, request: ReplayedRequest) -> None:
        """Takes the request's blocks back, the end of its table first."""
        self.pool.free_table(self._tables.pop(request.request_id))
        request.table = []
        request.num_cached_blocks = 0

    def _cache_full_blocks(self, request: ReplayedRequest, num_full: int) -> None:
        first = request.num_cached_blocks
        if num_full > first:
            self.pool.cache_blocks(request.table[first:num_full], request.block_keys(self.block_size)[first:num_full])
            request.num_cached_blocks = num_full
