"""Stored records of `benchmarks`, shown in the notebook with the tables and plots of that package."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from benchmarks.comparison import plots, tables
from benchmarks.comparison.bar_plots import lora, memory
from benchmarks.comparison.summary import summaries

if TYPE_CHECKING:
    from IPython.display import Image, Markdown

Record = Mapping[str, Any]
PLOTS = {
    "throughput": plots.throughput,
    "ratio": plots.ratio,
    "latency": plots.latency,
    "memory": memory,
    "lora": lora,
}


def show_plot(record: Record, plot: str) -> "Image":
    """Returns a plot of a record's first track.

    Args:
        record: a record of `python -m benchmarks compare` or `lora`.
        plot: a key of `PLOTS`.

    Raises:
        ValueError: there is no such plot, or the record has no samples for it.
    """
    from IPython.display import Image

    from paged_sim.drawing.figure import png

    if plot not in PLOTS:
        raise ValueError(f"plot must be one of {', '.join(PLOTS)}, got {plot!r}")
    track = record["plan"]["tracks"][0]
    figure: Figure | None = PLOTS[plot](record, [row for row in summaries(record) if row.track == track])
    if figure is None:
        raise ValueError(f"The record of {record['command']} has no samples for the plot {plot!r}")
    return Image(png(figure))


def show_tables(record: Record, *, details: bool = False) -> "Markdown":
    """Returns what was compared, speeds and ratios; with `details` latency, memory, share of the limit and agreement.

    Args:
        record: a record of `python -m benchmarks compare` or `lora`.
        details: whether the longer tables are shown instead.
    """
    from IPython.display import Markdown

    parts = tables.details(record) if details else [tables.heading(record), *tables.speeds(record)]
    return Markdown("\n\n".join(parts))
