"""`python -m benchmarks vllm-bench`: the same work timed by this project and by vLLM's own `vllm bench`.

vLLM's tools draw their tokens at random (temperature 1), so here the engine does that too. Order: this project, `vllm
bench latency`, `vllm bench throughput`, this project again; each in a process of its own, so a drift of the machine
shows as a difference between the first and the last. The tool for the throughput tells one time for all its work, so it
gets all batches at once, one after the other, and is compared by the mean.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean, median
from typing import Any

from benchmarks.comparison.catalog import vllm_choice
from benchmarks.comparison.engines.interface import EngineSetup
from benchmarks.comparison.models import MODELS, model_source
from benchmarks.comparison.record import versions
from benchmarks.comparison.tracks import FIXED, make_requests
from benchmarks.comparison.worker import EngineFailureError, EngineWorker
from benchmarks.side_by_side import host
from inference.json_file import write_json_object
from inference.memory import BLOCK_TOKENS

HELP = "the same work timed by this project and by vLLM's own tools"
WARM_UPS = 2
SPARE_TOKENS = 32
_LONGEST_ERROR = 400
OURS, LATENCY, THROUGHPUT, OURS_AGAIN = "this project", "vllm bench latency", "vllm bench throughput", "again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument("--model", default="bundled", help=f"{', '.join(MODELS)}, a folder, or a hub name")
    parser.add_argument("--dtype", default="float32", help="of weights and computation (default: float32)")
    parser.add_argument("--batch", type=int, default=32, help="requests at once (default: 32)")
    parser.add_argument("--prompt-tokens", type=int, default=64, help="(default: 64)")
    parser.add_argument("--output-tokens", type=int, default=64, help="(default: 64)")
    parser.add_argument("--iterations", type=int, default=5, help="counted runs of each (default: 5)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the raw samples as JSON")


def run(options: argparse.Namespace) -> int:
    """Measures, prints medians and ratios, and writes the record; 1 if one of vLLM's tools failed.

    Raises:
        ValueError: an option is out of its range.
    """
    for name in ("batch", "prompt_tokens", "output_tokens", "iterations"):
        if getattr(options, name) < 1:
            raise ValueError(f"--{name.replace('_', '-')} must be at least 1, got {getattr(options, name)}")
    seconds: dict[str, list[float]] = {}
    error: str | None = "broken off"
    try:
        error = _collect(options, seconds)
    finally:
        if options.record and seconds:
            _write(options, seconds, error)
    if error:
        print(error, file=sys.stderr)
        return 1
    print(f"this project / {LATENCY}, medians: {ratio_of_medians(seconds):.3f}")
    print(f"this project / {THROUGHPUT}, means: {ratio_of_means(seconds):.3f}")
    return 0


def ratio_of_medians(seconds: Mapping[str, list[float]]) -> float:
    """Returns this project's time over that of `vllm bench latency`."""
    return median(seconds[OURS] + seconds[OURS_AGAIN]) / median(seconds[LATENCY])


def ratio_of_means(seconds: Mapping[str, list[float]]) -> float:
    """Returns this project's time over that of `vllm bench throughput`."""
    return fmean(seconds[OURS] + seconds[OURS_AGAIN]) / fmean(seconds[THROUGHPUT])


def _collect(options: argparse.Namespace, seconds: dict[str, list[float]]) -> str | None:
    """Measures and shows; returns what went wrong, if anything did."""
    try:
        for name, samples in _measure(options, model_source(options.model)):
            seconds[name] = samples
            print(f"{name:24} {median(samples):8.3f} s  ({', '.join(f'{one:.3f}' for one in samples)})", flush=True)
    except subprocess.CalledProcessError as error:
        return f"vllm bench {error.cmd[3]} failed: {error.stderr[-_LONGEST_ERROR:]}"
    except EngineFailureError as error:
        return f"This project's engine failed: {error}"
    return None


def _write(options: argparse.Namespace, seconds: dict[str, list[float]], error: str | None) -> None:
    facts = {key: value for key, value in vars(options).items() if key not in ("record", "command")}
    content = {"command": _command(facts), "host": host(), "versions": versions(), **facts, "seconds": seconds}
    write_json_object(options.record, content | ({"error": error} if error else {}))


def _measure(options: argparse.Namespace, source: str) -> Iterator[tuple[str, list[float]]]:
    yield OURS, _ours(options, source)
    yield LATENCY, _latency(options, source)
    yield THROUGHPUT, _throughput(options, source)
    yield OURS_AGAIN, _ours(options, source)


def _ours(options: argparse.Namespace, source: str) -> list[float]:
    choice = vllm_choice("vLLM", temperature=1.0)
    requests = make_requests(
        FIXED, source, options.batch, prompt_tokens=options.prompt_tokens, max_tokens=options.output_tokens
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        EngineWorker(choice, _setup(options, source), Path(folder, "log")) as worker,
    ):
        worker.start()
        runs = [worker.run(requests, options.batch).total_s for _ in range(WARM_UPS + options.iterations)]
    return runs[WARM_UPS:]


def _latency(options: argparse.Namespace, source: str) -> list[float]:
    arguments = ["latency", "--batch-size", options.batch, "--num-iters-warmup", WARM_UPS]
    lengths = ["--input-len", options.prompt_tokens, "--output-len", options.output_tokens]
    return _tool([*arguments, "--num-iters", options.iterations, *lengths], options, source)["latencies"]


def _throughput(options: argparse.Namespace, source: str) -> list[float]:
    arguments = ["throughput", "--dataset-name", "random", "--no-enable-prefix-caching"]
    arguments += ["--max-num-seqs", options.batch, "--num-warmups", WARM_UPS * options.batch]
    # It overlooks --input-len and --output-len: their namesakes for random prompts have defaults.
    lengths = ["--random-input-len", options.prompt_tokens, "--random-output-len", options.output_tokens]
    work = ["--num-prompts", options.batch * options.iterations, *lengths]
    return [_tool([*arguments, *work], options, source)["elapsed_time"] / options.iterations]


def _tool(arguments: list[Any], options: argparse.Namespace, source: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "result.json")
        words = [*arguments, "--disable-detokenize", "--output-json", result, *_engine_flags(options, source)]
        command = [sys.executable, "-m", "benchmarks.vllm_bench_tool", *map(str, words)]
        subprocess.run(command, check=True, capture_output=True, text=True, env=_environment())  # noqa: S603 (vLLM itself)
        return json.loads(result.read_text(encoding="utf-8"))


def _setup(options: argparse.Namespace, source: str) -> EngineSetup:
    # vLLM's tool for the throughput wants room for prompts that vary in length.
    length = options.prompt_tokens + options.output_tokens + SPARE_TOKENS
    return EngineSetup(source, options.dtype, length, options.batch)


def _engine_flags(options: argparse.Namespace, source: str) -> list[Any]:
    """Returns the settings with which this project's engine runs, as flags of vLLM's command line."""
    from benchmarks.comparison.engines.vllm_engine import LEAST_UTILIZATION, kv_cache_bytes
    from benchmarks.device_rates import device_kind

    setup = _setup(options, source)
    flags = ["--model", source, "--dtype", options.dtype, "--max-model-len", setup.max_model_len]
    flags += ["--kv-cache-memory-bytes", kv_cache_bytes(setup), "--seed", 0]
    if device_kind() == "cpu":
        return [*flags, "--block-size", BLOCK_TOKENS, "--enforce-eager"]
    return [*flags, "--gpu-memory-utilization", LEAST_UTILIZATION]


def _environment() -> dict[str, str]:
    """Returns this process's variables, with what this project sets from within on a CPU."""
    from benchmarks.device_rates import device_kind

    if device_kind() != "cpu":
        return dict(os.environ)
    cores = str(len(os.sched_getaffinity(0)))
    return os.environ | {
        "OMP_NUM_THREADS": cores,
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
    }


def _command(facts: dict[str, Any]) -> str:
    words = (f"--{name.replace('_', '-')} {value}" for name, value in facts.items())
    return f"python -m benchmarks vllm-bench {' '.join(words)}"
