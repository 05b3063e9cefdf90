"""The command line of `vllm_offline_inference.py`: questions in, SQL and rows out."""

import argparse
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from inference.bundled_model import BUNDLED_MODEL
from inference.errors import InferenceError
from text_to_sql.answer import Answer
from text_to_sql.asking import MAX_SQL_TOKENS
from text_to_sql.bundled_adapter import BUNDLED_ADAPTER
from text_to_sql.errors import TextToSQLError
from text_to_sql.execution.read_only_database import ReadOnlyDatabase
from text_to_sql.output import print_json, print_tables
from text_to_sql.sample_database import sample_database_path
from text_to_sql.text_to_sql import TextToSQL

SAMPLE_QUESTIONS = (
    "How many customers live in South Korea?",
    "Which customer placed the most orders?",
    "What are the titles of books by authors from Germany?",
)


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser of all options."""
    parser = argparse.ArgumentParser(
        prog="vllm_offline_inference.py",
        description="Answers questions about a SQLite database: vLLM and a LoRA adapter write the SQL, which is run "
        "read-only. Without arguments: three questions about the bundled bookshop.",
        epilog="Exit codes: 0 every question was answered, 1 a question got no valid SQL, 2 bad usage.",
    )
    parser.add_argument("--question", action="append", metavar="TEXT", help="a question; can be given several times")
    parser.add_argument("--database", type=Path, metavar="FILE", help="a SQLite file (default: the bundled bookshop)")
    parser.add_argument(
        "--base-model", default=BUNDLED_MODEL, metavar="NAME", help="folder or hub name (default: bundled %(default)s)"
    )
    parser.add_argument("--adapter", type=Path, metavar="FOLDER", help="LoRA adapter (default: checkpoint-100)")
    parser.add_argument("--no-adapter", action="store_true", help="ask the plain base model")
    parser.add_argument("--merged", action="store_true", help="merge the adapter into the base once, and serve that")
    parser.add_argument(
        "--max-tokens", type=int, default=MAX_SQL_TOKENS, metavar="N", help="longest answer (default: %(default)s)"
    )
    parser.add_argument(
        "--no-grammar", action="store_true", help="let the model write anything, not only what the schema allows"
    )
    parser.add_argument(
        "--votes", type=int, default=1, metavar="N", help="write N queries, believe most of them (default: %(default)s)"
    )
    parser.add_argument(
        "--max-repairs",
        type=int,
        default=1,
        metavar="N",
        help="show errors to the model N times (default: %(default)s)",
    )
    parser.add_argument(
        "--enforce-eager", action="store_true", default=None, help="no compilation on a GPU: starts sooner, runs slower"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line for each question, nothing else")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code; where a signal ended it, the one that shells use."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    _check_usage(parser, options)
    _show_progress_of_start()
    try:
        return _run(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # who read the output has ended, as in `… | head -1`
        return 128 + signal.SIGPIPE


def _run(options: argparse.Namespace) -> int:
    with reserved_stdout() as output:
        try:
            answers, seconds = _answer(options)
        except (InferenceError, TextToSQLError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        if options.json:
            print_json(answers, output)
        else:
            print_tables(answers, seconds, output)
    return 1 if any(answer.error for answer in answers) else 0


def _check_usage(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.no_adapter and (options.merged or options.adapter):
        parser.error("--no-adapter does not go with --adapter or --merged")
    if options.max_tokens < 1:
        parser.error(f"--max-tokens must be at least 1, got {options.max_tokens}")
    if options.votes < 1:
        parser.error(f"--votes must be at least 1, got {options.votes}")
    if options.max_repairs < 0:
        parser.error(f"--max-repairs must be at least 0, got {options.max_repairs}")
    if any(not question.strip() for question in options.question or ()):
        parser.error("--question is empty")


def _show_progress_of_start() -> None:
    log = logging.getLogger("inference")
    log.setLevel(logging.INFO)
    log.addHandler(logging.StreamHandler(sys.stderr))


@contextmanager
def reserved_stdout() -> Iterator[TextIO]:
    """Yields the real standard output; whatever libraries print there goes to standard error meanwhile."""
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as output:
        os.dup2(2, 1)
        try:
            yield output
        finally:
            output.flush()
            os.dup2(output.fileno(), 1)


def _answer(options: argparse.Namespace) -> tuple[list[Answer], float]:
    from inference.merged_cache import merge_into_cache
    from vllm_offline_inference import VLLMInferenceWithLoRA

    # The database first: a wrong path must not cost the start of the engine.
    with ReadOnlyDatabase(options.database or sample_database_path()) as database:
        base, adapter = options.base_model, None if options.no_adapter else options.adapter or BUNDLED_ADAPTER
        if options.merged:
            base, adapter = merge_into_cache(base, adapter), None
        print(f"Starting vLLM with {base}{f' and {adapter}' if adapter else ''} …", file=sys.stderr)
        with VLLMInferenceWithLoRA(base, adapter, enforce_eager=options.enforce_eager) as llm:
            start = time.perf_counter()
            asker = TextToSQL(
                llm,
                database,
                grammar=not options.no_grammar,
                votes=options.votes,
                max_repairs=options.max_repairs,
            )
            answers = asker.ask_all(
                options.question or SAMPLE_QUESTIONS, max_tokens=options.max_tokens, show_progress=False
            )
            return answers, time.perf_counter() - start
