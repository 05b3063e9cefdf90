"""What all plots share: size, colours, and the line that says what was measured where."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from benchmarks.comparison.summary import RowSummary
from benchmarks.comparison.tables import BASELINE, heading

# The palette of Okabe and Ito (2008), told apart by colour-blind readers too; the baseline is grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C564B", "#000000")
BASELINE_COLOUR = "#7F7F7F"
WIDTH_IN, HEIGHT_IN = 7.2, 4.2

Rows = Sequence[RowSummary]


def record_track(rows: Rows) -> str:
    """Returns the track that rows belong to; empty for no rows."""
    return rows[0].track if rows else ""


def colour_of(record: Mapping[str, Any], engine: str) -> str:
    """Returns the colour of an engine, the same in all plots of a record."""
    others = [name for name in record["plan"]["engines"] if name != BASELINE]
    return BASELINE_COLOUR if engine == BASELINE else COLOURS[others.index(engine) % len(COLOURS)]


def new_figure(record: Mapping[str, Any], columns: int = 1) -> tuple[Figure, list[Any]]:
    """Returns an empty figure and its axes, side by side, with a line about the record at the bottom."""
    # A white ground is readable on light and dark pages alike.
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained", facecolor="white")
    axes = figure.subplots(1, columns, squeeze=False)[0].tolist()
    for one in axes:
        one.grid(alpha=0.3)
    figure.supxlabel(heading(record).partition(" In the same run")[0], fontsize=6, color="#555555")
    return figure, axes
