"""How fast the simulator is, beside vLLM's own scheduler on the same trace: `python -m benchmarks simulator`.

vLLM's figure counts the time in its scheduler's two methods only. The simulator's counts everything: its requests, its
driver, the names of the blocks' contents. Both must end with the same free blocks in the same order after as many
steps, or the figures mean nothing.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.simulator_growth import MAX_NUM_SEQS, concurrency_of, measure, settings_of
from paged_sim import SchedulerConfig
from paged_sim.checks import require_integer
from paged_sim.simulation.run import Recording
from paged_sim.simulation.simulate import SimulationResult, simulate
from paged_sim.workload.trace import TraceRequest, total_tokens
from paged_sim.workload.workloads import workload

HELP = "the simulator's speed beside vLLM's own scheduler, on the same trace"
CASES = {"caching_off": False, "caching_on": True}
LENGTHS = (1_000, 10_000, 100_000, 1_000_000)
# The leaping run is done in milliseconds, so it is timed several times a round; all of them are samples.
RUNS_A_ROUND = 5

Samples = dict[str, list[float]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument("--requests", type=int, default=1000, help="ShareGPT-like requests of the trace (1000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; in each, every scheduler runs the trace (3)")
    parser.add_argument("--max-num-seqs", type=int, default=MAX_NUM_SEQS, help=f"running requests ({MAX_NUM_SEQS})")
    parser.add_argument("--growth", action="store_true", help="also 1,000 to 1,000,000 requests, simulator only")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the raw samples as JSON")


def run(options: argparse.Namespace) -> int:
    """Measures, prints, and writes the record.

    Raises:
        ValueError: an option is out of its range.
    """
    require_integer("--rounds", options.rounds, 1)
    SchedulerConfig(**settings_of(options.max_num_seqs))
    trace = list(workload("sharegpt", options.requests))
    settings = settings_of(options.max_num_seqs)
    samples = {
        case: compare(trace, settings | {"enable_caching": caching}, options.rounds) for case, caching in CASES.items()
    }
    growth = measure_growth() if options.growth else []
    summary = {case: summarise(samples[case], trace) for case in CASES} | {"growth": growth}
    if options.record:
        from benchmarks.side_by_side import write_record

        facts = {"requests": len(trace), "settings": settings, "growth": growth}
        command = f"python -m benchmarks simulator --requests {options.requests} --rounds {options.rounds}"
        command += f" --max-num-seqs {options.max_num_seqs}"
        flat = {f"{case}, {name}": values for case in CASES for name, values in samples[case].items()}
        write_record(options.record, command + " --growth" * options.growth, flat, **facts)
    print(json.dumps(summary, indent=2) if options.json else as_text(summary))
    return 0


def compare(trace: Sequence[TraceRequest], settings: dict[str, Any], rounds: int) -> Samples:
    """Returns tokens per second of each scheduler's runs.

    Raises:
        RuntimeError: the simulator decided otherwise than vLLM.
    """
    from benchmarks.vllm_replay import replay

    concurrency = concurrency_of(settings["max_num_seqs"])
    tokens = total_tokens(trace)
    samples: Samples = {"vllm": [], "step_by_step": [], "leaping": []}
    for _ in tqdm(range(rounds), desc=f"caching {'on' if settings['enable_caching'] else 'off'}", leave=False):
        theirs = replay(trace, settings, concurrency)
        samples["vllm"].append(tokens / theirs.seconds)
        seconds, ours = timed_run(trace, settings, leap=False)
        samples["step_by_step"].append(tokens / seconds)
        samples["leaping"] += [tokens / timed_run(trace, settings)[0] for _ in range(RUNS_A_ROUND)]
        for result in (ours, timed_run(trace, settings)[1]):
            found = (result.totals.num_steps, result.free_block_ids, result.cached_block_ids)
            if found != (theirs.num_steps, theirs.free_block_ids, theirs.cached_block_ids):
                raise RuntimeError("The simulator's decisions differ from vLLM's; its speed means nothing.")
    return samples


def timed_run(
    trace: Sequence[TraceRequest], settings: dict[str, Any], leap: bool = True
) -> tuple[float, SimulationResult]:
    """Returns the seconds that a simulation takes, and its result."""
    start = time.perf_counter()
    result = simulate(
        trace,
        SchedulerConfig(**settings),
        max_concurrency=concurrency_of(settings["max_num_seqs"]),
        leap=leap,
        recording=Recording(outcomes=False),
    )
    return time.perf_counter() - start, result


def measure_growth() -> list[dict[str, Any]]:
    """Returns time and memory for traces of growing length, each in a process of its own."""
    jobs = [(number, case) for number in LENGTHS for case in CASES]
    bar = tqdm(jobs, desc="growth", leave=False)
    return [{"case": case, **measure(number, CASES[case])} for number, case in bar]


def summarise(samples: Samples, trace: Sequence[TraceRequest]) -> dict[str, float]:
    """Returns medians, and how many times as fast as vLLM's scheduler the simulator is."""
    middle = {name: statistics.median(values) for name, values in samples.items()}
    mean_tokens = total_tokens(trace) / len(trace)
    return {
        "tokens_per_s": middle["leaping"],
        "requests_per_s": middle["leaping"] / mean_tokens,
        "ratio_vs_vllm": middle["leaping"] / middle["vllm"],
        "vllm_tokens_per_s": middle["vllm"],
        "step_by_step_tokens_per_s": middle["step_by_step"],
    }


def as_text(summary: dict[str, Any]) -> str:
    """Returns the tables for a person."""
    from tabulate import tabulate

    rows = [
        [
            case.replace("_", " "),
            f"{figures['vllm_tokens_per_s']:,.0f}",
            f"{figures['step_by_step_tokens_per_s']:,.0f}",
            f"{figures['tokens_per_s']:,.0f}",
            f"{figures['requests_per_s']:,.0f}",
            f"{figures['ratio_vs_vllm']:.0f}",
        ]
        for case, figures in summary.items()
        if case in CASES
    ]
    header = ["", "vLLM, tokens/s", "step by step", "leaping", "requests/s", "times vLLM"]
    text = tabulate(rows, header, disable_numparse=True, colalign=["left"] + ["right"] * 5)
    return text + ("\n\n" + growth_table(summary["growth"]) if summary["growth"] else "")


def growth_table(growth: Sequence[dict[str, Any]]) -> str:
    """Returns how time and memory grow."""
    from tabulate import tabulate

    rows = [
        [
            point["case"].replace("_", " "),
            f"{point['requests']:,}",
            f"{point['seconds']:.2f}",
            f"{point['tokens'] / point['seconds'] / 1e6:.1f}",
            f"{point['peak_mib']:.0f}",
        ]
        for point in growth
    ]
    header = ["", "requests", "seconds", "million tokens/s", "peak memory, MiB"]
    return tabulate(rows, header, disable_numparse=True, colalign=["left"] + ["right"] * 4)


def main(arguments: Sequence[str] | None = None) -> int:
    """As `python -m benchmarks simulator`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulator", description=HELP)
    add_arguments(parser)
    return run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
