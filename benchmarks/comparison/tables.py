"""The tables of a record: on the terminal with rich, in README.md as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable
from tabulate import tabulate

from benchmarks.comparison.catalog import ENGINES
from benchmarks.comparison.models import model_title
from benchmarks.comparison.summary import RowSummary, summaries
from benchmarks.comparison.tracks import FIXED, TRACKS
from inference.memory import GIB

BASELINE = "transformers-batch"
MISSING = "–"


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its heading; the first column is text, the others are numbers."""

    title: str
    header: list[str]
    rows: list[list[str]]

    def as_markdown(self) -> str:
        """Returns heading and table as Markdown."""
        alignment = ["left", *["right"] * (len(self.header) - 1)]
        body = tabulate(self.rows, self.header, tablefmt="pipe", disable_numparse=True, colalign=alignment)
        return f"{self.title}\n\n{body}"

    def as_rich(self) -> RichTable:
        """Returns the table for a terminal."""
        table = RichTable(title=self.title, title_justify="left", title_style="bold")
        for number, name in enumerate(self.header):
            table.add_column(name, justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*row)
        return table


def print_tables(record: Mapping[str, Any], console: Console) -> None:
    """Prints what was compared, all tables, and the errors."""
    console.print(heading(record))
    for table in all_tables(record):
        console.print()
        console.print(table.as_rich())
    for text in errors(record):
        console.print(f"[bold red]error[/] {text}", highlight=False)


def heading(record: Mapping[str, Any]) -> str:
    """Returns one paragraph: model, dtype, machine and versions."""
    plan, host, versions = record["plan"], record["host"], record["versions"]
    machine = host.get("gpu") or f"{host['cpu']}, {host['cores']} cores"
    rates = record.get("device")
    reached = (
        f" In the same run a large copy reached {rates['bytes_per_s'] / 1e9:,.0f} GB/s and a large matrix product "
        f"{rates['flops_per_s'] / 1e12:,.2f} TFLOP/s."
        if rates
        else ""
    )
    return (
        f"{model_title(plan['model'])}; {plan['dtype']}, on {machine}; vLLM {versions.get('vllm', MISSING)}, "
        f"Transformers {versions.get('transformers', MISSING)}, torch {versions.get('torch', MISSING)}.{reached}"
    )


def all_tables(record: Mapping[str, Any]) -> list[Table]:
    """Returns every table of a record."""
    rows = summaries(record)
    tables = []
    for track in record["plan"]["tracks"]:
        of_track = [row for row in rows if row.track == track]
        if of_track:
            tables += [make(record, track, of_track) for make in (throughput, against, efficiency, latency)]
    return [*tables, memory(rows), starts(record, rows), agreement(rows)]


def throughput(record: Mapping[str, Any], track: str, rows: Sequence[RowSummary]) -> Table:
    """Returns output tokens per second, by engine and concurrency."""
    return _by_concurrency(
        f"Output tokens per second, medians of {record['plan']['repeats']} runs; {track_title(record, track)}",
        rows,
        lambda row: f"{row.tokens_per_s[0]:,.0f}",
    )


def against(record: Mapping[str, Any], track: str, rows: Sequence[RowSummary]) -> Table:
    """Returns how many times as fast as the baseline each engine is."""
    name = BASELINE if any(row.engine == BASELINE for row in rows) else rows[0].engine
    base = {row.concurrency: row.requests_per_s for row in rows if row.engine == name}
    return _by_concurrency(
        f"Requests per second, as a multiple of “{ENGINES[name].title}”",
        rows,
        lambda row: f"{row.requests_per_s / base[row.concurrency]:.2f}" if row.concurrency in base else MISSING,
    )


def efficiency(record: Mapping[str, Any], track: str, rows: Sequence[RowSummary]) -> Table:
    """Returns what share of the physical limit each engine reaches."""
    return _by_concurrency(
        "Share of the physical limit of bytes and operations", rows, lambda row: f"{row.efficiency:.0%}"
    )


def latency(record: Mapping[str, Any], track: str, rows: Sequence[RowSummary]) -> Table:
    """Returns latencies and goodput at every concurrency."""
    objective = record["plan"]["objective"]
    header = ["", "at once", "TTFT p50", "p99", "TPOT p50", "p99", "ITL p50", "p99", "E2E p50", "p99", "goodput"]
    body = [
        [
            ENGINES[row.engine].title,
            str(row.concurrency),
            *_seconds(row.ttft_s),
            *_milliseconds(row.tpot_s),
            *_milliseconds(row.itl_s),
            *_seconds(row.e2e_s),
            MISSING if row.goodput is None else f"{row.goodput:.2f}",
        ]
        for row in rows
    ]
    limits = f"TTFT ≤ {objective['ttft_s']:g} s and TPOT ≤ {objective['tpot_s'] * 1e3:g} ms"
    return Table(
        f"Latency: TTFT and E2E in s, TPOT and ITL in ms; goodput in requests/s with {limits}; "
        f"{track_title(record, track)}",
        header,
        body,
    )


def memory(rows: Sequence[RowSummary]) -> Table:
    """Returns memory at the largest concurrency of each engine and track."""
    method = rows[0].memory_method if rows else ""
    body = [
        [
            ENGINES[row.engine].title,
            row.track,
            str(row.concurrency),
            f"{row.peak_bytes / GIB:.2f}",
            _gib(row.facts.get("weights_bytes")),
            f"{row.kv_needed_bytes / GIB:.2f}",
            _gib(row.facts.get("kv_cache_bytes")),
            _gib(row.facts.get("graph_bytes")),
            _gib(row.facts.get("torch_allocated_bytes")),
            _gib(row.facts.get("torch_reserved_bytes")),
        ]
        for row in _largest(rows)
    ]
    header = ["", "track", "at once", "peak", "weights", "KV needed", "KV reserved", "graphs", "allocated", "reserved"]
    return Table(f"Memory in GiB; peak: {method}", header, body)


def starts(record: Mapping[str, Any], rows: Sequence[RowSummary]) -> Table:
    """Returns what comes before the first answer."""
    body = []
    for name, start in record["engines"].items():
        if start["status"] != "ok":
            continue
        facts = start["facts"]
        first = max((row.warm_up_s - row.median_s for row in rows if row.engine == name), default=0.0)
        body.append(
            [
                ENGINES[name].title,
                f"{start['start_s']:.1f}",
                *(_plain(facts.get(key)) for key in ("load_s", "compile_s", "graph_capture_s")),
                f"{max(first, 0):.1f}",
            ]
        )
    header = ["", "start", "of it weights", "compilation", "graphs", "first run of a shape, more than later ones"]
    return Table("Before the first answer, seconds; imports are in the start", header, body)


def agreement(rows: Sequence[RowSummary]) -> Table:
    """Returns how far the answers are those of the reference."""
    body = [
        [
            ENGINES[row.engine].title,
            row.track,
            str(row.concurrency),
            f"{row.identical:.0%}",
            f"{row.common_prefix:.1f}",
        ]
        for row in _largest(rows)
        if row.identical is not None and row.common_prefix is not None
    ]
    header = ["", "track", "at once", "identical answers", "mean common prefix, tokens"]
    return Table("Agreement with the first engine's greedy answers", header, body)


def track_title(record: Mapping[str, Any], track: str) -> str:
    """Returns what a track is, with its lengths."""
    plan = record["plan"]
    if track == FIXED:
        return f"{plan['prompt_tokens']} tokens in, {plan['output_tokens']} out, end token ignored"
    return f"{TRACKS[track]}, at most {plan['max_tokens']} tokens"


def errors(record: Mapping[str, Any]) -> list[str]:
    """Returns what went wrong, and batches that the memory did not hold."""
    found = []
    for row in record["rows"]:
        place = f"{ENGINES[row['engine']].title}, {row['track']}, {row['concurrency']} at once"
        if row["status"] == "error":
            found.append(f"{place}: {row['error']}")
        elif lowered := row["facts"].get("batch_lowered_to"):
            found.append(f"{place}: out of memory, batches of {lowered} instead")
    return found


def _by_concurrency(title: str, rows: Sequence[RowSummary], show: Any) -> Table:
    numbers = sorted({row.concurrency for row in rows})
    cells = {(row.engine, row.concurrency): show(row) for row in rows}
    names = dict.fromkeys(row.engine for row in rows)
    body = [[ENGINES[name].title, *(cells.get((name, number), MISSING) for number in numbers)] for name in names]
    return Table(title, ["at once", *map(str, numbers)], body)


def _largest(rows: Iterable[RowSummary]) -> list[RowSummary]:
    largest: dict[tuple[str, str], RowSummary] = {}
    for row in rows:
        key = (row.track, row.engine)
        if key not in largest or row.concurrency > largest[key].concurrency:
            largest[key] = row
    return list(largest.values())


def _gib(value: float | None) -> str:
    return MISSING if value is None else f"{value / GIB:.2f}"


def _plain(value: float | None) -> str:
    return MISSING if value is None else f"{value:.1f}"


def _seconds(pair: tuple[float, float] | None) -> list[str]:
    return [MISSING] * 2 if pair is None else [f"{value:.2f}" for value in pair]


def _milliseconds(pair: tuple[float, float] | None) -> list[str]:
    return [MISSING] * 2 if pair is None else [f"{value * 1e3:.1f}" for value in pair]
