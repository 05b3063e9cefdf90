"""Latency and throughput over the rate at which requests arrive, as in Figure 12 of the PagedAttention paper."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib import rc_context

from paged_sim.checks import require
from paged_sim.drawing.figure import PAPER_STYLE, Picture, chart, legend_below
from paged_sim.drawing.palette import line_styles


@dataclass(frozen=True, slots=True)
class LoadSeries:
    """How a system does under rising load.

    Attributes:
        name: what the legend calls it.
        request_rates: requests per second, rising.
        latencies_s: a latency in seconds at each rate.
        tokens_per_s: tokens of answers per second at each rate; empty if not measured.

    Raises:
        ValueError: the sequences differ in length or are empty, or the rates do not rise.
    """

    name: str
    request_rates: Sequence[float]
    latencies_s: Sequence[float]
    tokens_per_s: Sequence[float] = ()

    def __post_init__(self) -> None:
        rates = list(self.request_rates)
        require(len(rates) > 0 and rates == sorted(set(rates)), f"request_rates of {self.name!r}", "rising", rates)
        lengths = (len(self.latencies_s), len(self.tokens_per_s) or len(rates))
        rule = f"as many as the {len(rates)} request rates"
        require(lengths == (len(rates), len(rates)), f"latencies and throughputs of {self.name!r}", rule, lengths)


@rc_context(PAPER_STYLE)
def draw_latency(
    series: Sequence[LoadSeries],
    *,
    latency: str = "normalized latency (s/token)",
    most_latency_s: float | None = None,
    log: bool = False,
) -> Picture:
    """Returns a picture of latency over request rate, and of throughput beside it if there is any.

    Args:
        series: a line for each.
        latency: which latency it is, with its unit.
        most_latency_s: where the axis ends, as latencies grow without bound once a system cannot keep up; None: where
            they do.
        log: whether the latencies' axis is logarithmic.

    Raises:
        ValueError: there is no series.
    """
    require(len(series) > 0, "series", "at least one", series)
    has_throughput = any(len(one.tokens_per_s) for one in series)
    picture, axes = chart(1, 1 + has_throughput, height=3.6)
    for one, style in zip(series, line_styles(), strict=False):
        axes[0].plot(one.request_rates, one.latencies_s, label=one.name, **style._asdict())
        if len(one.tokens_per_s):
            axes[1].plot(one.request_rates, one.tokens_per_s, **style._asdict())
    if log:
        axes[0].set_yscale("log")
        axes[0].set_ylim(top=most_latency_s)
    else:
        axes[0].set_ylim(0, most_latency_s)
    axes[0].set_ylabel(latency)
    if has_throughput:
        axes[1].set_ylim(bottom=0)
        axes[1].set_ylabel("throughput (output tokens/s)")
    for one in axes:
        one.set_xlabel("request rate (requests/s)")
        one.set_xlim(left=0)
    legend_below(picture, axes[0])
    return picture
