"""Pictures that only the notebook shows, on the paper of `paged_sim.drawing`."""

from collections.abc import Mapping, Sequence

from matplotlib import rc_context
from matplotlib.patches import Rectangle

from paged_sim.drawing.figure import PAPER_STYLE, Picture, chart, legend_below
from paged_sim.drawing.palette import COLOURS, GREY, INK, PAPER, line_styles, tint


@rc_context(PAPER_STYLE)
def draw_token_slots(slots: Sequence[int], num_blocks: int, block_size: int) -> Picture:
    """Returns a picture of blocks in which the token at each position stands in the slot that was given for it.

    Args:
        slots: of the tokens at positions 0, 1, 2 …; those outside of the blocks are not drawn.
        num_blocks: blocks in the picture.
        block_size: slots of a block.
    """
    picture, (axes,) = chart(1, 1, height=1.5)
    positions: dict[int, list[str]] = {}
    for position, slot in enumerate(slots):
        positions.setdefault(slot, []).append(str(position))
    for slot in range(num_blocks * block_size):
        block, offset = divmod(slot, block_size)
        x, held = block * (block_size + 1) + offset, positions.get(slot, [])
        look = {"facecolor": tint(COLOURS[0], 0.35) if held else PAPER, "edgecolor": GREY}
        axes.add_patch(Rectangle((x, 0), 1, 1, gid=f"slot:{slot}", **look))
        axes.text(x + 0.5, 0.5, "+".join(held), ha="center", va="center", fontsize=9, color=INK)
    for block in range(num_blocks):
        x = block * (block_size + 1) + block_size / 2
        axes.text(x, -0.25, f"block {block}", ha="center", va="top", fontsize=9, color=INK)
    axes.set_xlim(-0.5, num_blocks * (block_size + 1))
    axes.set_ylim(-0.9, 1.1)
    axes.set_axis_off()
    return picture


@rc_context(PAPER_STYLE)
def draw_bars(values: Mapping[str, float], label: str, *, number: str = "{:,.0f}") -> Picture:
    """Returns a picture of one horizontal bar for each value.

    Args:
        values: by name, from top to bottom.
        label: of the axis, with its unit.
        number: how a value is written beside its bar.
    """
    picture, (axes,) = chart(1, 1, height=0.6 + 0.36 * len(values))
    bars = axes.barh(list(values), list(values.values()), color=COLOURS[0], height=0.6)
    axes.bar_label(bars, [number.format(value) for value in values.values()], padding=4, fontsize=9, color=INK)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(label)
    return picture


@rc_context(PAPER_STYLE)
def draw_probabilities(
    tokens: Sequence[str], probabilities: Mapping[str, Sequence[float]], label: str = "probability"
) -> Picture:
    """Returns a picture of several distributions over the same tokens, side by side.

    Args:
        tokens: what stands below the bars.
        probabilities: a distribution for each name, as many numbers as tokens.
        label: of the vertical axis.
    """
    picture, (axes,) = chart(1, 1, height=3.2)
    width = 0.8 / len(probabilities)
    for place, ((name, values), style) in enumerate(zip(probabilities.items(), line_styles(), strict=False)):
        spots = [index + (place - (len(probabilities) - 1) / 2) * width for index in range(len(tokens))]
        axes.bar(spots, values, width, label=name, color=style.color)
    axes.set_xticks(range(len(tokens)), tokens)
    axes.set_ylabel(label)
    legend_below(picture, axes)
    return picture
