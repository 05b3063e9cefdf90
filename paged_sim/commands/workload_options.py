"""The options that choose a workload: a shipped one by name, or a file of requests."""

import argparse
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paged_sim.workload.trace import TraceRequest

# None stands for these until it is known that no file is given.
DEFAULTS: Mapping[str, Any] = {"workload": "sharegpt", "requests": 1000, "seed": 0}


def add_workload_arguments(parser: Any) -> None:
    """Adds the options of a shipped workload, but for its rate, to a parser or a group of one."""
    parser.add_argument("--workload", help="a shipped one (sharegpt; `trace --list` names them)")
    parser.add_argument("--requests", type=int, metavar="N", help="how many (1000)")
    parser.add_argument("--seed", type=int, help="of lengths and arrivals (0)")


def settle_workload(arguments: argparse.Namespace, file_option: str) -> None:
    """Puts in the defaults of a shipped workload, unless a file is given.

    Args:
        arguments: the parsed options; changed.
        file_option: name of the option that takes the file, without dashes.

    Raises:
        ValueError: options of a shipped workload are given beside a file.
    """
    file_given = getattr(arguments, file_option) is not None
    beside = [f"--{name}" for name in (*DEFAULTS, "rate") if getattr(arguments, name) is not None]
    if file_given and beside:
        raise ValueError(
            f"{' and '.join(beside)} would be ignored: the requests of --{file_option} are as the file says; leave out "
            "the one or the other"
        )
    if not file_given:
        for name, default in DEFAULTS.items():
            if getattr(arguments, name) is None:
                setattr(arguments, name, default)


def shipped_or_file(arguments: argparse.Namespace, file_option: str, rate: float | None) -> "Iterator[TraceRequest]":
    """Returns the requests that settled options ask for, the shipped ones at a rate in requests per second."""
    from paged_sim.workload.trace_file import load_trace
    from paged_sim.workload.workloads import workload

    path = getattr(arguments, file_option)
    if path is not None:
        return load_trace(path)
    return workload(arguments.workload, arguments.requests, rate, arguments.seed)
