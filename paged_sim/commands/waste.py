"""`python -m paged_sim waste`: Figures 2, 13 and 15 of the PagedAttention paper, simulated beside its numbers.

With `--all` also what vLLM itself has published: preemptions over the watermark.

python -m paged_sim waste
python -m paged_sim waste --requests 50000 --json
"""

import argparse
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paged_sim.paper.reproduction import Reproduction

HELP = "where the KV memory goes under contiguous and paged allocation, beside the paper's figures"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("--requests", type=int, default=10_000, metavar="N", help="requests of each run (10000)")
    parser.add_argument("--seed", type=int, default=7, help="of the requests' lengths (7)")
    parser.add_argument("--all", action="store_true", help="also batch sizes, sharing, and preemptions; not as JSON")
    parser.add_argument("--json", action="store_true", help="print one JSON document: Figure 2 as a list")


def run(arguments: argparse.Namespace) -> int:
    """Prints the figures; returns the exit code.

    Raises:
        ValueError: an option is out of its range.
    """
    from tqdm import tqdm

    from paged_sim.checks import require_integer
    from paged_sim.paper import reproduction

    require_integer("--requests", arguments.requests, 100)
    require_integer("--seed", arguments.seed, 0)
    if arguments.all and arguments.json:
        raise ValueError("--all and --json exclude each other: the JSON document is the list of Figure 2's bars")
    jobs = reproduction.figure_2_jobs(arguments.requests, arguments.seed)
    if arguments.json:
        rows = [job() for job in tqdm(jobs, desc="Figure 2", leave=False)]
        print(json.dumps([reproduction.figure_2_record(row) for row in rows], indent=2))
        return 0
    _print_figure_2([job() for job in tqdm(jobs, desc="Figure 2", leave=False)])
    if arguments.all:
        others = reproduction.figure_13_jobs(arguments.requests, arguments.seed)
        others += reproduction.figure_15_jobs() + reproduction.watermark_jobs()
        _print_pairs([job() for job in tqdm(others, desc="others", leave=False)])
    return 0


def _print_figure_2(rows: "list[Reproduction]") -> None:
    from rich.console import Console
    from rich.table import Table

    title = "Figure 2: where the KV memory goes, percent (the paper's value)"
    table = Table(title=title, box=None, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    for column in ("used", "reserved", "internal", "external", "batch"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        cells = [_beside(row.figures[name], row.published.get(name)) for name in row.figures]
        table.add_row(row.label, *cells)
    Console().print(table)


def _print_pairs(rows: "list[Reproduction]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Beside the published values")
    for column in ("figure", "case", "batch, percent saved, or preemptions"):
        table.add_column(column, justify="left" if column in ("figure", "case") else "right")
    for row in rows:
        for name, value in row.figures.items():
            table.add_row(row.label, name, _beside(value, row.published.get(name)))
    Console().print(table)


def _beside(value: float, published: float | None) -> str:
    return f"{value:.1f}" + (f" ({published:.1f})" if published is not None else "")
