"""Several steps of a recording in one picture."""

from collections.abc import Sequence
from dataclasses import replace

from matplotlib import rc_context

from paged_sim.checks import require
from paged_sim.drawing.block_legend import draw_legend
from paged_sim.drawing.block_map import Parts, paint
from paged_sim.drawing.figure import MARGIN, PAPER_STYLE, Picture, cut, sheet
from paged_sim.drawing.snapshot import Snapshot
from paged_sim.drawing.stage import Stage, wrapped_sentences

_NUM_STILLS = 4
_PARTS = Parts(legend=False, queues=False, sentences=True, tables=False)


@rc_context(PAPER_STYLE)
def draw_steps(snapshots: Sequence[Snapshot], indices: Sequence[int] | None = None) -> Picture:
    """Returns a picture of some steps, one below the other, each with its blocks and what it did.

    Args:
        snapshots: of one recording, at most 512 blocks each.
        indices: which of them, counted from 0; None takes four, from the first to the last at equal distances.

    Raises:
        ValueError: there are no snapshots, they cannot be drawn together, or an index is not that of a snapshot.
    """
    stage = Stage.of(snapshots)
    indices = _spread(len(snapshots)) if indices is None else indices
    for index in indices:
        require(index in range(len(snapshots)), "indices", f"in [0, {len(snapshots)})", index)
    picture, axes = sheet()
    y = draw_legend(axes, MARGIN, stage)
    for index in indices:
        num_lines = len(wrapped_sentences(snapshots[index]))
        y = paint(axes, y + MARGIN, snapshots[index], replace(stage, num_lines=num_lines), _PARTS)
    cut(picture, axes, y)
    return picture


def _spread(number: int) -> list[int]:
    last, gaps = number - 1, _NUM_STILLS - 1
    return sorted({round(last * part / gaps) for part in range(_NUM_STILLS)})
