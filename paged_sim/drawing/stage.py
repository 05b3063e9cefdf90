"""What the pictures of one recording have in common, so that nothing changes its place or colour between steps."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from paged_sim.checks import require
from paged_sim.drawing.palette import request_colours
from paged_sim.drawing.snapshot import Snapshot

# More would make their ids unreadable.
MAX_BLOCKS = 512
# Characters of a sentence that fit into a line.
_LINE_LENGTH = 130
_LONGEST_NAME = 12


@dataclass(frozen=True, slots=True)
class Stage:
    """Colours, and the room that the fullest step needs.

    Attributes:
        num_blocks: all blocks, the null block included, at most 512.
        colours: by request, in the order of their first appearance.
        num_tables: most requests that run at once.
        num_lines: most lines of sentences of a step.
    """

    num_blocks: int
    colours: Mapping[str, str]
    num_tables: int
    num_lines: int

    def check(self, snapshot: Snapshot) -> None:
        """Raises ValueError unless the snapshot can be drawn on this stage."""
        require(
            self.num_blocks == snapshot.num_blocks, "num_blocks of the stage", f"{snapshot.num_blocks}", self.num_blocks
        )
        unknown = {*snapshot.running, *snapshot.waiting} - self.colours.keys()
        require(not unknown, "requests of the snapshot", "known to the stage", sorted(unknown))
        fits = len(snapshot.tables) <= self.num_tables
        require(fits, "running requests", f"at most the {self.num_tables} of the stage", len(snapshot.tables))

    @classmethod
    def of(cls, snapshots: Sequence[Snapshot]) -> Self:
        """Returns the stage on which all of these can be drawn.

        Raises:
            ValueError: there are none, they differ in their number of blocks, or it is above 512.
        """
        require(len(snapshots) > 0, "snapshots", "at least one", snapshots)
        sizes = {snapshot.num_blocks for snapshot in snapshots}
        require(len(sizes) == 1, "num_blocks", "the same in all snapshots", sorted(sizes))
        num_blocks = sizes.pop()
        require(num_blocks <= MAX_BLOCKS, "num_blocks", f"at most {MAX_BLOCKS}, so that ids can be read", num_blocks)
        names = dict.fromkeys(name for snapshot in snapshots for name in (*snapshot.running, *snapshot.waiting))
        num_lines = max(len(wrapped_sentences(snapshot)) for snapshot in snapshots)
        return cls(num_blocks, request_colours(names), max(len(snapshot.tables) for snapshot in snapshots), num_lines)


def wrapped_sentences(snapshot: Snapshot) -> list[str]:
    """Returns the sentences as lines that fit into a picture; a continued line is indented."""
    return [
        line
        for sentence in snapshot.sentences
        for line in textwrap.wrap(sentence, _LINE_LENGTH, subsequent_indent="   ")
    ]


def short_name(request_id: str) -> str:
    """Returns the id, of a long one the end, which tells more: `c0000012-3` of a chat is the third turn."""
    return request_id if len(request_id) <= _LONGEST_NAME else "…" + request_id[1 - _LONGEST_NAME :]
