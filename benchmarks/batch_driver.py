"""What the driver of a batch job can do: how fast it scans the input and hands parts out, and what it holds of them.

    python -m benchmarks.batch_driver --record benchmarks/results/batch_driver_cpu.json

The engines answer at once and without a model, so that nothing but the driver and Ray Data is measured.
"""

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
from tqdm import tqdm

from batch_inference.input_files import scan
from batch_inference.job import BatchJob
from batch_inference.placement import Placement
from batch_inference.replica import ReplicaSettings
from batch_inference.run import run_batch
from benchmarks.comparison.chat_prompts import chat_prompts
from benchmarks.comparison.record import versions
from benchmarks.side_by_side import host
from inference.json_file import write_json_object
from inference.results import GenerationResult

_ROWS_PER_PART = 10_000


class EchoEngine:
    """Answers every conversation with its question."""

    def generate_batch_detailed(self, conversations: Sequence[Any], **options: Any) -> list[GenerationResult]:
        """Returns an answer for each conversation."""
        return [GenerationResult(messages[-1]["content"], (), 0, "stop", 0.0, 0.0, None) for messages in conversations]

    def close(self) -> None:
        """Does nothing."""


def echo_engine(settings: ReplicaSettings) -> EchoEngine:
    """Starts nothing."""
    return EchoEngine()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes the record."""
    options = _parse(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measured = _hand_out(folder, options.parts, options.replicas) | _scan(folder / "many.jsonl", options.rows)
    for what, value in measured.items():
        print(f"{what}: {value:,.3f}")
    if options.record:
        work = {name: getattr(options, name) for name in ("rows", "parts", "replicas")}
        origin = {"command": "python -m benchmarks.batch_driver", "host": host(), "versions": versions()}
        write_json_object(options.record, {**origin, **work, **measured})
    return 0


def _write_rows(path: Path, count: int) -> int:
    """Writes conversations, and returns the bytes of the file."""
    with path.open("w") as file:
        for row in tqdm(itertools.islice(_rows(), count), total=count, desc="Writing rows", leave=False):
            file.write(row)
    return path.stat().st_size


def _rows() -> Iterator[str]:
    for prompt in itertools.cycle(chat_prompts()):
        yield json.dumps({"messages": [{"role": "user", "content": prompt}]}) + "\n"


def _scan(path: Path, rows: int) -> dict[str, float]:
    size = _write_rows(path, rows)
    start = time.perf_counter()
    scan(path.name, path, _ROWS_PER_PART)
    seconds = time.perf_counter() - start
    before = psutil.Process().memory_info().rss
    # As many parts as rows: what is held of each shows.
    scanned = scan(path.name, path, 1)
    held = psutil.Process().memory_info().rss - before
    return {
        "row_bytes": size / rows,
        "scanned_rows_per_s": rows / seconds,
        "scanned_bytes_per_s": size / seconds,
        "part_bytes_in_the_plan": held / len(scanned.parts),
    }


def _hand_out(folder: Path, parts: int, replicas: int) -> dict[str, float]:
    _write_rows(folder / "rows.jsonl", parts)
    job = BatchJob((folder / "rows.jsonl",), folder / "answers", rows_per_part=1)
    report = run_batch(job, Placement(replicas), start_engine=echo_engine, show_progress=False)
    return {
        "parts_per_s": parts / report.answering_seconds,
        "seconds_before_and_after": report.seconds - report.answering_seconds,
        "driver_bytes": psutil.Process().memory_info().rss,
    }


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch_driver", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="to scan (default: %(default)s)")
    parser.add_argument("--parts", type=int, default=5_000, help="to hand out (default: %(default)s)")
    parser.add_argument("--replicas", type=int, default=1, help="that answer at once (default: %(default)s)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write what was measured as JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
