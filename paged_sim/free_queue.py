"""The free blocks in the order in which they are handed out: a doubly linked list through the blocks themselves.

A prefix hit takes a block out of the middle. A list or a deque would search for it; here its two neighbours are
linked to each other, which costs the same for 10 blocks and for 100,000.
"""

from collections.abc import Iterable, Iterator, Sequence

from paged_sim.block import Block


class FreeBlockQueue:
    """Free blocks; the first one is handed out next (vLLM: `FreeKVCacheBlockQueue`).

    Two blocks that are no blocks mark both ends, so every free block has two neighbours.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        """Links all of `blocks`, in their order."""
        self._head, self._tail = Block(-1), Block(-1)
        self._head.next_free_block, self._tail.prev_free_block = self._tail, self._head
        self._num_free_blocks = 0
        self.append_n(blocks)

    def __len__(self) -> int:
        return self._num_free_blocks

    def __iter__(self) -> Iterator[Block]:
        """Walks from the block that is handed out next to the last one."""
        block = self._head.next_free_block
        while block is not self._tail:
            yield block
            block = block.next_free_block

    def popleft_n(self, n: int) -> list[Block]:
        """Takes the first `n` blocks; there must be as many."""
        blocks = [block for block, _ in zip(self, range(n), strict=False)]
        for block in blocks:
            self.remove(block)
        return blocks

    def remove(self, block: Block) -> None:
        """Takes a block out, wherever it is."""
        before, after = block.prev_free_block, block.next_free_block
        before.next_free_block, after.prev_free_block = after, before
        block.prev_free_block = block.next_free_block = None
        self._num_free_blocks -= 1

    def prepend_n(self, blocks: Iterable[Block]) -> None:
        """Puts blocks before all others, keeping their order: the first of them is handed out next."""
        self._insert(self._head, blocks)

    def append_n(self, blocks: Iterable[Block]) -> None:
        """Puts blocks behind all others, keeping their order."""
        self._insert(self._tail.prev_free_block, blocks)

    def _insert(self, before: Block, blocks: Iterable[Block]) -> None:
        after = before.next_free_block
        for block in blocks:
            before.next_free_block, block.prev_free_block = block, before
            before = block
            self._num_free_blocks += 1
        before.next_free_block, after.prev_free_block = after, before
