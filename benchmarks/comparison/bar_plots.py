"""Plots with bars: memory of the engines, and what runtime LoRA keeps of the merged model's speed."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.comparison.catalog import ENGINES
from benchmarks.comparison.figures import BASELINE_COLOUR, COLOURS, Rows, new_figure
from benchmarks.comparison.tables import weight_bytes
from inference.memory import GIB

_PARTS = {
    "weights": COLOURS[0],
    "KV cache: reserved by vLLM, needed by Transformers": COLOURS[1],
    "activations, graphs, libraries, spare": BASELINE_COLOUR,
}


def memory(record: Mapping[str, Any], rows: Rows) -> Figure | None:
    """Draws the peak memory of each engine at its largest concurrency: weights, KV cache, and the rest."""
    if "model" not in record or not rows or any(row.peak_bytes is None for row in rows):
        return None
    largest = {row.engine: row for row in sorted(rows, key=lambda row: row.concurrency)}
    weights = weight_bytes(record) / GIB
    figure, [axes] = new_figure(record)
    for place, row in enumerate(largest.values()):
        held = row.facts.get("kv_cache_bytes", row.kv_needed_bytes) / GIB
        rest = max(row.peak_bytes / GIB - weights - held, 0)
        left = 0.0
        for value, colour in zip((weights, held, rest), _PARTS.values(), strict=True):
            axes.barh(place, value, left=left, color=colour)
            left += value
    axes.set_yticks(
        range(len(largest)), [f"{ENGINES[row.engine].title} ({row.concurrency})" for row in largest.values()]
    )
    axes.invert_yaxis()
    axes.set_xlabel(f"GiB; {rows[0].memory_method}")
    handles = [mpl.patches.Patch(color=colour) for colour in _PARTS.values()]
    figure.legend(handles, list(_PARTS), fontsize="x-small", loc="outside upper left", ncols=3)
    return figure


def lora(record: Mapping[str, Any], rows: Rows) -> Figure | None:
    """Draws what runtime LoRA keeps of the merged model's speed."""
    merged = {row.concurrency: row.requests_per_s for row in rows if row.engine == "vllm-merged"}
    runtime = [row for row in rows if row.engine in ("vllm-lora", "vllm-lora-4") and row.concurrency in merged]
    if not runtime:
        return None
    figure, [axes] = new_figure(record)
    numbers = sorted(merged)
    for place, name in enumerate(("vllm-lora", "vllm-lora-4")):
        shares = {
            row.concurrency: row.requests_per_s / merged[row.concurrency] for row in runtime if row.engine == name
        }
        spots = [numbers.index(number) + 0.36 * (place - 0.5) for number in shares]
        bars = axes.bar(spots, list(shares.values()), 0.34, color=COLOURS[place], label=ENGINES[name].title)
        axes.bar_label(bars, fmt="%.2f", fontsize="x-small")
    axes.axhline(1, color=BASELINE_COLOUR, linewidth=1, label=ENGINES["vllm-merged"].title)
    axes.set_xticks(range(len(numbers)), [str(number) for number in numbers])
    axes.set(xlabel="requests at once", ylabel="requests per second, of merged")
    axes.set_ylim(0, max(1.25, 1.2 * max(row.requests_per_s / merged[row.concurrency] for row in runtime)))
    axes.legend(fontsize="x-small", loc="upper center", ncols=3)
    return figure
