"""Free blocks with cached contents, in the order in which they will be evicted: the one that was freed first."""

from collections import deque
from collections.abc import Iterator, Sequence


class EvictionLine:
    """A line out of which any block can be taken in constant time.

    A block that is taken out leaves its entry behind, to be skipped when its turn comes. A block's oldest entries are
    the ones that were left behind, as it can only join again at the end.

    Args:
        num_blocks: blocks are numbers below this.
    """

    def __init__(self, num_blocks: int) -> None:
        self._entries: deque[int] = deque()
        self._is_in_line = bytearray(num_blocks)
        self._num_left_behind: dict[int, int] = {}
        # Entries that were left behind are cleared away before they are as many as the blocks.
        self._most_entries = 2 * num_blocks

    def __contains__(self, block: int) -> bool:
        return self._is_in_line[block] == 1

    def __iter__(self) -> Iterator[int]:
        """Walks from the block that is evicted next to the last one."""
        num_left_behind = self._num_left_behind.copy()
        for block in self._entries:
            if num_left_behind.get(block):
                num_left_behind[block] -= 1
            else:
                yield block

    def extend(self, blocks: Sequence[int]) -> None:
        """Puts blocks at the end, in their order."""
        for block in blocks:
            self._is_in_line[block] = 1
        self._entries.extend(blocks)
        if len(self._entries) > self._most_entries:
            self._entries = deque(self)
            self._num_left_behind.clear()

    def remove(self, block: int) -> None:
        """Takes a block out, wherever it is."""
        self._is_in_line[block] = 0
        self._num_left_behind[block] = self._num_left_behind.get(block, 0) + 1

    def popleft_n(self, n: int) -> list[int]:
        """Takes the first `n` blocks out; there must be as many."""
        popleft, is_in_line = self._entries.popleft, self._is_in_line
        skips = bool(self._num_left_behind)
        blocks = self._popleft_n_skipping(n) if skips else [popleft() for _ in range(n)]
        for block in blocks:
            is_in_line[block] = 0
        return blocks

    def clear(self) -> None:
        """Takes all out."""
        self._entries.clear()
        self._num_left_behind.clear()
        self._is_in_line = bytearray(len(self._is_in_line))

    def _popleft_n_skipping(self, n: int) -> list[int]:
        left_behind = self._num_left_behind
        blocks: list[int] = []
        while len(blocks) < n:
            block = self._entries.popleft()
            if block not in left_behind:
                blocks.append(block)
            elif left_behind[block] == 1:
                del left_behind[block]
            else:
                left_behind[block] -= 1
        return blocks
