"""The tables of a record: on the terminal with rich, in README.md as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape

from benchmarks.comparison.catalog import ENGINES
from benchmarks.comparison.models import model_title
from benchmarks.comparison.summary import RowSummary, summaries
from benchmarks.comparison.table import MISSING, Table
from benchmarks.comparison.tracks import FIXED, TRACKS

BASELINE, MERGED = "transformers-batch", "vllm-merged"
MIB = 1024**2


def print_tables(record: Mapping[str, Any], console: Console) -> None:
    """Prints what was compared, all tables, and the errors."""
    console.print(heading(record), markup=False)
    for table in all_tables(record):
        console.print()
        console.print(table.as_rich())
    for text in errors(record):
        console.print(f"[bold red]error[/] {escape(text)}", highlight=False)


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
    """Returns every table of a record that has rows."""
    return [*_by_track(record, (throughput, against)), *_detail_tables(record)]


def speeds(record: Mapping[str, Any]) -> list[str]:
    """Returns the tables about throughput as Markdown, then what went wrong."""
    tables = [table.as_markdown() for table in _by_track(record, (throughput, against))]
    return [*tables, *(f"- {text}" for text in errors(record))]


def details(record: Mapping[str, Any]) -> list[str]:
    """Returns the tables that are not about throughput, as Markdown."""
    return [table.as_markdown() for table in _detail_tables(record)]


def as_markdown(record: Mapping[str, Any]) -> str:
    """Returns heading, tables and errors of a record as Markdown."""
    parts = [heading(record), *(table.as_markdown() for table in all_tables(record))]
    return "\n\n".join([*parts, *(f"- {text}" for text in errors(record))]) + "\n"


def _detail_tables(record: Mapping[str, Any]) -> list[Table]:
    rows = summaries(record)
    if not rows:
        return []
    whole = [starts(record, rows), agreement(rows)]
    if any(row.peak_bytes for row in rows):
        whole.insert(0, memory(record, rows))
    return [table for table in (*_by_track(record, (efficiency, latency)), *whole) if table.rows]


def _by_track(record: Mapping[str, Any], makers: Sequence[Any]) -> list[Table]:
    rows = summaries(record)
    tracks = [[row for row in rows if row.track == track] for track in record["plan"]["tracks"]]
    return [make(record, of_track[0].track, of_track) for of_track in tracks if of_track for make in makers]


def throughput(record: Mapping[str, Any], track: str, rows: Sequence[RowSummary]) -> Table:
    """Returns output tokens per second, by engine and concurrency."""
    return _by_concurrency(
        f"Output tokens per second, medians of {record['plan']['repeats']} runs; {track_title(record, track)}",
        rows,
        lambda row: f"{row.tokens_per_s[0]:,.0f}",
    )


def against(record: Mapping[str, Any], track: str, rows: Sequence[RowSummary]) -> Table:
    """Returns how many times as fast as the baseline each engine is: batched Transformers, else merged LoRA."""
    engines = [row.engine for row in rows]
    name = next((name for name in (BASELINE, MERGED) if name in engines), engines[0])
    base = {row.concurrency: row.requests_per_s for row in rows if row.engine == name}
    return _by_concurrency(
        f"Requests per second, as a multiple of “{ENGINES[name].title}”",
        rows,
        lambda row: f"{row.requests_per_s / base[row.concurrency]:.2f}" if row.concurrency in base else MISSING,
    )


def efficiency(record: Mapping[str, Any], track: str, rows: Sequence[RowSummary]) -> Table:
    """Returns what share of the physical limit each engine reaches."""
    return _by_concurrency(
        "Share of the physical limit of bytes and operations",
        rows,
        lambda row: MISSING if row.efficiency is None else f"{row.efficiency:.0%}",
    )


def latency(record: Mapping[str, Any], track: str, rows: Sequence[RowSummary]) -> Table:
    """Returns latencies and goodput at every concurrency: median and 99th percentile."""
    objective = record["plan"]["objective"]
    header = ["", "at once", "TTFT, s", "TPOT, ms", "ITL, ms", "E2E, s", "goodput, 1/s"]
    body = [
        [
            row.engine,
            str(row.concurrency),
            _pair(row.ttft_s, 1, ".2f"),
            _pair(row.tpot_s, 1e3, ".1f"),
            _pair(row.itl_s, 1e3, ".1f"),
            _pair(row.e2e_s, 1, ".2f"),
            MISSING if row.goodput is None else f"{row.goodput:.2f}",
        ]
        for row in rows
    ]
    limits = f"TTFT ≤ {objective['ttft_s']:g} s and TPOT ≤ {objective['tpot_s'] * 1e3:g} ms"
    return Table(f"Latency, 50th / 99th percentile; goodput: requests with {limits}", header, body)


def memory(record: Mapping[str, Any], rows: Sequence[RowSummary]) -> Table:
    """Returns memory at the largest concurrency of each engine and track."""
    weights = weight_bytes(record)
    body = []
    for row in _largest(rows):
        reserved = row.facts.get("kv_cache_bytes")
        body.append(
            [
                row.engine,
                row.track,
                str(row.concurrency),
                _mib(row.peak_bytes),
                _mib(weights),
                _mib(row.kv_needed_bytes),
                _mib(reserved),
                MISSING if None in (reserved, row.peak_bytes) else _mib(max(row.peak_bytes - weights - reserved, 0)),
                _mib(row.facts.get("torch_allocated_bytes")),
                _mib(row.facts.get("torch_reserved_bytes")),
            ]
        )
    header = ["", "track", "at once", "peak", "weights", "KV needed", "KV reserved", "rest", "allocated", "reserved"]
    title = (
        f"Memory, MiB. Peak: {rows[0].memory_method}; rest: activations, graphs and libraries, what is neither weights "
        "nor reserved cache; allocated and reserved: torch's own account, Transformers on a GPU"
    )
    return Table(title, header, body).without_empty_columns()


def starts(record: Mapping[str, Any], rows: Sequence[RowSummary]) -> Table:
    """Returns what comes before the first answer."""
    body = []
    for name, start in record["engines"].items():
        if start["status"] != "ok":
            continue
        first = max((row.warm_up_s - row.median_s for row in rows if row.engine == name), default=0.0)
        columns = (start["facts"].get(key) for key in ("load_s", "compile_s", "graph_capture_s"))
        body.append([name, f"{start['start_s']:.1f}", *map(_plain, columns), f"{max(first, 0):.1f}"])
    header = ["", "start", "weights", "compilation", "graphs", "first run"]
    title = (
        "Before the first answer, seconds. Start: imports and all that follow, on a GPU all engines side by side; "
        "compilation is short where vLLM's cache held it; first run: how much longer than later ones at "
        "most, its memory being sampled"
    )
    return Table(title, header, body).without_empty_columns()


def agreement(rows: Sequence[RowSummary]) -> Table:
    """Returns how far the answers are those of the reference."""
    body = [
        [
            row.engine,
            row.track,
            str(row.concurrency),
            f"{row.identical:.0%}",
            f"{row.common_prefix:.1f}",
        ]
        for row in _largest(rows)
        if row.identical is not None and row.common_prefix is not None
    ]
    header = ["", "track", "at once", "identical answers", "mean common prefix, tokens"]
    return Table("Agreement with the greedy answers of another engine with the same weights", header, body)


def track_title(record: Mapping[str, Any], track: str) -> str:
    """Returns what a track is, with its lengths."""
    plan = record["plan"]
    if track == FIXED:
        return f"{plan['prompt_tokens']} tokens in, {plan['output_tokens']} out, end token ignored"
    return f"{TRACKS[track]}, at most {plan['max_tokens']} tokens"


def weight_bytes(record: Mapping[str, Any]) -> int:
    """Returns the bytes of the weights that every step reads: all but an input embedding of its own."""
    model = record["model"]
    return (model["layer_parameters"] + model["output_parameters"]) * model["weight_bytes"]


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


def _mib(value: float | None) -> str:
    return MISSING if value is None else f"{value / MIB:,.0f}"


def _plain(value: float | None) -> str:
    return MISSING if value is None else f"{value:.1f}"


def _pair(pair: tuple[float, float] | None, factor: float, form: str) -> str:
    return MISSING if pair is None else " / ".join(f"{value * factor:{form}}" for value in pair)
