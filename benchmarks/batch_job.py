"""What Ray Data costs, and what more replicas bring: one job through `batch_inference`, and through one plain engine.

    python -m benchmarks.batch_job --record benchmarks/results/batch_job_cpu.json

Runs: `whole`, one engine without Ray, all rows in one call; `parts`, the same engine in calls of as many rows as one
replica gets at a time; a number of replicas. Each starts its engines in processes of its own, and what is timed begins
when they begin to answer. Half of the rows choose the adapter where there is one.
"""

import argparse
import itertools
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from batch_inference.job import BatchJob
from batch_inference.placement import Placement
from batch_inference.rows import BASE
from batch_inference.run import run_batch
from benchmarks.comparison.chat_prompts import chat_prompts
from benchmarks.comparison.models import BUNDLED, MODELS, model_source
from benchmarks.comparison.record import versions
from benchmarks.device_rates import device_name
from benchmarks.side_by_side import host
from inference.bundled_model import BUNDLED_MODEL
from inference.json_file import write_json_object, write_text
from inference.process_memory import process_tree_memory
from inference.sampling import SamplingOptions
from text_to_sql.bundled_adapter import BUNDLED_ADAPTER

WHOLE, PARTS = "whole", "parts"


@dataclass(frozen=True, slots=True)
class Work:
    """The job that every run does.

    Attributes:
        rows: conversations.
        max_tokens: longest answer.
        model: folder or name.
        adapter: folder; None for rows of the base model alone.
        rows_per_part: see `BatchJob`.
        engine: further arguments of `VLLMInferenceWithLoRA`.
    """

    rows: int
    max_tokens: int
    model: str
    adapter: Path | None
    rows_per_part: int
    engine: Mapping[str, Any]

    @property
    def sampling(self) -> dict[str, Any]:
        """Greedy, so that answers can be compared."""
        return {"temperature": 0, "max_tokens": self.max_tokens}

    def conversations(self) -> Iterator[tuple[str, list[dict[str, str]]]]:
        """Yields the adapter, or `base`, and the messages of each row."""
        prompts = itertools.cycle(chat_prompts())
        for number, prompt in enumerate(itertools.islice(prompts, self.rows)):
            adapter = self.adapter.name if self.adapter and number % 2 else BASE
            yield adapter, [{"role": "user", "content": f"{prompt} (Question {number}.)"}]


Sample = dict[str, Any]


def run_plain(work: Work, rows_per_call: int) -> Sample:
    """Answers all rows with one engine in this process."""
    from vllm_offline_inference import VLLMInferenceWithLoRA

    lora = {"lora_adapter_path": work.adapter, "max_adapters": 1} if work.adapter else {}
    with VLLMInferenceWithLoRA(work.model, **lora, **work.engine) as llm:
        start = time.perf_counter()
        results = []
        for rows in itertools.batched(work.conversations(), rows_per_call):
            chosen, conversations = zip(*rows, strict=True)
            adapters = [None if adapter == BASE else adapter for adapter in chosen]
            results += llm.generate_batch_detailed(
                conversations, adapters=adapters, show_progress=False, **work.sampling
            )
        seconds = time.perf_counter() - start
        return _sample(seconds, process_tree_memory(), ((result.text, result.output_tokens) for result in results))


def run_replicas(work: Work, replicas: int) -> Sample:
    """Answers all rows through Ray Data."""
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.jsonl"
        lines = ({"adapter": adapter, "messages": messages} for adapter, messages in work.conversations())
        write_text(rows, "".join(json.dumps(line) + "\n" for line in lines))
        job = BatchJob(
            (rows,),
            Path(folder) / "answers",
            base_model=work.model,
            adapters={work.adapter.name: work.adapter} if work.adapter else {},
            sampling=SamplingOptions(**work.sampling),
            rows_per_part=work.rows_per_part,
            engine=work.engine,
        )
        report = run_batch(job, Placement(replicas), show_progress=False)
        answers = [
            json.loads(line) for part in sorted(job.output.glob("part-*")) for line in part.read_text().splitlines()
        ]
    pairs = ((answer["text"], answer["output_tokens"]) for answer in answers)
    sample = _sample(report.answering_seconds, report.replica_memory_bytes, pairs)
    parts = [asdict(outcome) for outcome in report.outcomes]
    return sample | {"all_seconds": report.seconds, "parts": parts}


def _sample(seconds: float, memory: int, answers: Iterable[tuple[str, int]]) -> Sample:
    texts, tokens = zip(*answers, strict=True)
    return {"seconds": seconds, "memory_bytes": memory, "output_tokens": sum(tokens), "texts": texts}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes the record after every run."""
    options = _parse(arguments)
    adapter = None if options.no_adapter else BUNDLED_ADAPTER
    # By its name, the bundled model is the one that the adapter says it was trained on.
    model = BUNDLED_MODEL if options.model == BUNDLED else model_source(options.model)
    work = Work(options.rows, options.max_tokens, model, adapter, options.rows_per_part, dict(options.engine))
    runs: list[Sample] = []
    for index in range(options.rounds):
        for kind in options.runs if index % 2 == 0 else reversed(options.runs):
            runs.append({"run": kind, **_in_a_process(work, kind)})
            print(f"{name_of(kind)}: {runs[-1]['seconds']:.1f} s", file=sys.stderr)
            if options.record:
                _write(options, arguments, work, runs)
    for kind in options.runs:
        rate = statistics.median(rate_of(run, work.rows) for run in runs if run["run"] == kind)
        print(f"{name_of(kind):32} {rate:8.2f} rows/s")
    return 0


def name_of(kind: str) -> str:
    """Returns what tables call a run."""
    if kind.isdecimal():
        return f"Ray Data, {kind} replica{'s' if kind != '1' else ''}"
    return {WHOLE: "one engine, one call", PARTS: "one engine, calls of a part"}[kind]


def rate_of(run: Mapping[str, Any], rows: int) -> float:
    """Returns rows per second while the engines answered.

    Replicas begin when their engines have started, which takes them differently long: each one's rows over its own
    time, from its first part to the end of its last, and these rates added.
    """
    if "parts" not in run:
        return rows / run["seconds"]
    by_replica: dict[str, list[Mapping[str, Any]]] = {}
    for part in run["parts"]:
        by_replica.setdefault(part["replica"], []).append(part)
    return sum(
        sum(part["rows"] for part in parts)
        / (max(part["ended_s"] for part in parts) - min(part["began_s"] for part in parts))
        for parts in by_replica.values()
    )


def _in_a_process(work: Work, kind: str) -> Sample:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        if kind.isdecimal():
            return process.submit(run_replicas, work, int(kind)).result()
        rows_per_call = work.rows if kind == WHOLE else work.rows_per_part
        return process.submit(run_plain, work, rows_per_call).result()


def _write(options: argparse.Namespace, arguments: Sequence[str] | None, work: Work, runs: Sequence[Sample]) -> None:
    reference = runs[0]["texts"]
    kept = [
        {name: value for name, value in run.items() if name != "texts"} | {"same_texts": _same(run["texts"], reference)}
        for run in runs
    ]
    given = sys.argv[1:] if arguments is None else arguments
    shown = [word for word in given if word not in ("--record", str(options.record))]
    record = {
        "command": " ".join(["python -m benchmarks.batch_job", *shown]),
        "host": host(),
        "device": device_name(),
        "versions": versions(),
        "model": options.model,
        "rows": work.rows,
        "max_tokens": work.max_tokens,
        "adapter": work.adapter.name if work.adapter else None,
        "rows_per_part": work.rows_per_part,
        "runs": kept,
    }
    write_json_object(options.record, record)


def _same(texts: Sequence[str], reference: Sequence[str]) -> int:
    return sum(one == other for one, other in zip(texts, reference, strict=True))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch_job", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=500, help="conversations (default: %(default)s)")
    parser.add_argument("--max-tokens", type=int, default=32, help="of an answer (default: %(default)s)")
    parser.add_argument(
        "--runs", nargs="+", default=[WHOLE, PARTS, "1", "2"], help="kinds, and numbers of replicas (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=2, help="of all runs (default: %(default)s)")
    parser.add_argument("--model", default=BUNDLED, help=f"{', '.join(MODELS)}, or a folder")
    parser.add_argument("--no-adapter", action="store_true", help="ask the base model alone")
    parser.add_argument("--rows-per-part", type=int, default=125, help="see python -m batch_inference (%(default)s)")
    parser.add_argument(
        "--engine",
        action="append",
        default=[],
        type=_engine_option,
        metavar="NAME=VALUE",
        help="argument of the engine",
    )
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the raw samples as JSON")
    return parser.parse_args(arguments)


def _engine_option(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    return name, json.loads(value)


if __name__ == "__main__":
    sys.exit(main())
