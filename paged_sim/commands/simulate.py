"""`python -m paged_sim simulate`: latency, throughput and memory of a workload, over request rates.

python -m paged_sim simulate --model Llama-3.1-8B-Instruct --device H100 --memory 40GiB --rate 4 8 16
python -m paged_sim simulate --trace trace.jsonl --num-blocks 2048 --policy priority --json
"""

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from paged_sim.commands.workload_options import add_workload_arguments, settle_workload, shipped_or_file

if TYPE_CHECKING:
    from paged_sim.scheduler_config import SchedulerConfig
    from paged_sim.simulation.cost_model import CostModel
    from paged_sim.simulation.latency import Percentiles
    from paged_sim.simulation.serving import ServingReport
    from paged_sim.sizing.layout import KVCacheLayout

# As many columns as 80 characters hold.
_RATES_A_TABLE = 3
HELP = "latency, throughput and memory of a workload, over request rates"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    work = parser.add_argument_group("workload")
    add_workload_arguments(work)
    work.add_argument(
        "--rate", type=float, nargs="+", metavar="R", help="requests per second, one run each (default: all at once)"
    )
    work.add_argument("--trace", metavar="FILE", help="JSON lines of `python -m paged_sim trace`, instead of all these")
    work.add_argument("--concurrency", type=int, metavar="N", help="most requests under way at once")
    machine = parser.add_argument_group("model and device")
    machine.add_argument(
        "--model",
        default="Llama-3.1-8B-Instruct",
        help="a known name, config.json, or a hub name; timed as a dense one",
    )
    machine.add_argument("--dtype", default="auto", help="of weights, keys and values (that of the model's config)")
    machine.add_argument("--device", default="H100", help="a preset or a benchmark record (H100)")
    kv_cache = machine.add_mutually_exclusive_group()
    kv_cache.add_argument("--memory", default="40GiB", metavar="SIZE", help="for keys and values (40GiB)")
    kv_cache.add_argument("--num-blocks", type=int, metavar="N", help="in place of --memory")
    machine.add_argument("--block-size", type=int, default=16, metavar="TOKENS", help="16")
    limits = parser.add_argument_group("scheduler")
    limits.add_argument("--max-num-seqs", type=int, default=256, metavar="N", help="256")
    limits.add_argument("--max-num-batched-tokens", type=int, default=8192, metavar="N", help="8192")
    limits.add_argument("--max-model-len", type=int, metavar="TOKENS", help="default: that of the model, if it fits")
    limits.add_argument("--long-prefill-token-threshold", type=int, default=0, metavar="N", help="0: no limit")
    limits.add_argument("--policy", default="fcfs", help="fcfs or priority")
    limits.add_argument("--watermark", type=float, default=0.0, metavar="SHARE", help="0")
    limits.add_argument("--no-prefix-caching", action="store_true")
    limits.add_argument("--no-chunked-prefill", action="store_true")
    parser.add_argument("--step-by-step", action="store_true", help="take every step on its own: the slow reference")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Prints a row for each rate; returns the exit code.

    Raises:
        ValueError: an option is out of its range, or a request does not fit.
    """
    settle_workload(arguments, "trace")
    _check_load(arguments)
    layout = _layout(arguments)
    config, cost = _config(arguments, layout), _cost(arguments, layout)
    rates = arguments.rate or [None]
    reports = [_serve(arguments, rate, config, cost) for rate in rates]
    if arguments.json:
        runs = [{"rate": rate} | report.figures() for rate, report in zip(rates, reports, strict=True)]
        settings = {name: value for name, value in vars(arguments).items() if name not in ("command", "json", "rate")}
        print(json.dumps({"settings": settings | asdict(config), "runs": runs}, indent=2))
    else:
        for first in range(0, len(rates), _RATES_A_TABLE):
            chunk = slice(first, first + _RATES_A_TABLE)
            _print_table(arguments, rates[chunk], reports[chunk], config)
    return 0


def _check_load(arguments: argparse.Namespace) -> None:
    from paged_sim.checks import require_integer
    from paged_sim.workload.arrivals import require_rate

    for rate in arguments.rate or ():
        require_rate(rate)
    if arguments.concurrency is not None:
        require_integer("--concurrency", arguments.concurrency, 1)


def _layout(arguments: argparse.Namespace) -> "KVCacheLayout":
    from paged_sim.sizing.layout import KVCacheLayout
    from paged_sim.sizing.model_source import load_model_shape

    shape = load_model_shape(arguments.model)
    layout = KVCacheLayout(shape=shape, block_size=arguments.block_size, dtype=arguments.dtype)
    if layout.is_mixed:
        raise ValueError(f"--model: {shape.name} mixes {shape.attention} attention, and one kind is simulated only")
    if not shape.num_parameters:
        raise ValueError(
            f"--model: the number of parameters of {shape.name} is unknown, and a step's time depends on it"
        )
    return layout


def _config(arguments: argparse.Namespace, layout: "KVCacheLayout") -> "SchedulerConfig":
    from paged_sim.scheduler_config import SchedulerConfig

    shape, num_blocks = layout.shape, _num_blocks(arguments, layout)
    max_model_len = arguments.max_model_len
    if max_model_len is None:
        max_model_len = min(shape.default_max_model_len, max(num_blocks - 1, 1) * arguments.block_size)
    if max_model_len > shape.longest_model_len:
        raise ValueError(f"--max-model-len: {shape.name} takes at most {shape.longest_model_len}, got {max_model_len}")
    return SchedulerConfig(
        num_blocks=num_blocks,
        block_size=arguments.block_size,
        max_num_seqs=arguments.max_num_seqs,
        max_num_batched_tokens=arguments.max_num_batched_tokens,
        max_model_len=max_model_len,
        enable_chunked_prefill=not arguments.no_chunked_prefill,
        enable_caching=not arguments.no_prefix_caching,
        policy=arguments.policy,
        watermark=arguments.watermark,
        long_prefill_token_threshold=arguments.long_prefill_token_threshold,
    )


def _num_blocks(arguments: argparse.Namespace, layout: "KVCacheLayout") -> int:
    from paged_sim.sizing.sizes import parse_size

    if arguments.num_blocks is not None:
        return arguments.num_blocks
    num_blocks = parse_size(arguments.memory, "--memory") // layout.bytes_per_block
    if num_blocks < 2:
        raise ValueError(f"--memory {arguments.memory} holds less than two blocks of {layout.bytes_per_block:,} bytes")
    return num_blocks


def _cost(arguments: argparse.Namespace, layout: "KVCacheLayout") -> "CostModel":
    from paged_sim.simulation.devices import find_device

    shape = layout.shape
    return find_device(arguments.device).cost_model(
        num_parameters=shape.num_parameters,
        kv_bytes_per_token=layout.bytes_per_token,
        attention_width=shape.num_layers * shape.num_heads * shape.head_size,
        weight_bytes=shape.weights_bytes(layout.dtype) // shape.num_parameters,
    )


def _serve(
    arguments: argparse.Namespace, rate: float | None, config: "SchedulerConfig", cost: "CostModel"
) -> "ServingReport":
    from tqdm import tqdm

    from paged_sim.simulation.serving import serve

    trace = list(shipped_or_file(arguments, "trace", rate))
    with tqdm(total=len(trace), desc="requests", leave=False) as bar:
        return serve(
            trace,
            config,
            cost,
            max_concurrency=arguments.concurrency,
            leap=not arguments.step_by_step,
            on_progress=lambda done: bar.update(done - bar.n),
        )


def _print_table(
    arguments: argparse.Namespace, rates: list[Any], reports: "list[ServingReport]", config: "SchedulerConfig"
) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{config.num_blocks:,} blocks of {config.block_size} tokens; times: median (p99)")
    table.add_column("requests/s", no_wrap=True)
    for rate in rates:
        all_at_once = "trace" if arguments.trace is not None else "all at once"
        table.add_column(all_at_once if rate is None else f"{rate:g}", justify="right", no_wrap=True)
    columns = [_cells(report) for report in reports]
    for name in columns[0]:
        table.add_row(name, *(cells[name] for cells in columns))
    Console().print(table)


def _cells(report: "ServingReport") -> dict[str, str]:
    latency, totals = report.latency, report.totals
    times = {"queue": latency.queue_s, "TTFT": latency.ttft_s, "TPOT": latency.tpot_s, "end to end": latency.e2e_s}
    return {
        "served, requests/s": f"{latency.requests_per_s:.2f}",
        "output, tokens/s": f"{latency.output_tokens_per_s:,.0f}",
        **{f"{name}, ms": _milliseconds(time) for name, time in times.items()},
        "requests in a step": f"{totals.mean_batch:.1f}",
        "KV used (peak)": f"{100 * report.mean_usage:.0f} % ({100 * report.peak_usage:.0f} %)",
        "preemptions": f"{totals.num_preemptions:,}",
        "aborted": f"{totals.num_aborted:,}",
        "prefix hits": f"{100 * totals.prefix_cache.hit_rate:.1f} %",
    }


def _milliseconds(time: "Percentiles") -> str:
    return f"{1e3 * time.p50:,.0f} ({1e3 * time.p99:,.0f})" if time.p50 == time.p50 else "–"
