"""The slots of a contiguous KV cache by address: who holds them, and what they are used for."""

from collections.abc import Iterator

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from paged_sim.drawing.block_legend import draw_chips
from paged_sim.drawing.figure import MARGIN, PAPER_STYLE, WIDTH, Picture, cut, sheet, text_width
from paged_sim.drawing.palette import INK, PAPER
from paged_sim.drawing.slot_classes import SLOT_CLASSES
from paged_sim.drawing.stage import short_name
from paged_sim.paper.contiguous_cache import ContiguousCache, SlotClass, SlotRun

_LOOKS = dict(zip(SlotClass, SLOT_CLASSES.values(), strict=True))
_LEFT = 0.75
_ROW = 0.4
_SIZE = 8.5
# Slots of a row: a power of two, so that the chunks of the buddy allocator end where rows do.
_FEWEST_IN_ROW = 64
_MOST_ROWS = 8


@rc_context(PAPER_STYLE)
def draw_slot_map(cache: ContiguousCache) -> Picture:
    """Returns a picture of all slots by address, with a frame around those that a request holds.

    Args:
        cache: its slots are drawn in at most 8 rows, or in rows of 64.
    """
    in_row = _slots_in_row(cache.num_slots)
    picture, axes = sheet()
    use = cache.slot_use
    title = f"{cache.num_slots} slots, {cache.num_requests} requests, {use.token_states} slots hold a token"
    axes.text(MARGIN, 0.2, title, fontsize=11, va="center", color=INK, gid="title")
    for row in range(-(-cache.num_slots // in_row)):
        y = _top(row) + (_ROW - 0.06) / 2
        axes.text(_LEFT - 0.08, y, str(row * in_row), fontsize=_SIZE, ha="right", va="center", color=INK)
    for piece in _pieces(cache.slot_runs(), in_row):
        _draw_piece(axes, piece, in_row)
    chips = [(look.label, {"facecolor": look.colour}) for look in SLOT_CLASSES.values()]
    cut(picture, axes, draw_chips(axes, _top(-(-cache.num_slots // in_row)), chips) + 0.05)
    return picture


def _slots_in_row(num_slots: int) -> int:
    in_row = _FEWEST_IN_ROW
    while in_row * _MOST_ROWS < num_slots:
        in_row *= 2
    return in_row


def _pieces(runs: Iterator[SlotRun], in_row: int) -> Iterator[SlotRun]:
    """Cuts runs where a row ends."""
    for run in runs:
        start, end = run.address, run.address + run.num_slots
        while start < end:
            stop = min(end, (start // in_row + 1) * in_row)
            yield run._replace(address=start, num_slots=stop - start)
            start = stop


def _draw_piece(axes: Axes, piece: SlotRun, in_row: int) -> None:
    slot = (WIDTH - MARGIN - _LEFT) / in_row
    row, column = divmod(piece.address, in_row)
    x, y, width, height = _LEFT + column * slot, _top(row), piece.num_slots * slot, _ROW - 0.06
    look = _LOOKS[piece.slot_class]
    is_free = piece.request_id is None
    edge = {"edgecolor": PAPER} if is_free else {"edgecolor": INK, "zorder": 2}
    gid = f"slots:{piece.address}"
    axes.add_artist(Rectangle((x, y), width, height, facecolor=look.colour, linewidth=0.6, gid=gid, **edge))
    name = "free" if is_free else short_name(piece.request_id)
    if (is_free or piece.slot_class is SlotClass.USED) and text_width(name, _SIZE) < width - 0.04:
        style = {"fontsize": _SIZE, "ha": "center", "va": "center", "color": look.text_colour, "gid": f"name:{name}"}
        axes.text(x + width / 2, y + height / 2, name, **style)


def _top(row: int) -> float:
    return 0.42 + row * _ROW
