"""The legend below a block map: a chip for every request and for every state of a block."""

from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from paged_sim.drawing.block_cell import NEW_LOOK, STATE_LOOKS, Box
from paged_sim.drawing.figure import MARGIN, WIDTH, text_width
from paged_sim.drawing.palette import INK
from paged_sim.drawing.snapshot import BlockState
from paged_sim.drawing.stage import Stage, short_name

_SIZE = 8.5
_CHIP = 0.2
# Height of a line, in inches.
_LINE = 0.22


def draw_legend(axes: Axes, y: float, stage: Stage) -> float:
    """Draws the legend from `y` on, as many lines as it takes; returns where it ends."""
    y = draw_chips(axes, y, [(short_name(name), {"facecolor": colour}) for name, colour in stage.colours.items()])
    return draw_chips(axes, y, list(_state_chips())) + 0.08


def draw_chips(axes: Axes, y: float, chips: list[tuple[str, dict[str, Any]]]) -> float:
    """Draws (name, looks of its rectangle) in as many lines as they take; returns where they end."""
    x = MARGIN
    for name, look in chips:
        width = text_width(name, _SIZE) + (_CHIP + 0.07 if look else 0) + 0.2
        if x + width > WIDTH - MARGIN and x > MARGIN:
            x, y = MARGIN, y + _LINE
        if look:
            place = Box(x, y + 0.05, _CHIP, _LINE - 0.1)
            axes.add_artist(Rectangle(place[:2], place.width, place.height, gid=f"legend:{name}", **look))
        axes.text(x + (_CHIP + 0.07 if look else 0), y + _LINE / 2, name, fontsize=_SIZE, va="center", color=INK)
        x += width
    return y + _LINE if chips else y


def _state_chips() -> Iterator[tuple[str, dict[str, Any]]]:
    for state in (BlockState.FREE, BlockState.CACHED, BlockState.NULL):
        yield state.value, STATE_LOOKS[state]
    yield "new in this step", {"fill": False} | NEW_LOOK
    yield "stripes, ×2  shared by two", {}
    yield "#  contents cached", {}
