"""`python -m benchmarks compare` and `lora`: options, the run, and what is left of it when it is broken off."""

import argparse
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.comparison.catalog import ENGINES
from benchmarks.comparison.models import MODELS
from benchmarks.comparison.plan import ComparisonPlan
from benchmarks.comparison.presets import PRESETS, QUICK, preset
from benchmarks.comparison.tracks import TRACKS

if TYPE_CHECKING:
    from benchmarks.comparison.record import ComparisonRecord

HELP = "Transformers against vLLM on the same work"
EPILOG = (
    "Every engine runs in a process of its own; a record of raw samples is written after each piece of work, so that "
    "Ctrl-C keeps what is finished and --resume goes on. `python -m benchmarks report FILE` shows tables and plots."
)
INTERRUPTED = 130

Presets = Callable[[str, str, str | None], ComparisonPlan]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options; those that are left out are the preset's."""
    parser.epilog = EPILOG
    parser.add_argument("--preset", choices=PRESETS, default=QUICK, help="options to start from (default: quick)")
    parser.add_argument("--model", help=f"{', '.join(MODELS)}, a folder, or a hub name")
    parser.add_argument("--dtype", help="of weights and computation, for all engines")
    parser.add_argument("--engines", type=_names, metavar="A,B", help=f"some of {', '.join(ENGINES)}")
    parser.add_argument("--tracks", type=_names, metavar="A,B", help=f"some of {', '.join(TRACKS)}")
    parser.add_argument("--concurrency", type=_numbers, metavar="N,M", help="requests under way at once")
    parser.add_argument("--prompt-tokens", type=int, metavar="N", help="length of the prompts of the fixed track")
    parser.add_argument("--output-tokens", type=int, metavar="N", help="length of the answers of the fixed track")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="longest answer of the other tracks")
    parser.add_argument("--repeats", type=int, metavar="N", help="counted runs of each piece of work")
    parser.add_argument("--lora-rank", type=int, metavar="N", help="rank of random adapters (default: 16)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="where the record goes (default: COMMAND.json)")
    parser.add_argument("--resume", action="store_true", help="go on with a record; what is measured, or failed, stays")
    parser.add_argument("--logs", type=Path, metavar="FOLDER", help="keep what the engines say, a file for each")


def run(options: argparse.Namespace, presets: Presets = preset) -> int:
    """Measures, writes the record, prints its tables; returns the exit code.

    Raises:
        ValueError: an option is out of its range.
    """
    from benchmarks.comparison.comparison import Comparison
    from benchmarks.comparison.progress import TerminalProgress
    from benchmarks.device_rates import device_kind

    plan = _plan(options, presets(options.preset, device_kind(), options.model))
    file = options.record or Path(f"{options.command}.json")
    record = _record(options, plan, file)
    try:
        with _ends_on_request(), _logs(options.logs) as logs, TerminalProgress() as progress:
            Comparison(plan, record, logs, progress).run()
    except KeyboardInterrupt:
        print(f"Interrupted; what is finished is in {file}. Go on with --resume.", file=sys.stderr)
        return INTERRUPTED
    _show(record.content, file)
    return 0 if all(row["status"] == "ok" for row in record.content["rows"]) else 1


@contextmanager
def _logs(folder: Path | None) -> Iterator[Path]:
    """A folder for what the engines say; without one to keep, it goes in the end: errors quote the last lines."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as passing:
            yield Path(passing)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder


@contextmanager
def _ends_on_request() -> Iterator[None]:
    """A context in which a request to end, as of `timeout`, ends the engines too."""
    handler = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


def _record(options: argparse.Namespace, plan: ComparisonPlan, file: Path) -> "ComparisonRecord":
    from benchmarks.comparison.comparison import find_gpu
    from benchmarks.comparison.record import ComparisonRecord

    if file.exists() and not options.resume:
        raise ValueError(f"--record {file} exists: go on with it (--resume), or name another file")
    gpu = find_gpu()
    host = _host() | (gpu.description() if gpu else {})
    if options.resume:
        return ComparisonRecord.resume(file, plan, host)
    return ComparisonRecord.begin(file, _command(options), plan, host)


def _show(content: dict[str, Any], file: Path) -> None:
    from rich.console import Console

    from benchmarks.comparison.tables import print_tables

    print_tables(content, Console())
    print(f"\nThe record is {file}; `python -m benchmarks report {file}` draws its plots.")


def _plan(options: argparse.Namespace, start: ComparisonPlan) -> ComparisonPlan:
    return start.replaced(
        dtype=options.dtype,
        engines=options.engines,
        tracks=options.tracks,
        concurrencies=options.concurrency,
        prompt_tokens=options.prompt_tokens,
        output_tokens=options.output_tokens,
        max_tokens=options.max_tokens,
        repeats=options.repeats,
        lora_rank=options.lora_rank,
    )


def _command(options: argparse.Namespace) -> str:
    given = {name: value for name, value in vars(options).items() if name not in ("command", "record", "logs")}
    words = ["python", "-m", "benchmarks", options.command]
    for name, value in given.items():
        if value is not None and value is not False:
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            words += [f"--{name.replace('_', '-')}", text]
    return shlex.join(words)


def _host() -> dict[str, Any]:
    from benchmarks.side_by_side import host

    preloaded = os.environ.get("LD_PRELOAD")
    return host() | ({"ld_preload": preloaded} if preloaded else {})


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in _names(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be whole numbers with commas between them, got {text!r}") from None
