"""Sequences of one request that continue the same prompt, in a KV cache of their own."""

from collections.abc import Iterable, Sequence

from paged_sim.checks import require_integer
from paged_sim.paper.forking import BlockUse, ForkingKVCacheManager
from paged_sim.paper.sharing_report import SharingReport
from paged_sim.request import Request


class ForkedSequences:
    """A prompt that is computed once, and what becomes of it; the KV cache is large enough never to run out.

    Args:
        prompt_token_ids: its tokens, at least one, numbers in [0, 2**32).
        max_sequences: most sequences at once, at least 1.
        max_output_tokens: most tokens that a sequence adds to the prompt, at least 1.
        block_size: tokens of a block, at least 1.

    Raises:
        ValueError: a value is out of its range.
    """

    def __init__(
        self, prompt_token_ids: Sequence[int], max_sequences: int, max_output_tokens: int, block_size: int
    ) -> None:
        require_integer("max_sequences", max_sequences, 1)
        require_integer("block_size", block_size, 1)
        prompt = Request("prompt", prompt_token_ids, max_output_tokens)
        longest = prompt.num_tokens + max_output_tokens
        num_blocks = 1 + max_sequences * -(-longest // block_size)
        self.manager = ForkingKVCacheManager(num_blocks, block_size, max_model_len=longest)
        self.sequences = [prompt]
        self.manager.allocate_slots(prompt, prompt.num_tokens)
        prompt.num_computed_tokens = prompt.num_tokens
        num_prompt_blocks = self.manager.num_blocks_held(prompt)
        self._steps = [BlockUse(num_prompt_blocks, num_prompt_blocks * max_sequences)]
        self._num_copies = 0

    def replace(self, children: Iterable[tuple[Request, Request]]) -> None:
        """Lets new sequences go on where those of now are, and drops the latter.

        Args:
            children: (sequence of now, new sequence that starts with its tokens).
        """
        parents, self.sequences = self.sequences, []
        for parent, child in children:
            self.manager.fork(parent, child)
            self.sequences.append(child)
        self._free(parents)

    def drop(self, ended: Sequence[Request]) -> None:
        """Frees the blocks of sequences that need them no more."""
        self.sequences = [sequence for sequence in self.sequences if sequence not in ended]
        self._free(ended)

    def compute(self) -> None:
        """Computes the next token of each sequence."""
        for sequence in self.sequences:
            self.manager.allocate_slots(sequence, 1)
            sequence.num_computed_tokens += 1
        self._num_copies += len(self.manager.take_copies())
        self._steps.append(self.manager.block_use(self.sequences))

    def report(self) -> SharingReport:
        """Returns what sharing saved so far."""
        return SharingReport(tuple(self._steps), self._num_copies)

    def _free(self, sequences: Iterable[Request]) -> None:
        for sequence in sequences:
            self.manager.free(sequence)
