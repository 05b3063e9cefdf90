"""Forked sequences that share blocks, the partly filled last one too, and copy it when they part (section 4.4).

vLLM's V0 engine had this (`BlockSpaceManager.fork` and `append_slots`). V1 has not: n samples of a prompt are n
requests there, which share full blocks through the prefix cache. Here both work together.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from paged_sim.block import Block
from paged_sim.checks import require
from paged_sim.kv_cache_manager import KVCacheManager
from paged_sim.request import Request


class BlockUse(NamedTuple):
    """Blocks that some requests hold together.

    Attributes:
        with_sharing: different blocks, that is memory.
        without_sharing: entries of all their tables: the memory if each request had blocks of its own.
    """

    with_sharing: int
    without_sharing: int


class ForkingKVCacheManager(KVCacheManager):
    """A `KVCacheManager` whose requests can be forked.

    A block with several references is never written. Full blocks need no writing. A request that is about to write
    into its partly filled last block while others refer to it gets a new block instead, and the contents have to be
    copied before the step computes: `take_copies` says which. The last one to refer to the block writes in place.
    Only full blocks have a hash, so a shared partly filled block is never in the prefix cache.

    The arguments are those of `KVCacheManager`.
    """

    def __init__(
        self,
        num_blocks: int,
        block_size: int = 16,
        enable_caching: bool = True,
        max_model_len: int = 8192,
        watermark: float = 0.0,
    ) -> None:
        super().__init__(num_blocks, block_size, enable_caching, max_model_len, watermark)
        self._copies: list[tuple[int, int]] = []

    def fork(self, parent: Request, child: Request) -> None:
        """Lets a new request continue what the parent has computed; takes no block.

        Both must be between steps: what was allocated is computed. The child then counts as computed as far as the
        parent (its `num_computed_tokens` is set).

        Args:
            parent: a request that holds blocks.
            child: a new request that starts with the parent's computed tokens and has the same adapter and salt.

        Raises:
            ValueError: the parent holds no blocks or is within a step, or the child is not as above; nothing has
                changed.
        """
        self._check_settled("parent", parent)
        self._check_child(parent, child)
        table = self._tables[parent.request_id]
        self.pool.touch(table)
        self._tables[child.request_id] = table.copy()
        if self.enable_caching:
            self._num_cached_blocks[child.request_id] = parent.num_computed_tokens // self.block_size
        child.num_computed_tokens = parent.num_computed_tokens

    def take_copies(self) -> list[tuple[int, int]]:
        """Returns the copies since the last call, (source, destination), to be made in this order before the step.

        V0 called them `blocks_to_copy`.
        """
        copies, self._copies = self._copies, []
        return copies

    def num_blocks_needed(self, request: Request, num_tokens: int, hit_blocks: Sequence[Block] = ()) -> int:
        """Returns how many free blocks it takes until the request's table holds `num_tokens` tokens.

        One more than without forks if its last block has to be copied.
        """
        block = self._block_to_fill(request)
        is_shared = block is not None and block.ref_cnt > 1
        return super().num_blocks_needed(request, num_tokens, hit_blocks) + is_shared

    def num_blocks_needed_by_all(self, num_tokens: Mapping[Request, int]) -> int:
        """Returns how many free blocks several requests take together, in whatever order they write.

        Of those that write into the same block, the last one need not copy it if nobody else refers to it.

        Args:
            num_tokens: by request: the tokens that its table is to hold, more than are computed.
        """
        filled = Counter(block for block in map(self._block_to_fill, num_tokens) if block is not None)
        num_copies = sum(min(writers, block.ref_cnt - 1) for block, writers in filled.items())
        return num_copies + sum(map(super().num_blocks_needed, num_tokens.keys(), num_tokens.values()))

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
        """Extends the request's table for the tokens of this step, and copies its last block if it is shared.

        Arguments and errors are those of `KVCacheManager.allocate_slots`.

        Returns:
            The blocks that were added; the destination of a copy takes the place of its source in the table and is
            not among them. None if there is no room, for the copy or for the rest, and then nothing has changed.
        """
        block = self._block_to_fill(request)
        if block is not None and block.ref_cnt > 1 and not new_computed_blocks:
            self._check(num_new_tokens, num_new_computed_tokens, new_computed_blocks)
            num_tokens = request.num_computed_tokens + num_new_tokens
            longest = max(num_tokens, request.num_tokens) if full_sequence_must_fit else num_tokens
            if not self.can_allocate(request, longest, has_scheduled_reqs=has_scheduled_reqs):
                return None
            self._copy_block_to_fill(request)
        return super().allocate_slots(
            request,
            num_new_tokens,
            num_new_computed_tokens,
            new_computed_blocks,
            full_sequence_must_fit=full_sequence_must_fit,
            has_scheduled_reqs=has_scheduled_reqs,
        )

    def block_use(self, requests: Iterable[Request]) -> BlockUse:
        """Returns what sharing saves these requests."""
        entries = [block for request in requests for block in self._table(request)]
        return BlockUse(len(set(entries)), len(entries))

    def _table(self, request: Request) -> list[Block]:
        return self._tables.get(request.request_id, [])

    def _block_to_fill(self, request: Request) -> Block | None:
        """Returns the partly filled block that the request's next token goes into, if it has one."""
        index, num_filled_slots = divmod(request.num_computed_tokens, self.block_size)
        table = self._table(request)
        return table[index] if num_filled_slots and index < len(table) else None

    def _copy_block_to_fill(self, request: Request) -> None:
        table, index = self._tables[request.request_id], request.num_computed_tokens // self.block_size
        source, destination = table[index], self.pool.get_new_blocks(1)[0]
        table[index] = destination
        self.pool.free_blocks([source])
        self._copies.append((source.block_id, destination.block_id))

    def _check_settled(self, field: str, request: Request) -> None:
        require(request.request_id in self._tables, field, "one that holds blocks", request)
        num_full, num_filled_slots = divmod(request.num_computed_tokens, self.block_size)
        table = self._tables[request.request_id]
        is_settled = len(table) == num_full + bool(num_filled_slots)
        num_cached = self._num_cached_blocks.get(request.request_id, num_full)
        require(is_settled and num_cached == num_full, field, "between steps: all that is allocated, computed", request)

    def _check_child(self, parent: Request, child: Request) -> None:
        is_new = child.num_computed_tokens == 0 and not self.holds_blocks(child)
        require(is_new, "child", "a new request that holds no blocks", child)
        computed = parent.num_computed_tokens
        same_tokens = child.all_token_ids[:computed] == parent.all_token_ids[:computed]
        rule = f"one that starts with the {computed} computed tokens of the parent"
        require(same_tokens, "child", rule, child)
        same_contents = (child.lora_name, child.cache_salt) == (parent.lora_name, parent.cache_salt)
        require(same_contents, "child", "one with the adapter and salt of the parent", child)
