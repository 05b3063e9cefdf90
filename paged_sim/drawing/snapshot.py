"""What block tables, blocks and queues look like at one moment; plain data, for pictures and files."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from paged_sim.checks import require, require_integer


class BlockState(StrEnum):
    """What a block is to the pool."""

    NULL = "null block"
    IN_USE = "in use"
    CACHED = "free, contents cached"
    FREE = "free"


class BlockTable(NamedTuple):
    """A request's blocks, in the order of its tokens, and how many of its tokens they hold."""

    request_id: str
    block_ids: tuple[int, ...]
    num_computed_tokens: int


class BlockSnapshot(NamedTuple):
    """One block.

    Attributes:
        block_id: its place in the KV cache; 0 is the null block.
        state: what it is to the pool.
        owners: requests whose tables have it, several if it is shared.
        filled_slots: slots with keys and values that are of use: computed for an owner, or still to be hit.
        is_cached: whether its contents can be hit by later requests.
    """

    block_id: int
    state: BlockState
    owners: tuple[str, ...]
    filled_slots: int
    is_cached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One moment: between what a step allocates and computes, and what finished requests give back.

    Attributes:
        step: counted from 0.
        num_blocks: all blocks, the null block included.
        block_size: tokens of a block.
        tables: of the requests that hold blocks, in the order in which they run.
        free_block_ids: the free blocks, the one that is handed out next first.
        cached_block_ids: the blocks whose contents can be hit, free or in use.
        waiting: requests that hold no blocks, the next one first.
        new_block_ids: blocks that this step took out of the free queue to write into.
        sentences: what this step did, in words.

    Raises:
        ValueError: the parts contradict each other; the message names field, rule and value.
    """

    step: int
    num_blocks: int
    block_size: int
    tables: tuple[BlockTable, ...]
    free_block_ids: tuple[int, ...]
    cached_block_ids: tuple[int, ...] = ()
    waiting: tuple[str, ...] = ()
    new_block_ids: tuple[int, ...] = ()
    sentences: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field, minimum in (("step", 0), ("num_blocks", 1), ("block_size", 1)):
            require_integer(field, getattr(self, field), minimum)
        held = {block_id for table in self.tables for block_id in table.block_ids}
        free = set(self.free_block_ids)
        usable = set(range(1, self.num_blocks))
        require(len(free) == len(self.free_block_ids), "free_block_ids", "different", self.free_block_ids)
        require(not held & free, "free_block_ids", "in no block table", sorted(held & free))
        require(held | free <= usable, "block ids", f"in [1, {self.num_blocks})", sorted((held | free) - usable))
        rule = "those of all requests that hold blocks; nobody's are the blocks"
        require(held | free == usable, "tables", rule, sorted(usable - held - free))
        cached, new = set(self.cached_block_ids), set(self.new_block_ids)
        require(cached <= usable, "cached_block_ids", f"in [1, {self.num_blocks})", sorted(cached - usable))
        require(new <= held, "new_block_ids", "in a block table", sorted(new - held))
        self._check_requests()

    @property
    def running(self) -> tuple[str, ...]:
        """Requests that hold blocks."""
        return tuple(table.request_id for table in self.tables)

    @property
    def num_used_blocks(self) -> int:
        """Blocks in tables; a shared one counts once."""
        return self.num_blocks - 1 - len(self.free_block_ids)

    @property
    def blocks(self) -> tuple[BlockSnapshot, ...]:
        """All blocks by id."""
        owners: dict[int, list[str]] = defaultdict(list)
        filled: dict[int, int] = defaultdict(int)
        for request_id, block_ids, num_tokens in self.tables:
            for index, block_id in enumerate(block_ids):
                owners[block_id].append(request_id)
                num_filled = min(max(num_tokens - index * self.block_size, 0), self.block_size)
                filled[block_id] = max(filled[block_id], num_filled)
        cached = set(self.cached_block_ids)
        filled |= dict.fromkeys(cached, self.block_size)
        return tuple(
            BlockSnapshot(i, _state(i, owners, cached), tuple(owners[i]), filled[i], i in cached)
            for i in range(self.num_blocks)
        )

    def _check_requests(self) -> None:
        names = [*self.running, *self.waiting]
        require(len(set(names)) == len(names), "request ids", "different", names)
        for request_id, block_ids, num_tokens in self.tables:
            require(len(set(block_ids)) == len(block_ids), f"blocks of {request_id!r}", "different", block_ids)
            num_slots = len(block_ids) * self.block_size
            field, rule = f"num_computed_tokens of {request_id!r}", f"in [0, {num_slots}], the slots of its blocks"
            require(0 <= num_tokens <= num_slots, field, rule, num_tokens)


def _state(block_id: int, owners: dict[int, list[str]], cached: Iterable[int]) -> BlockState:
    if block_id == 0:
        return BlockState.NULL
    if owners[block_id]:
        return BlockState.IN_USE
    return BlockState.CACHED if block_id in cached else BlockState.FREE
