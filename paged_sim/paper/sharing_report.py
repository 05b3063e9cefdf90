"""How many blocks sequences of one request saved by sharing, step by step."""

from dataclasses import dataclass

from paged_sim.paper.forking import BlockUse


@dataclass(frozen=True, slots=True)
class SharingReport:
    """What parallel sampling or beam search of one prompt held in memory.

    Attributes:
        steps: blocks in the step that computed the prompt, which each sequence would hold without sharing, and in each
            step that computed a token of each sequence.
        num_copies: blocks that were copied because sequences that shared them parted.
    """

    steps: tuple[BlockUse, ...]
    num_copies: int

    @property
    def peak(self) -> BlockUse:
        """The step with the most blocks in memory, the first of several."""
        return max(self.steps, key=lambda step: step.with_sharing)

    @property
    def saved(self) -> float:
        """Blocks saved by sharing over blocks without sharing, of all steps together, 0 to 1 (section 6.3)."""
        return 1 - sum(step.with_sharing for step in self.steps) / sum(step.without_sharing for step in self.steps)
