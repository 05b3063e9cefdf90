"""Below the map: the block tables of the running requests, who waits, which blocks are next, what the step did."""

from matplotlib.axes import Axes

from paged_sim.drawing.block_cell import Box, CellPainter
from paged_sim.drawing.figure import MARGIN, WIDTH, text_width
from paged_sim.drawing.palette import GREY, INK
from paged_sim.drawing.snapshot import BlockTable, Snapshot
from paged_sim.drawing.stage import Stage, short_name, wrapped_sentences

_SIZE = 9.0
_ROW = 0.31
_LINE = 0.2
_ENTRY_WIDTH = 0.46
_ENTRIES_X = 2.15
# More never fit into a line.
_MOST_NAMES = 60
# Entries of a table that fit beside its name.
_MOST_ENTRIES = int((WIDTH - MARGIN - _ENTRIES_X) / _ENTRY_WIDTH)


def draw_tables(axes: Axes, y: float, snapshot: Snapshot, stage: Stage, painter: CellPainter) -> float:
    """Draws a row of blocks for each running request, in a room for the most of them; returns where that ends."""
    _heading(axes, y, "Block tables of the running requests")
    top = y + 0.24
    for index, table in enumerate(snapshot.tables):
        _draw_table(axes, top + index * _ROW, table, painter)
    return top + stage.num_tables * _ROW + 0.05


def draw_queues(axes: Axes, y: float, snapshot: Snapshot) -> float:
    """Writes down who waits and which blocks are handed out next; returns where that ends."""
    waiting = [short_name(name) for name in snapshot.waiting]
    free = [str(block_id) for block_id in snapshot.free_block_ids]
    for name, entries in (("Waiting, next first:", waiting), ("Free blocks, next first:", free)):
        axes.text(MARGIN, y + _LINE / 2, name, fontsize=_SIZE, va="center", color=INK, fontweight="bold")
        text = _fitting(entries, WIDTH - MARGIN - _ENTRIES_X) if entries else "none"
        axes.text(_ENTRIES_X, y + _LINE / 2, text, fontsize=_SIZE, va="center", color=INK, gid=name)
        y += _LINE
    return y + 0.08


def draw_sentences(axes: Axes, y: float, snapshot: Snapshot, stage: Stage) -> float:
    """Writes down what the step did, in a room for the most lines; returns where that ends."""
    for index, line in enumerate(wrapped_sentences(snapshot)):
        axes.text(MARGIN, y + (index + 0.5) * _LINE, line, fontsize=_SIZE, va="center", color=INK, gid="sentence")
    return y + stage.num_lines * _LINE + 0.08


def _heading(axes: Axes, y: float, text: str) -> None:
    axes.text(MARGIN, y + 0.1, text, fontsize=_SIZE, va="center", color=INK, fontweight="bold")


def _draw_table(axes: Axes, y: float, table: BlockTable, painter: CellPainter) -> None:
    middle = y + _ROW / 2 - 0.02
    axes.text(MARGIN, middle, short_name(table.request_id), fontsize=_SIZE, va="center", color=INK)
    tokens = f"{table.num_computed_tokens} tokens"
    axes.text(_ENTRIES_X - 0.12, middle, tokens, fontsize=_SIZE - 0.5, va="center", ha="right", color=INK)
    x = _ENTRIES_X
    for block_id in _entries(table.block_ids):
        if block_id is None:
            axes.text(x + _ENTRY_WIDTH / 2, middle, "…", fontsize=_SIZE, va="center", ha="center", color=GREY)
        else:
            box = Box(x, y, _ENTRY_WIDTH - 0.04, _ROW - 0.04)
            painter.draw(block_id, box, table.request_id)
        x += _ENTRY_WIDTH


def _entries(block_ids: tuple[int, ...]) -> list[int | None]:
    """Returns the entries that fit: of a long table its start, None, and its end."""
    if len(block_ids) <= _MOST_ENTRIES:
        return list(block_ids)
    return [*block_ids[: _MOST_ENTRIES - 3], None, *block_ids[-2:]]


def _fitting(entries: list[str], width: float) -> str:
    """Returns as many entries as fit into a width in inches, and how many there are if not all do."""
    for number in range(min(len(entries), _MOST_NAMES), 0, -1):
        rest = "" if number == len(entries) else f" … ({len(entries)} in all)"
        text = ", ".join(entries[:number]) + rest
        if text_width(text, _SIZE) <= width:
            return text
    return f"{len(entries)} in all"
