"""One block as a cell: its id above, its slots below.

| looks | means |
|---|---|
| coloured from the left | slots that hold tokens of the request of that colour |
| pale in the same colour | slots of its block that are still empty |
| several colours, one above the other, and ×2 | a block in two tables |
| grey hatching | free, with contents that can still be hit |
| white | free |
| dark grey | the null block |
| # after the id | the contents are cached: the block has a hash |
| thick frame | taken out of the free queue by this step |

Each part of a cell carries a `gid` such as "fill:7:A" (block 7, request A), by which it can be found in the picture.
"""

from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from paged_sim.drawing.figure import text_width
from paged_sim.drawing.palette import GREY, INK, PAPER, tint
from paged_sim.drawing.snapshot import BlockSnapshot, BlockState, Snapshot
from paged_sim.drawing.stage import Stage, short_name

# How blocks look that nobody owns.
STATE_LOOKS: dict[BlockState, dict[str, Any]] = {
    BlockState.NULL: {"facecolor": GREY, "edgecolor": GREY},
    BlockState.CACHED: {"facecolor": PAPER, "edgecolor": GREY, "hatch": "//////"},
    BlockState.FREE: {"facecolor": PAPER, "edgecolor": GREY},
}
_POINT = 1 / 72
# The frame of a block that this step took out of the free queue, above its neighbours'.
NEW_LOOK: dict[str, Any] = {"edgecolor": INK, "linewidth": 1.8, "zorder": 3}
# Slots narrower than this, in inches, are not separated by lines.
_NARROWEST_SLOT = 0.045


class Box(NamedTuple):
    """A rectangle on a sheet, in inches from the top left corner."""

    x: float
    y: float
    width: float
    height: float


class CellPainter:
    """Draws the blocks of one snapshot on a sheet.

    Args:
        axes: the sheet.
        snapshot: whose blocks.
        stage: colours of the requests.
    """

    def __init__(self, axes: Axes, snapshot: Snapshot, stage: Stage) -> None:
        self._axes = axes
        self._blocks = snapshot.blocks
        self._block_size = snapshot.block_size
        self._widest_id = f"{snapshot.num_blocks - 1}#"
        self._new_block_ids = set(snapshot.new_block_ids)
        self._colours = stage.colours

    def draw(self, block_id: int, box: Box, table: str = "") -> None:
        """Draws a block as a cell.

        Args:
            block_id: which one.
            box: where.
            table: the request in whose table the cell is, which is not named in it then; empty in the map.
        """
        block, gid = self._blocks[block_id], f"table:{table}:" if table else ""
        size = min(8.5, 0.4 * box.height / _POINT)
        band = size * 1.4 * _POINT
        slots = Box(box.x, box.y + band, box.width, box.height - band)
        if block.state is BlockState.IN_USE:
            self._draw_tokens(slots, block, gid)
        else:
            self._rectangle(slots, f"{gid}{block.state.value}:{block_id}", linewidth=0, **STATE_LOOKS[block.state])
        look = NEW_LOOK if block_id in self._new_block_ids else {"edgecolor": GREY, "linewidth": 0.7}
        self._rectangle(box, f"{gid}frame:{block_id}", fill=False, **look)
        self._draw_labels(box, block, size, gid)

    def _draw_tokens(self, slots: Box, block: BlockSnapshot, gid: str) -> None:
        height = slots.height / len(block.owners)
        for index, owner in enumerate(block.owners):
            colour = self._colours[owner]
            stripe = Box(slots.x, slots.y + index * height, slots.width, height)
            if block.filled_slots < self._block_size:
                self._rectangle(stripe, f"{gid}room:{block.block_id}:{owner}", facecolor=tint(colour), linewidth=0)
            filled = stripe._replace(width=stripe.width * block.filled_slots / self._block_size)
            self._rectangle(filled, f"{gid}fill:{block.block_id}:{owner}", facecolor=colour, linewidth=0)
        slot_width = slots.width / self._block_size
        if slot_width >= _NARROWEST_SLOT:
            borders = [slots.x + index * slot_width for index in range(1, self._block_size)]
            self._axes.vlines(borders, slots.y, slots.y + slots.height, color=PAPER, linewidth=0.7)

    def _draw_labels(self, box: Box, block: BlockSnapshot, size: float, gid: str) -> None:
        left = f"{block.block_id}#" if block.is_cached else f"{block.block_id}"
        is_shared = len(block.owners) > 1
        right = "" if gid and not is_shared else _owner_label(block)
        y = box.y + 0.73 * size * _POINT
        style = {"fontsize": size, "va": "center", "color": INK}
        self._axes.text(box.x + 0.03, y, left, gid=f"{gid}id:{block.block_id}", **style)
        # Beside the widest id, so that a request is named in all of its blocks or in none.
        room = box.width - text_width(left if is_shared else self._widest_id, size) - 0.08
        if right and text_width(right, size, bold=True) <= room:
            style |= {"ha": "right", "fontweight": "bold", "gid": f"{gid}owner:{block.block_id}"}
            self._axes.text(box.x + box.width - 0.03, y, right, **style)

    def _rectangle(self, box: Box, gid: str, **look: Any) -> None:
        self._axes.add_artist(Rectangle(box[:2], box.width, box.height, gid=gid, **look))


def _owner_label(block: BlockSnapshot) -> str:
    if block.state is BlockState.NULL:
        return "null"
    return f"×{len(block.owners)}" if len(block.owners) > 1 else "".join(map(short_name, block.owners))
