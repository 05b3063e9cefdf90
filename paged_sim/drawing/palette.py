"""Colours that stay apart for colour-blind eyes, on white."""

from collections.abc import Iterable, Iterator
from itertools import cycle
from typing import NamedTuple

from matplotlib.colors import to_hex, to_rgb

PAPER = "#FFFFFF"
INK = "#1A1A1A"
GREY = "#8A8A8A"
LIGHT_GREY = "#D9D9D9"

# The first seven are those of Okabe and Ito, "Color Universal Design" (2008). The others were searched for so that any
# two of the twelve are at least 16 apart in CIE Lab, in plain sight and in protanopia, deuteranopia and tritanopia as
# Machado et al. (2009) simulate them; a difference of 2 can just be seen.
COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#7700DD",
    "#773300",
    "#00FF99",
    "#9977FF",
    "#FF0055",
)


class LineStyle(NamedTuple):
    """How a line of a chart looks; lines differ in more than colour."""

    color: str
    marker: str
    linestyle: str


# Without the yellow, which is too light for a thin line on white.
_LINE_COLOURS = tuple(colour for colour in COLOURS[:9] if colour != "#F0E442")


def request_colours(request_ids: Iterable[str]) -> dict[str, str]:
    """Returns a colour for each request, in this order; from the 13th on they repeat."""
    return dict(zip(request_ids, cycle(COLOURS), strict=False))


def line_styles() -> Iterator[LineStyle]:
    """Returns looks for the lines of a chart, without end; the first eight have different colours."""
    return map(LineStyle, cycle(_LINE_COLOURS), cycle("osD^vP"), cycle(["-", "--", "-.", ":"]))


def tint(colour: str, share: float = 0.25) -> str:
    """Returns the colour mixed with white.

    Args:
        colour: any that matplotlib knows.
        share: how much of it is left, 0 to 1.
    """
    return to_hex([1 - share * (1 - part) for part in to_rgb(colour)])
