"""Runs several variants of one job in turn, so that a drift of the machine's speed meets all of them alike."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tqdm import tqdm

Job = Callable[[], int]


def measure(jobs: Mapping[str, Job], rounds: int) -> dict[str, list[float]]:
    """Returns tokens per second of each job in each round, after one uncounted round.

    Args:
        jobs: by name; each does its work and returns the number of tokens that it generated.
        rounds: counted rounds; the order of the jobs is reversed in every second one.
    """
    samples: dict[str, list[float]] = {name: [] for name in jobs}
    for index in tqdm(range(rounds + 1), desc="rounds", leave=False):
        for name in jobs if index % 2 else reversed(list(jobs)):
            start = time.perf_counter()
            tokens = jobs[name]()
            if index:
                samples[name].append(tokens / (time.perf_counter() - start))
    return samples


def medians(samples: Mapping[str, list[float]]) -> dict[str, float]:
    """Returns the median of each job's samples."""
    return {name: statistics.median(values) for name, values in samples.items()}


def write_record(path: Path, command: str, samples: Mapping[str, list[float]], **facts: Any) -> None:
    """Writes raw samples, host and versions as JSON."""
    import vllm

    versions = {name: version(name) for name in ("torch", "transformers")} | {"vllm": vllm.__version__}
    record = {"command": command, "host": host(), "versions": versions, **facts, "tokens_per_second": samples}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n")


def host() -> dict[str, str | int]:
    """Returns what the machine is: processor, cores of this process, architecture, Python."""
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }


def _cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
