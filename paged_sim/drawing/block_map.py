"""The blocks of the KV cache as a map, and below it the block tables, the queues and what the step did."""

from typing import NamedTuple

from matplotlib import rc_context
from matplotlib.axes import Axes

from paged_sim.drawing.block_cell import Box, CellPainter
from paged_sim.drawing.block_legend import draw_legend
from paged_sim.drawing.block_tables import draw_queues, draw_sentences, draw_tables
from paged_sim.drawing.figure import MARGIN, PAPER_STYLE, WIDTH, Picture, cut, sheet
from paged_sim.drawing.palette import INK
from paged_sim.drawing.snapshot import Snapshot
from paged_sim.drawing.stage import Stage

_GAP = 0.05


class Parts(NamedTuple):
    """What is drawn besides the map."""

    legend: bool = True
    queues: bool = True
    sentences: bool = True
    tables: bool = True


@rc_context(PAPER_STYLE)
def draw_block_map(
    snapshot: Snapshot,
    *,
    stage: Stage | None = None,
    queues: bool = True,
    sentences: bool = True,
    tables: bool = True,
) -> Picture:
    """Returns a picture of all blocks: who owns them, how full they are, what is cached; see `block_cell`.

    Args:
        snapshot: the moment to draw, of at most 512 blocks.
        stage: colours and room, from `Stage.of(snapshots)` if there will be several pictures; None: for this one only.
        queues: whether to name the waiting requests and the next free blocks.
        sentences: whether to write down what the step did.
        tables: whether to draw the block tables of the running requests.

    Raises:
        ValueError: there are too many blocks, or the stage is of another recording.
    """
    stage = stage or Stage.of([snapshot])
    stage.check(snapshot)
    picture, axes = sheet()
    parts = Parts(queues=queues, sentences=sentences, tables=tables)
    cut(picture, axes, paint(axes, MARGIN, snapshot, stage, parts))
    return picture


def paint(axes: Axes, y: float, snapshot: Snapshot, stage: Stage, parts: Parts) -> float:
    """Draws a snapshot on a sheet from `y` on, in inches; returns where it ends, the same for all of a stage."""
    painter = CellPainter(axes, snapshot, stage)
    y = _draw_title(axes, y, snapshot)
    y = _draw_map(y, snapshot.num_blocks, painter)
    if parts.legend:
        y = draw_legend(axes, y, stage)
    if parts.queues:
        y = draw_queues(axes, y, snapshot)
    if parts.sentences:
        y = draw_sentences(axes, y, snapshot, stage)
    if parts.tables:
        y = draw_tables(axes, y, snapshot, stage, painter)
    return y


def _draw_title(axes: Axes, y: float, snapshot: Snapshot) -> float:
    used, usable = snapshot.num_used_blocks, snapshot.num_blocks - 1
    queues = f"{len(snapshot.tables)} running, {len(snapshot.waiting)} waiting"
    title = f"Step {snapshot.step}: {used} of {usable} blocks in use, {queues}"
    axes.text(MARGIN, y + 0.08, title, fontsize=11, va="center", color=INK, gid="title")
    note = f"block size {snapshot.block_size} tokens"
    axes.text(WIDTH - MARGIN, y + 0.08, note, fontsize=9, va="center", ha="right", color=INK)
    return y + 0.27


def _draw_map(y: float, num_blocks: int, painter: CellPainter) -> float:
    columns = _num_columns(num_blocks)
    width = (WIDTH - 2 * MARGIN + _GAP) / columns
    height = min(max(0.62 * width, 0.32), 0.46)
    for block_id in range(num_blocks):
        row, column = divmod(block_id, columns)
        painter.draw(block_id, Box(MARGIN + column * width, y + row * height, width - _GAP, height - _GAP))
    return y + -(-num_blocks // columns) * height + 0.06


def _num_columns(num_blocks: int) -> int:
    """Returns the blocks of a row; from 15 blocks on such that the ids of a column end alike."""
    if num_blocks <= 14:
        return num_blocks
    return 10 if num_blocks <= 60 else 20
