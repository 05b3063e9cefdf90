"""The command line of `python -m batch_inference`."""

import argparse
import json
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from batch_inference.answers import Format
from batch_inference.errors import BatchError
from batch_inference.job import BatchJob
from batch_inference.placement import LOCAL, Placement
from batch_inference.rows import Task
from batch_inference.run import BatchReport, run_batch
from inference.bundled_model import BUNDLED_MODEL
from inference.errors import InferenceError
from inference.sampling import SamplingOptions
from text_to_sql.command_line import reserved_stdout
from text_to_sql.scoring.predict import AskingOptions

_PROGRAM = "python -m batch_inference"
_DESCRIPTION = (
    "Answers the rows of files with vLLM engines on Ray Data: conversations ('messages'), or questions ('question') "
    "about SQLite files ('database'). A row may have an 'id' and an 'adapter'. The same command, given again, goes on "
    "where it was stopped or killed."
)
_EXIT_CODES = "Exit codes: 0 every row has an answer or an error, 1 rows are missing (run it again), 2 bad usage."


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    options = build_parser().parse_args(arguments)
    with reserved_stdout() as output:
        try:
            report = run_batch(_job(options), _placement(options))
        except (InferenceError, ValueError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("interrupted; the same command goes on with what is missing", file=sys.stderr)
            return 128 + signal.SIGINT
        print(_summary(report, options), file=output)
    for failure in report.failures:
        print(f"not answered: {failure}", file=sys.stderr)
    return 1 if report.missing else 0


def _summary(report: BatchReport, options: argparse.Namespace) -> str:
    there = f"{report.rows - report.missing:,} of {report.rows:,} rows are in {options.output}/part-*.{options.format}"
    if not report.answered:
        return f"{there}; {'this run added none' if report.missing else 'nothing was left to answer'}."
    # Two machines' clocks may differ.
    rate = report.answered / max(report.answering_seconds, 1e-3)
    return (
        f"{there}; {report.answered:,} of them from this run, {report.errors:,} of these with an error: "
        f"{rate:,.1f} rows/s by running engines, {report.seconds:,.0f} s in all, "
        f"{report.replica_memory_bytes / 2**30:.1f} GiB of memory for a replica."
    )


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser of all options."""
    parser = argparse.ArgumentParser(prog=_PROGRAM, description=_DESCRIPTION, epilog=_EXIT_CODES)
    parser.add_argument("inputs", nargs="+", type=Path, metavar="INPUT", help="*.jsonl, *.parquet, or a folder of them")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="for the answers, a file a part")
    parser.add_argument(
        "--format", type=Format, choices=list(Format), default=Format.JSON_LINES, help="of the output (%(default)s)"
    )
    parser.add_argument(
        "--task", type=Task, choices=list(Task), help="what rows ask for (default: what the first does)"
    )
    _add_model(parser.add_argument_group("model"))
    _add_questions(parser.add_argument_group("questions"))
    _add_sampling(parser.add_argument_group("conversations"))
    _add_placement(parser.add_argument_group("machines"))
    return parser


def _add_model(group: Any) -> None:
    group.add_argument(
        "--base-model", default=BUNDLED_MODEL, metavar="NAME", help="folder or hub name (default: bundled %(default)s)"
    )
    group.add_argument(
        "--adapter",
        action="append",
        default=[],
        metavar="[NAME=]FOLDER",
        help="LoRA adapter that rows may choose; can be given several times, the first answers rows that name none "
        "('base' chooses the base model)",
    )
    group.add_argument(
        "--engine",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="argument of VLLMInferenceWithLoRA, such as max_model_len=2048; can be given several times",
    )


def _add_questions(group: Any) -> None:
    group.add_argument("--database", type=Path, metavar="FILE", help="SQLite file for rows that name none")
    group.add_argument("--databases", type=Path, metavar="FOLDER", help="that rows' paths are relative to (default: .)")
    group.add_argument("--no-grammar", action="store_true", help="write anything, not only what the schema allows")
    group.add_argument("--votes", type=int, default=1, metavar="N", help="queries to choose from (%(default)s)")
    group.add_argument("--max-repairs", type=int, default=1, metavar="N", help="times to mend a query (%(default)s)")


def _add_sampling(group: Any) -> None:
    defaults = SamplingOptions()
    for name, kind in (
        ("max_tokens", int), ("temperature", float), ("top_p", float), ("top_k", int), ("repetition_penalty", float),
        ("seed", int),
    ):  # fmt: skip
        default = getattr(defaults, name)
        shown = "none" if default is None else default
        group.add_argument(f"--{name.replace('_', '-')}", type=kind, default=default, metavar="N", help=f"({shown})")
    group.add_argument("--stop", action="append", metavar="TEXT", help="ends an answer; can be given several times")


def _add_placement(group: Any) -> None:
    group.add_argument("--replicas", type=int, default=1, metavar="N", help="engines side by side (%(default)s)")
    group.add_argument(
        "--gpus-per-replica", type=int, metavar="N", help="that share a model (default: 1 if there are any)"
    )
    group.add_argument(
        "--cpus-per-replica", type=int, metavar="N", help="cores of each (default: equal shares on a CPU)"
    )
    group.add_argument(
        "--address", default=LOCAL, metavar="ADDRESS", help="auto or host:port of a Ray cluster (default: this machine)"
    )
    group.add_argument(
        "--rows-per-part", type=int, metavar="N", help="answered and written together (default: by size)"
    )


def _job(options: argparse.Namespace) -> BatchJob:
    sampling = {
        name: getattr(options, name)
        for name in ("max_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "seed", "stop")
    }
    return BatchJob(
        inputs=tuple(options.inputs),
        output=options.output,
        task=options.task,
        format=options.format,
        base_model=options.base_model,
        adapters=_once("--adapter", map(_named_adapter, options.adapter)),
        database=options.database,
        databases=options.databases,
        sampling=SamplingOptions(**sampling),
        asking=AskingOptions(not options.no_grammar, options.votes, options.max_repairs),
        rows_per_part=options.rows_per_part,
        engine=_once("--engine", map(_engine_option, options.engine)),
    )


def _once(option: str, named: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in named:
        if name in found:
            raise BatchError(f"{option} gives {name!r} twice: each needs a name of its own, as in NAME=…")
        found[name] = value
    return found


def _placement(options: argparse.Namespace) -> Placement:
    return Placement(options.replicas, options.gpus_per_replica, options.cpus_per_replica, options.address)


def _named_adapter(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    return (name, Path(folder)) if equals else (Path(text).resolve().name, Path(text))


def _engine_option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise BatchError(f"--engine must be NAME=VALUE, got {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:  # a text needs no quotes
        return name, value
