"""`python -m paged_sim trace`: makes a trace, or describes one.

python -m paged_sim trace --workload chat --requests 1000 --rate 2 --output chat.jsonl
python -m paged_sim trace --input chat.jsonl
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paged_sim.commands.workload_options import add_workload_arguments, settle_workload, shipped_or_file

if TYPE_CHECKING:
    from paged_sim.workload.trace import TraceRequest

HELP = "make a trace of requests as JSON lines, or describe one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("--list", action="store_true", help="name the shipped workloads and stop")
    add_workload_arguments(parser)
    parser.add_argument("--rate", type=float, metavar="R", help="requests per second (default: all at the start)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the trace there")
    parser.add_argument("--input", type=Path, metavar="FILE", help="describe this trace instead of making one")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Writes or describes; returns the exit code.

    Raises:
        ValueError: an option is out of its range, or a file is no trace.
    """
    if arguments.list:
        _print_workloads(arguments.json)
        return 0
    if arguments.input and arguments.output:
        raise ValueError("--input and --output exclude each other: the one describes a trace, the other makes it")
    settle_workload(arguments, "input")
    requests = shipped_or_file(arguments, "input", arguments.rate)
    if arguments.output:
        from paged_sim.workload.trace_file import save_trace

        number = save_trace(requests, arguments.output)
        print(json.dumps({"requests": number}) if arguments.json else f"{number:,} requests in {arguments.output}")
        return 0
    figures = describe(requests)
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        _print_figures(figures)
    return 0


def describe(trace: "Iterator[TraceRequest]") -> dict[str, Any]:
    """Returns number, duration, lengths and how much of the prompts occurred in an earlier request.

    Raises:
        ValueError: the trace is empty.
    """
    import numpy as np

    from paged_sim.checks import require

    lengths: list[tuple[int, int]] = []
    seen: set[tuple[Any, ...]] = set()
    shared = 0
    arrival = 0.0
    for request in trace:
        lengths.append((request.num_prompt_tokens, request.num_output_tokens))
        arrival = request.arrival_time
        path: tuple[Any, ...] = (request.lora_name, request.cache_salt)
        for segment in (*request.prompt, request.output):
            path += (segment,)
            shared += segment.length if path in seen and segment is not request.output else 0
            seen.add(path)
    require(bool(lengths), "trace", "at least one request", lengths)
    prompts, outputs = np.array(lengths).T
    return {
        "requests": len(lengths),
        "last_arrival_s": arrival,
        "prompt_tokens": _spread(prompts),
        "output_tokens": _spread(outputs),
        "shared_prompt_share": shared / int(prompts.sum()),
    }


def _spread(values: Any) -> dict[str, float]:
    import numpy as np

    p50, p99 = np.percentile(values, (50, 99))
    return {"mean": float(values.mean()), "p50": float(p50), "p99": float(p99), "longest": int(values.max())}


def _print_workloads(as_json: bool) -> None:
    from paged_sim.workload.workloads import WORKLOADS

    texts = {name: make.__doc__.splitlines()[0] for name, make in WORKLOADS.items()}
    print(json.dumps(texts, indent=2) if as_json else "\n".join(f"{name:20} {text}" for name, text in texts.items()))


def _print_figures(figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    shared = 100 * figures["shared_prompt_share"]
    last = figures["last_arrival_s"]
    table = Table(
        title=f"{figures['requests']:,} requests within {last:,.1f} s; {shared:.0f} % of the prompts is shared"
    )
    for column in ("tokens of", "mean", "median", "p99", "longest"):
        table.add_column(column, justify="left" if column == "tokens of" else "right")
    for name in ("prompt", "output"):
        spread = figures[f"{name}_tokens"]
        table.add_row(name, *(f"{spread[column]:,.0f}" for column in ("mean", "p50", "p99", "longest")))
    Console().print(table)
