"""How work and time grow with the length of an answer, with and without a KV cache."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from paged_sim.checks import require
from paged_sim.drawing.figure import PAPER_STYLE, Picture, chart
from paged_sim.drawing.palette import LIGHT_GREY, LineStyle, line_styles


@dataclass(frozen=True, slots=True)
class GrowthSeries:
    """What was counted or measured at some lengths.

    Attributes:
        name: what the legend calls it.
        lengths: in tokens, above 0. A length may occur several times, for repeated measurements.
        values: one for each length, above 0.

    Raises:
        ValueError: the sequences differ in length or are empty, or a value is not above 0.
    """

    name: str
    lengths: Sequence[float]
    values: Sequence[float]

    def __post_init__(self) -> None:
        sizes = (len(self.lengths), len(self.values))
        require(sizes[0] == sizes[1] > 0, f"numbers of lengths and values of {self.name!r}", "equal and above 0", sizes)
        smallest = min(*self.lengths, *self.values)
        require(smallest > 0, f"lengths and values of {self.name!r}", "above 0, for logarithmic axes", smallest)

    def medians(self) -> list[tuple[float, float]]:
        """Returns each length once, rising, with the median of its values."""
        groups = defaultdict(list)
        for length, value in zip(self.lengths, self.values, strict=True):
            groups[length].append(value)
        return [(length, median(groups[length])) for length in sorted(groups)]

    def final_power(self) -> float | None:
        """Returns the power of the length with which the medians grow between the last two lengths, if there are."""
        points = self.medians()
        if len(points) < 2:
            return None
        (x0, y0), (x1, y1) = points[-2:]
        return math.log(y1 / y0) / math.log(x1 / x0)


@rc_context(PAPER_STYLE)
def draw_growth(
    work: Sequence[GrowthSeries], seconds: Sequence[GrowthSeries] = (), *, work_label: str = "operations"
) -> Picture:
    """Returns a picture of work over length, and of time beside it, on logarithmic axes.

    There a straight line is a power of the length, whose exponent is its slope; the legend gives the one at the end.

    Args:
        work: counted, a line for each.
        seconds: measured, a line through the medians for each, and a point for each measurement.
        work_label: what was counted, with its unit.

    Raises:
        ValueError: there is no series.
    """
    require(len(work) + len(seconds) > 0, "work and seconds", "at least one series", ())
    columns = [(work_label, work), ("time (s)", seconds)]
    columns = [(label, series) for label, series in columns if series]
    picture, axes = chart(1, len(columns), height=4.6)
    for one, (label, series) in zip(axes, columns, strict=True):
        one.set_xscale("log")
        one.set_yscale("log")
        one.grid(visible=True, axis="x", color=LIGHT_GREY, linewidth=0.6)
        one.set_xlabel("length of the answer (tokens)")
        one.set_ylabel(label)
        for growth, style in zip(series, line_styles(), strict=False):
            _draw_line(one, growth, style)
        _tick_lengths(one, series)
        one.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))
    return picture


def _tick_lengths(axes: Axes, series: Sequence[GrowthSeries]) -> None:
    """Puts a tick at each length that is at least a fifth away from the one before, and none in between."""
    ticks: list[float] = []
    for length in sorted({length for growth in series for length in growth.lengths}):
        if not ticks or length >= 1.2 * ticks[-1]:
            ticks.append(length)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


def _draw_line(axes: Axes, growth: GrowthSeries, style: LineStyle) -> None:
    power = growth.final_power()
    label = growth.name if power is None else f"{growth.name} (∝ length$^{{{power:.1f}}}$)"
    lengths, medians = zip(*growth.medians(), strict=True)
    axes.plot(lengths, medians, label=label, **style._asdict())
    if len(growth.lengths) > len(lengths):
        axes.plot(growth.lengths, growth.values, ".", color=style.color, alpha=0.5, markersize=4)
