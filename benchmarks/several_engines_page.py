"""What benchmarks/README.md shows of several engines, and of one over several GPUs."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.batch_job import name_of, rate_of
from benchmarks.comparison.table import Table


def batch_jobs(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns what Ray Data costs and what replicas bring, some rows for each record by its label."""
    title = (
        "A batch job through one engine, and through `batch_inference` (`python -m benchmarks.batch_job`): medians "
        "while the engines answered, each replica by its own time. From the first that began to the last that ended it "
        "takes longer, since they do not start at once. Random weights, as on the H100s, are near ties everywhere: "
        "their texts say nothing"
    )
    header = [
        "",
        "rows/s",
        "of one call",
        "first to last, s",
        "memory of an engine's processes, GiB",
        "same texts as one call",
    ]
    rows = [row for label, record in records.items() for row in _batch_job_rows(label, record)]
    return Table(title, header, rows).as_markdown()


def _batch_job_rows(label: str, record: Mapping[str, Any]) -> list[list[str]]:
    runs = record["runs"]
    kinds = list(dict.fromkeys(run["run"] for run in runs))
    rates = {kind: median(rate_of(run, record["rows"]) for run in runs if run["run"] == kind) for kind in kinds}
    rows = []
    for kind in kinds:
        ours = [run for run in runs if run["run"] == kind]
        memory = max(run["memory_bytes"] for run in ours) / 2**30
        same = min(run["same_texts"] for run in ours)
        seconds = median(run["seconds"] for run in ours)
        name = f"{label}, {record['rows']:,} rows: {name_of(kind)}"
        numbers = [
            f"{rates[kind]:.1f}",
            f"{rates[kind] / rates[kinds[0]]:.2f}",
            f"{seconds:.1f}",
            f"{memory:.1f}",
            f"{same:,}",
        ]
        rows.append([name, *numbers])
    return rows


def split_models(records: Sequence[Mapping[str, Any]]) -> str:
    """Returns how far the answers of a model on several GPUs are those of one."""
    first = records[0]
    title = (
        f"A model over two GPUs ({first['device']}, architecture of SmolLM2-1.7B with random weights, vLLM "
        f"{first['versions']['vllm']}, eager, where the host's time decides the rates): {first['prompts']} greedy "
        f"answers of {first['output_tokens']} tokens beside those of one GPU. The gap: how much less likely, as a log "
        "probability by one GPU, the first token is that differs"
    )
    header = ["dtype", "tensor parallel", "pipeline parallel", "tokens/s", "same answers", "largest gap"]
    return Table(title, header, [_split_row(run) for record in records for run in record["runs"]]).as_markdown()


def _split_row(run: Mapping[str, Any]) -> list[str]:
    differences = run["divergences"]
    return [
        run["dtype"],
        str(run["tensor_parallel_size"]),
        str(run["pipeline_parallel_size"]),
        f"{run['output_tokens'] / median(run['seconds']):,.0f}",
        f"{differences.count(None)} of {len(differences)}",
        f"{max((one['gap'] for one in differences if one), default=0):.4f}",
    ]
