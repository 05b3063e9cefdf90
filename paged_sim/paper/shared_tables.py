"""Block tables of sequences that share blocks: forks, and copy-on-write, counted by references (section 4.4).

Only counted, so that Figure 15 takes seconds; `forked_sequences` does the same with a real manager and its blocks, and
a test compares the two.
"""

from collections import Counter
from itertools import count

from paged_sim.checks import require, require_integer
from paged_sim.paper.published import BLOCK_SIZE


class SharedTables:
    """Block tables of the sequences of one request, which start as forks of its prompt and grow together.

    Blocks are only numbered and counted: whether there is memory for them is the matter of an allocator.

    Args:
        num_prompt_tokens: length of the prompt, at least 1.
        num_sequences: at least 1.
        block_size: tokens per block, at least 1.

    Raises:
        ValueError: a value is out of its range; the message names field, rule and value.
    """

    def __init__(self, num_prompt_tokens: int, num_sequences: int, block_size: int = BLOCK_SIZE) -> None:
        require_integer("num_prompt_tokens", num_prompt_tokens, 1)
        require_integer("num_sequences", num_sequences, 1)
        require_integer("block_size", block_size, 1)
        self._block_size = block_size
        self._num_tokens = num_prompt_tokens
        self._next_block = count()
        self._references: Counter[int] = Counter()
        prompt = [next(self._next_block) for _ in range(-(-num_prompt_tokens // block_size))]
        self._tables = [self._referenced(prompt) for _ in range(num_sequences)]

    @property
    def num_blocks(self) -> int:
        """Blocks in memory."""
        return len(self._references)

    @property
    def num_blocks_without_sharing(self) -> int:
        """Blocks that would be in memory if every sequence had its own."""
        return len(self._tables) * len(self._tables[0])

    def block_ids(self, sequence: int) -> list[int]:
        """Returns the block table of a sequence."""
        return self._tables[sequence].copy()

    def fork(self, parents: list[int]) -> None:
        """Makes each sequence continue the one whose index `parents` holds; one that nobody continues is dropped.

        Raises:
            ValueError: `parents` does not hold one index of a sequence for each sequence.
        """
        sequences = range(len(self._tables))
        known = len(parents) == len(sequences) and all(parent in sequences for parent in parents)
        require(known, "parents", f"{len(sequences)} indices below {len(sequences)}", parents)
        before = self._tables.copy()
        forked = [index for index in sequences if parents[index] != index]
        for index in forked:
            self._tables[index] = self._referenced(before[parents[index]])
        for index in forked:
            self._release(before[index])

    def append_token(self) -> None:
        """Writes one token to each sequence: into a new block, the block of its own, or a copy of a shared one."""
        starts_block = self._num_tokens % self._block_size == 0
        for table in self._tables:
            if not starts_block:
                if self._references[table[-1]] == 1:
                    continue
                self._release([table.pop()])
            table.extend(self._referenced([next(self._next_block)]))
        self._num_tokens += 1

    def _referenced(self, blocks: list[int]) -> list[int]:
        for block in blocks:
            self._references[block] += 1
        return blocks.copy()

    def _release(self, blocks: list[int]) -> None:
        for block in blocks:
            self._references[block] -= 1
            if self._references[block] == 0:
                del self._references[block]
