"""How the four classes of slots look (PagedAttention paper, section 3.1 and Figure 2)."""

from typing import NamedTuple

from paged_sim.drawing.palette import COLOURS, INK, LIGHT_GREY, PAPER


class ClassLook(NamedTuple):
    """What a class of slots is called, its colour, and the colour of text on it."""

    label: str
    colour: str
    text_colour: str


# By their names in the rows of `waste --json`; in the order of `SlotClass`.
SLOT_CLASSES = {
    "used": ClassLook("token states", COLOURS[0], PAPER),
    "reserved": ClassLook("reservation", COLOURS[4], INK),
    "internal": ClassLook("internal fragmentation", COLOURS[1], INK),
    "external": ClassLook("external fragmentation and others", LIGHT_GREY, INK),
}
