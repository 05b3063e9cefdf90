"""What benchmarks/README.md shows of the records: this project beside vLLM's own tools, and every comparison."""

from collections.abc import Mapping
from statistics import fmean, median
from typing import Any

from benchmarks.comparison.models import model_title
from benchmarks.comparison.table import Table
from benchmarks.comparison.tables import details, heading, speeds
from benchmarks.stored_results import RESULTS, comparison_records, load
from benchmarks.vllm_bench import LATENCY, OURS, OURS_AGAIN, THROUGHPUT, ratio_of_means, ratio_of_medians


def render() -> str:
    """Returns the tables of all comparisons, the longer ones folded away, with their plots."""
    tools = {file.stem: load(file.stem) for file in RESULTS.glob("vllm_bench_*.json")}
    parts = ["### vllm_bench", vllm_tools({name: record for name, record in tools.items() if "error" not in record})]
    for file in comparison_records():
        record = load(file.stem)
        plots = sorted(plot.name for plot in RESULTS.glob(f"{file.stem}-*.svg"))
        parts += [f"### {file.stem}", f"[Record](results/{file.name}) of `{record['command']}`"]
        parts += [record["note"]] if "note" in record else []
        parts += [heading(record), *speeds(record)]
        parts.append(_folded("Share of the limit, latency, memory, start, agreement", details(record)))
        parts.append(_folded("Plots", [f"![{name.removesuffix('.svg')}](results/{name})" for name in plots]))
    return "\n\n".join(parts)


def vllm_tools(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns this project's times beside those of vLLM's own tools, a row for each record by its name."""
    title = (
        "Seconds for the same work: this project, before and after them `vllm bench latency` (compared by medians) and "
        "`vllm bench throughput` (by means)"
    )
    header = ["", "model", "work", "this project", "latency", "throughput", "project / latency", "project / throughput"]
    return Table(title, header, [_tools_row(name, record) for name, record in sorted(records.items())]).as_markdown()


def _tools_row(name: str, record: Mapping[str, Any]) -> list[str]:
    seconds = record["seconds"]
    numbers = (
        median(seconds[OURS] + seconds[OURS_AGAIN]),
        median(seconds[LATENCY]),
        fmean(seconds[THROUGHPUT]),
        ratio_of_medians(seconds),
        ratio_of_means(seconds),
    )
    work = f"{record['batch']} at once, {record['prompt_tokens']} tokens in, {record['output_tokens']} out"
    model = f"{model_title(record['model'])}; {record['dtype']}, vLLM {record['versions']['vllm']}"
    return [f"[{name}](results/{name}.json)", model, work, *(f"{number:.3f}" for number in numbers)]


def _folded(title: str, parts: list[str]) -> str:
    return "\n\n".join([f"<details><summary>{title}</summary>", *parts, "</details>"])
