"""Block tables: which blocks hold the tokens of which request."""

from collections.abc import Iterable, Sequence

from paged_sim.block import Block
from paged_sim.block_pool import BlockPool
from paged_sim.checks import require, require_integer, require_number
from paged_sim.prefix_cache_stats import PrefixCacheStats
from paged_sim.request import Request, RequestStatus


class KVCacheManager:
    """Gives requests the blocks that they need (vLLM: `KVCacheManager` in v1/core/kv_cache_manager.py).

    It decides with the tokens that will be computed, before the model runs: a block that this step fills is cached by
    this step, and the next request of the same step can hit it.

    Args:
        num_blocks: all blocks, the null block included.
        block_size: tokens of a block.
        enable_caching: whether full blocks can be hit by later requests.
        max_model_len: most tokens of a request.
        watermark: share of all blocks that an admission must leave free while others run, at least 0 and below 1.

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
    ) -> None:
        require_integer("block_size", block_size, 1)
        require_integer("max_model_len", max_model_len, 1)
        require_number("watermark", watermark, 0.0)
        require(watermark < 1, "watermark", "below 1", watermark)
        self.pool = BlockPool(num_blocks, enable_caching)
        self.block_size = block_size
        self.enable_caching = enable_caching
        self.max_model_len = max_model_len
        self.watermark_blocks = int(watermark * num_blocks)
        self._tables: dict[str, list[Block]] = {}
        self._num_cached_blocks: dict[str, int] = {}
        self._stats = PrefixCacheStats()

    @property
    def usage(self) -> float:
        """Share of the blocks that are in tables, 0 to 1."""
        return self.pool.usage

    def block_ids(self, request_id: str) -> list[int]:
        """Returns the request's block table; empty when it holds no blocks."""
        return self.ids(self._tables.get(request_id, ()))

    @staticmethod
    def ids(blocks: Iterable[Block]) -> list[int]:
        """Returns the ids of blocks."""
        return [block.block_id for block in blocks]

    def get_computed_blocks(self, request: Request) -> tuple[list[Block], int]:
        """Looks up the longest prefix that is cached; nothing changes.

        At least one token is left to compute, since its logits are wanted. A prompt that is cached whole therefore
        has its last block computed again, into a copy.

        Returns the blocks and the tokens that they hold.
        """
        if not self._may_read_cache(request):
            return [], 0
        hit_blocks: list[Block] = []
        longest = (request.num_tokens - 1) // self.block_size
        for block_hash in request.block_hashes(self.block_size)[:longest]:
            block = self.pool.cached_block(block_hash)
            if block is None:
                break
            hit_blocks.append(block)
        return hit_blocks, len(hit_blocks) * self.block_size

    def num_blocks_needed(self, request: Request, num_tokens: int, hit_blocks: Sequence[Block] = ()) -> int:
        """Returns how many free blocks it takes until the request's table holds `num_tokens` tokens.

        A hit block that is in no table counts too: adopting it takes it out of the free queue.
        """
        num_held = self.num_blocks_held(request) + len(hit_blocks)
        num_new = max(-(-min(num_tokens, self.max_model_len) // self.block_size) - num_held, 0)
        return num_new + sum(block.ref_cnt == 0 for block in hit_blocks)

    def can_allocate(
        self, request: Request, num_tokens: int, hit_blocks: Sequence[Block] = (), has_scheduled_reqs: bool = True
    ) -> bool:
        """Whether the pool can take the request's table to `num_tokens` tokens.

        A waiting or preempted request must leave the watermark free, unless nothing else runs.
        """
        is_admission = request.status in (RequestStatus.WAITING, RequestStatus.PREEMPTED)
        reserve = self.watermark_blocks if is_admission and has_scheduled_reqs else 0
        return self.num_blocks_needed(request, num_tokens, hit_blocks) + reserve <= self.pool.num_free_blocks

    def allocate_slots(
        self,
        request: Request,
        num_new_tokens: int,
        num_new_computed_tokens: int = 0,
        new_computed_blocks: Sequence[Block] = (),
        *,
        full_sequence_must_fit: bool = False,
        has_scheduled_reqs: bool = True,
    ) -> list[Block] | None:
        """Extends the request's table for the tokens of this step.

        Args:
            request: its `num_computed_tokens` is what earlier steps computed.
            num_new_tokens: tokens that this step computes.
            num_new_computed_tokens: tokens found in the cache, from `get_computed_blocks`.
            new_computed_blocks: the blocks that hold those.
            full_sequence_must_fit: refuse unless there is room for all tokens of the request, not for this step's
                only. It is a check and reserves nothing.
            has_scheduled_reqs: whether other requests run; then an admission leaves the watermark free.

        Returns:
            The new blocks, without the hit ones; None if there is no room, and then nothing has changed.

        Raises:
            ValueError: there is nothing to do, hit tokens and hit blocks disagree, or the hit blocks do not hold the
                start of a request without blocks; nothing has changed.
        """
        self._check(num_new_tokens, num_new_computed_tokens, new_computed_blocks)
        self._check_hit_blocks(request, new_computed_blocks)
        computed = request.num_computed_tokens + num_new_computed_tokens
        wanted = [request.num_tokens] if full_sequence_must_fit else []
        for num_tokens in (*wanted, computed + num_new_tokens):
            if not self.can_allocate(request, num_tokens, new_computed_blocks, has_scheduled_reqs):
                return None
        self.pool.touch(new_computed_blocks)
        table = self._tables.setdefault(request.request_id, [])
        table.extend(new_computed_blocks)
        new_blocks = self.pool.get_new_blocks(self.num_blocks_needed(request, computed + num_new_tokens))
        table.extend(new_blocks)
        self._cache_blocks(request, len(new_computed_blocks), min(computed + num_new_tokens, request.num_tokens))
        return new_blocks

    def free(self, request: Request) -> None:
        """Takes the request's blocks back, the end of its table first: a prefix is worth more than what follows it.

        Raises:
            ValueError: the request holds no blocks.
        """
        held = request.request_id in self._tables
        require(held, "request", "one that holds blocks", request.request_id)
        self.pool.free_blocks(reversed(self._tables.pop(request.request_id)))
        self._num_cached_blocks.pop(request.request_id, None)

    def holds_blocks(self, request: Request) -> bool:
        """Whether the request has a block table."""
        return request.request_id in self._tables

    def num_blocks_held(self, request: Request) -> int:
        """Returns the length of the request's block table."""
        return len(self._tables.get(request.request_id, ()))

    def reset_prefix_cache(self) -> bool:
        """Forgets all cached contents if no block is in use; returns whether it was done."""
        was_reset = self.pool.reset_prefix_cache()
        self._stats.reset |= was_reset
        return was_reset

    def record_prefix_cache_stats(self, request: Request, num_hits: int) -> None:
        """Counts an admission, unless the request does not look into the cache."""
        if self._may_read_cache(request):
            self._stats.record(request.num_tokens, num_hits, preempted=request.num_preemptions > 0)

    def make_prefix_cache_stats(self) -> PrefixCacheStats:
        """Returns the counts since the last call."""
        stats, self._stats = self._stats, PrefixCacheStats()
        return stats

    def _may_read_cache(self, request: Request) -> bool:
        return self.enable_caching and not request.skip_reading_prefix_cache

    def _cache_blocks(self, request: Request, num_hit_blocks: int, num_tokens: int) -> None:
        if not self.enable_caching:
            return
        first = self._num_cached_blocks.get(request.request_id, num_hit_blocks)
        table = self._tables[request.request_id]
        # A request may have more tokens than max_model_len, for which there are no blocks.
        full = max(min(num_tokens // self.block_size, len(table)), first)
        self.pool.cache_full_blocks(table[first:full], request.block_hashes(self.block_size)[first:full])
        self._num_cached_blocks[request.request_id] = full

    def _check(self, num_new_tokens: int, num_hit_tokens: int, hit_blocks: Sequence[Block]) -> None:
        require_integer("num_new_tokens", num_new_tokens, 0)
        expected = len(hit_blocks) * self.block_size
        rule = f"{expected}, the tokens of {len(hit_blocks)} hit blocks"
        require(num_hit_tokens == expected, "num_new_computed_tokens", rule, num_hit_tokens)
        has_work = num_new_tokens > 0 or num_hit_tokens > 0
        require(has_work, "num_new_tokens", "at least 1 when there are no hit tokens to adopt", num_new_tokens)

    def _check_hit_blocks(self, request: Request, hit_blocks: Sequence[Block]) -> None:
        if not hit_blocks:
            return
        is_new = not self.holds_blocks(request)
        require(is_new, "new_computed_blocks", "given to a request without blocks only", self.ids(hit_blocks))
        hashes = request.block_hashes(self.block_size)[: len(hit_blocks)]
        hold_its_start = [block.block_hash for block in hit_blocks] == hashes
        rule = "blocks that hold the first tokens of the request"
        require(hold_its_start, "new_computed_blocks", rule, self.ids(hit_blocks))
