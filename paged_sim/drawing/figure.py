"""The paper that all pictures are drawn on.

The rule for themes: every picture brings its own white background and dark ink, so it reads the same in light and dark
notebooks, whatever style matplotlib is set to.
"""

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from paged_sim.drawing.palette import GREY, INK, LIGHT_GREY, PAPER

# Inches; 100 pixels each, so a picture is as wide as the output of a notebook on a laptop.
WIDTH = 9.0
MARGIN = 0.15
_DPI = 100
_LEGEND_SIZE = 9

# For `matplotlib.rc_context`, while a picture is made: what matplotlib reads from its settings then.
PAPER_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "axes.facecolor": PAPER,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "axes.grid": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "legend.fontsize": _LEGEND_SIZE,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "patch.linewidth": 0.8,
    "hatch.linewidth": 0.8,
}


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Returns how wide a line of text is, in inches, at a font size in points."""
    font = FontProperties(family=PAPER_STYLE["font.family"], size=size, weight="bold" if bold else "normal")
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / 72


class Picture(Figure):
    """A matplotlib `Figure` that a notebook shows without pyplot, and that stays on white paper when it is saved."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """Saves the picture; the options are those of matplotlib's `Figure.savefig`."""
        super().savefig(fname, **{"facecolor": PAPER, "edgecolor": "none"} | options)

    def _repr_png_(self) -> bytes:
        return png(self)


def png(figure: Figure) -> bytes:
    """Returns the figure as a PNG image, 100 pixels an inch."""
    image = BytesIO()
    figure.savefig(image, format="png", dpi=_DPI)
    return image.getvalue()


def chart(
    num_rows: int,
    num_columns: int,
    height: float,
    *,
    row_heights: Sequence[float] | None = None,
    share_x: bool = True,
) -> tuple[Picture, Sequence[Axes]]:
    """Returns a picture with empty charts, row by row.

    Args:
        num_rows, num_columns: of the charts.
        height: in inches.
        row_heights: of the rows, in proportion; None for equal ones.
        share_x: whether those of a column share the x axis if there are several rows.
    """
    picture = Picture(figsize=(WIDTH, height), dpi=_DPI, facecolor=PAPER, layout="constrained")
    sharing = {"sharex": "col" if share_x and num_rows > 1 else False}
    axes = picture.subplots(num_rows, num_columns, **sharing, height_ratios=row_heights, squeeze=False).ravel()
    for one in axes:
        # Ticks are made when the picture is rendered, when the style is another one.
        one.tick_params(which="both", color=GREY, labelcolor=INK, labelsize=9)
        one.grid(visible=True, axis="y", color=LIGHT_GREY, linewidth=0.6)
        one.set_axisbelow(True)
    return picture, list(axes)


def legend_below(picture: Picture, axes: Axes) -> None:
    """Puts the legend of a chart below all charts, in as many columns as the picture's width holds."""
    handles, labels = axes.get_legend_handles_labels()
    # Beside its text, an entry has a line and gaps: 0.7 inches at this size.
    widest = max(text_width(label, _LEGEND_SIZE) for label in labels) + 0.7
    picture.legend(handles, labels, loc="outside lower center", ncols=max(1, min(len(labels), int(WIDTH / widest))))


def sheet() -> tuple[Picture, Axes]:
    """Returns a picture without axes on which x and y are inches from its top left corner; `cut` sets its height."""
    picture = Picture(figsize=(WIDTH, 1.0), dpi=_DPI, facecolor=PAPER)
    axes = picture.add_axes((0, 0, 1, 1))
    blank(axes)
    return picture, axes


def blank(axes: Axes) -> None:
    """Removes everything from a sheet."""
    axes.clear()
    axes.set_axis_off()
    axes.set_xlim(0, WIDTH)


def cut(picture: Picture, axes: Axes, height: float) -> None:
    """Gives a sheet its height, in inches."""
    height = round(height, 2)
    picture.set_size_inches(WIDTH, height)
    axes.set_ylim(height, 0)
