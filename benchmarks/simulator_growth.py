"""How time and memory of one simulation grow with its length; run as a process of its own, it prints JSON.

python -m benchmarks.simulator_growth --requests 100000 --caching
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from paged_sim import SchedulerConfig
from paged_sim.simulation.run import Recording
from paged_sim.simulation.simulate import simulate
from paged_sim.workload.workloads import workload

MAX_NUM_SEQS = 128


def settings_of(max_num_seqs: int) -> dict[str, int]:
    """Returns the scheduler's settings: room for all that run, so that nothing is preempted."""
    return {
        "num_blocks": 64 * max_num_seqs,
        "block_size": 16,
        "max_num_seqs": max_num_seqs,
        "max_num_batched_tokens": 8192,
        "max_model_len": 2048,
    }


def concurrency_of(max_num_seqs: int) -> int:
    """Returns how many requests are under way: as many as run wait too, so that a place is never empty."""
    return 2 * max_num_seqs


def measure_here(num_requests: int, enable_caching: bool) -> dict[str, float]:
    """Runs a ShareGPT-like trace, made as it runs, and returns seconds, tokens and the peak memory of this process."""
    config = SchedulerConfig(**settings_of(MAX_NUM_SEQS), enable_caching=enable_caching)
    start = time.perf_counter()
    result = simulate(
        workload("sharegpt", num_requests),
        config,
        max_concurrency=concurrency_of(MAX_NUM_SEQS),
        recording=Recording(outcomes=True),
    )
    return {
        "requests": num_requests,
        "seconds": time.perf_counter() - start,
        "tokens": result.totals.num_scheduled_tokens,
        "peak_mib": peak_memory_mib(),
    }


def peak_memory_mib() -> float:
    """Returns the most memory that this process has held; `getrusage` would count that of its parent too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def measure(num_requests: int, enable_caching: bool) -> dict[str, float]:
    """As `measure_here`, in a new process."""
    command = [sys.executable, "-m", "benchmarks.simulator_growth", "--requests", str(num_requests)]
    flags = ["--caching"] if enable_caching else []
    done = subprocess.run([*command, *flags], check=True, capture_output=True, text=True)  # noqa: S603 - this module
    return json.loads(done.stdout)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures one length."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulator_growth", description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=1000, help="length of the trace")
    parser.add_argument("--caching", action="store_true", help="with prefix caching")
    options = parser.parse_args(arguments)
    print(json.dumps(measure_here(options.requests, options.caching)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
