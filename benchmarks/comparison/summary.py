"""What a row of a record comes to: medians, percentiles and ratios, computed from its raw samples."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from benchmarks.comparison.catalog import ENGINES
from benchmarks.comparison.metrics import Objective, goodput

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RowSummary:
    """One engine's figures in one cell.

    Attributes:
        engine, track, concurrency: which.
        median_s: seconds of a counted run.
        tokens_per_s: output tokens per second: median, smallest and largest of the counted runs.
        requests_per_s: median.
        efficiency: the least time that the device needs for the work, over the median time; None for
            engines that skip work.
        ttft_s, tpot_s, itl_s, e2e_s: 50th and 99th percentile over the requests; None where there is none.
        goodput: requests per second that kept the objective, in the run with times of tokens.
        warm_up_s: the first run of this shape.
        peak_bytes, memory_method: memory of the engine's processes in that run; None if not known.
        kv_needed_bytes: keys and values of the requests under way at once.
        identical: share of the answers that are the reference's; None for the reference itself.
        common_prefix: mean number of tokens before an answer differs from the reference's.
        facts: what the engine said of itself.
    """

    engine: str
    track: str
    concurrency: int
    median_s: float
    tokens_per_s: tuple[float, float, float]
    requests_per_s: float
    efficiency: float | None
    ttft_s: tuple[float, float] | None
    tpot_s: tuple[float, float] | None
    itl_s: tuple[float, float] | None
    e2e_s: tuple[float, float] | None
    goodput: float | None
    warm_up_s: float
    peak_bytes: int | None
    memory_method: str
    kv_needed_bytes: int
    identical: float | None
    common_prefix: float | None
    facts: Mapping[str, Any]


def summaries(record: Mapping[str, Any]) -> list[RowSummary]:
    """Returns the figures of every row that was measured to its end, in the record's order."""
    objective = Objective(**record["plan"]["objective"])
    return [summarise(row, objective) for row in record["rows"] if row["status"] == "ok"]


def summarise(row: Row, objective: Objective) -> RowSummary:
    """Returns the figures of one row that was measured to its end."""
    runs = row["total_s"]
    tokens = row.get("total_tokens", [sum(row["output_tokens"])] * len(runs))
    rates = [number / seconds for number, seconds in zip(tokens, runs, strict=True)]
    latency = row.get("latency")
    places = row.get("agreement")
    return RowSummary(
        engine=row["engine"],
        track=row["track"],
        concurrency=row["concurrency"],
        median_s=median(runs),
        tokens_per_s=(median(rates), min(rates), max(rates)),
        requests_per_s=len(row["output_tokens"]) / median(runs),
        efficiency=row["limit_s"] / median(runs) if ENGINES[row["engine"]].does_all_work else None,
        ttft_s=latency and percentiles(latency["ttft_s"]),
        tpot_s=latency and percentiles(value for value in latency["tpot_s"] if value is not None),
        itl_s=_itl(latency),
        e2e_s=latency and percentiles(latency["e2e_s"]),
        goodput=latency and goodput(latency["ttft_s"], latency["tpot_s"], latency["total_s"], objective),
        warm_up_s=row["warm_up_s"],
        peak_bytes=row.get("memory", {}).get("peak_bytes"),
        memory_method=row.get("memory", {}).get("method", ""),
        kv_needed_bytes=row["kv_needed_bytes"],
        identical=places and places["first_divergence"].count(None) / len(places["first_divergence"]),
        common_prefix=places and _common_prefix(places),
        facts=row["facts"],
    )


def percentiles(values: Iterable[float]) -> tuple[float, float] | None:
    """Returns the 50th and the 99th percentile; None of no values."""
    samples = list(values)
    return tuple(np.percentile(samples, [50, 99]).tolist()) if samples else None


def _itl(latency: Row | None) -> tuple[float, float] | None:
    gaps = latency["itl_percentiles_s"] if latency else None
    return (gaps[50], gaps[99]) if gaps else None


def _common_prefix(places: Row) -> float:
    pairs = zip(places["first_divergence"], places["lengths"], strict=True)
    return sum(length if place is None else place for place, length in pairs) / len(places["lengths"])
