"""The plots of a record, as SVG files; a record without the samples for one of them gives none."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.comparison.bar_plots import lora, memory
from benchmarks.comparison.catalog import ENGINES
from benchmarks.comparison.figures import BASELINE_COLOUR, Rows, colour_of, new_figure, record_track
from benchmarks.comparison.summary import RowSummary, summaries
from benchmarks.comparison.tables import BASELINE, track_title


def write_plots(record: Mapping[str, Any], folder: Path, name: str) -> list[Path]:
    """Writes every plot that a record has samples for, as `NAME-TRACK-PLOT.svg`; removes others, returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = summaries(record)
    files = []
    for track in record["plan"]["tracks"]:
        of_track = [row for row in rows if row.track == track]
        for plot, draw in _PLOTS.items():
            figure, file = draw(record, of_track), folder / f"{name}-{track}-{plot}.svg"
            if figure is None:
                # One that an earlier record of this name had.
                file.unlink(missing_ok=True)
            else:
                _save(figure, file)
                files.append(file)
    return files


def throughput(record: Mapping[str, Any], rows: Rows) -> Figure | None:
    """Draws output tokens per second over concurrency, with the smallest and largest run."""
    return _over_concurrency(
        record,
        rows,
        "output tokens per second",
        lambda row: row.tokens_per_s,
    )


def ratio(record: Mapping[str, Any], rows: Rows) -> Figure | None:
    """Draws requests per second as a multiple of the baseline's."""
    base = {row.concurrency: row.requests_per_s for row in rows if row.engine == BASELINE}
    others = [row for row in rows if row.engine != BASELINE and row.concurrency in base]
    if not others:
        return None
    figure = _over_concurrency(
        record,
        others,
        f"times “{ENGINES[BASELINE].title}”",
        lambda row: (row.requests_per_s / base[row.concurrency],) * 3,
        log=False,
    )
    if figure is not None:
        figure.axes[0].axhline(1, color=BASELINE_COLOUR, linewidth=1)
        figure.axes[0].set_ylim(bottom=0)
    return figure


def latency(record: Mapping[str, Any], rows: Rows) -> Figure | None:
    """Draws how the time per output token and the time to first token are spread at the largest concurrency."""
    timed = [row for row in record["rows"] if row["track"] == record_track(rows) and "latency" in row]
    if not timed:
        return None
    largest = max(row["concurrency"] for row in timed)
    timed = [row for row in timed if row["concurrency"] == largest]
    figure, axes = new_figure(record, columns=2)
    for row in timed:
        label, colour = ENGINES[row["engine"]].title, colour_of(record, row["engine"])
        _cumulative(axes[0], row["latency"]["ttft_s"], label, colour)
        _cumulative(axes[1], [1e3 * value for value in row["latency"]["tpot_s"] if value is not None], label, colour)
    axes[0].set(xlabel="time to first token, s", ylabel="share of requests")
    axes[1].set(xlabel="time per output token, ms")
    axes[1].legend(fontsize="x-small")
    figure.suptitle(f"{largest} at once; {track_title(record, record_track(rows))}", fontsize="small")
    return figure


_PLOTS: dict[str, Callable[[Mapping[str, Any], Rows], Figure | None]] = {
    "throughput": throughput,
    "ratio": ratio,
    "latency": latency,
    "memory": memory,
    "lora": lora,
}


def _over_concurrency(
    record: Mapping[str, Any],
    rows: Rows,
    label: str,
    value: Callable[[RowSummary], tuple[float, float, float]],
    log: bool = True,
) -> Figure | None:
    numbers = sorted({row.concurrency for row in rows})
    if len(numbers) < 2:
        return None
    figure, [axes] = new_figure(record)
    for name in dict.fromkeys(row.engine for row in rows):
        points = sorted((row.concurrency, *value(row)) for row in rows if row.engine == name)
        x, middle, low, high = (list(column) for column in zip(*points, strict=True))
        spread = [
            [m - lo for m, lo in zip(middle, low, strict=True)],
            [h - m for m, h in zip(middle, high, strict=True)],
        ]
        colour = colour_of(record, name)
        axes.errorbar(x, middle, yerr=spread, marker="o", capsize=3, color=colour, label=ENGINES[name].title)
    axes.set_xscale("log", base=2)
    axes.set_xticks(numbers, [str(number) for number in numbers])
    if log:
        axes.set_yscale("log")
    axes.set(xlabel="requests at once", ylabel=label)
    axes.set_title(track_title(record, record_track(rows)), fontsize="small")
    axes.legend(fontsize="x-small")
    return figure


def _cumulative(axes: Any, values: Sequence[float], label: str, colour: str) -> None:
    ordered = sorted(values)
    shares = [(place + 1) / len(ordered) for place in range(len(ordered))]
    axes.step(ordered, shares, where="post", color=colour, label=label)


def _save(figure: Figure, file: Path) -> None:
    # Text stays text, and neither a date nor random ids change the file when the record has not changed.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": file.stem}):
        figure.savefig(file, metadata={"Date": None})
