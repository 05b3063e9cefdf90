"""How often is the SQL right? Measures execution accuracy of an adapter on questions with gold SQL.

    python -m text_to_sql.evaluate --cases cases.jsonl --databases DIR --adapter checkpoint-100 --out report.json

A case is one JSON object a line with `db_id`, `question` and `sql`; its database is `DIR/<db_id>.sqlite`. A prediction
is right if it returns what the gold returns, on the database and on seeded variants of it (see `scoring.score`).
"""

import argparse
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from inference.bundled_model import BUNDLED_MODEL
from inference.errors import InferenceError
from inference.json_file import write_json_object
from text_to_sql.bundled_adapter import BUNDLED_ADAPTER
from text_to_sql.command_line import reserved_stdout
from text_to_sql.errors import TextToSQLError
from text_to_sql.scoring.answering import Answering, FileAnswering, ModelAnswering, TemplateAnswering, vllm_engine
from text_to_sql.scoring.evaluation import EvaluationOptions, check_writable, evaluate
from text_to_sql.scoring.predict import AskingOptions
from text_to_sql.scoring.report import print_report

_PROGRAM = "python -m text_to_sql.evaluate"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0 measured, 2 not, with the reason on stderr."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parse(arguments)
    with reserved_stdout() as output:
        try:
            check_writable(options.out)
            evaluation = _evaluation_options(options)
            report = evaluate(evaluation, _answering(options), f"{_PROGRAM} {shlex.join(arguments)}")
            write_json_object(options.out, report)
        except (InferenceError, TextToSQLError, OSError, ValueError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("interrupted; --resume goes on with the questions that are not answered yet", file=sys.stderr)
            return 128 + signal.SIGINT
        print_report(report, output)
    if report["dropped_cases"]:
        print(f"{report['dropped_cases']} cases were dropped: their gold fails, or is empty.", file=sys.stderr)
    return 0


def _evaluation_options(options: argparse.Namespace) -> EvaluationOptions:
    return EvaluationOptions(
        options.cases,
        options.databases,
        variants=options.variants,
        seed=options.seed,
        limit=options.limit,
        drop_bad_cases=options.drop_bad_cases,
        compare=options.compare,
    )


def _answering(options: argparse.Namespace) -> Answering:
    if options.template_baseline:
        return TemplateAnswering()
    if options.predictions:
        return FileAnswering(options.predictions)
    return ModelAnswering(
        options.base_model,
        None if options.no_adapter else options.adapter or BUNDLED_ADAPTER,
        AskingOptions(options.grammar, options.votes, options.repairs),
        kept=options.out.with_name(f"{options.out.name}.predictions.jsonl"),
        resume=options.resume,
        start_engine=vllm_engine,
    )


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=_PROGRAM, description=__doc__.splitlines()[0])
    _add_what_is_scored(parser)
    _add_who_answers(parser)
    options = parser.parse_args(arguments)
    others = [name for name in ("template_baseline", "predictions") if getattr(options, name)]
    if len(others) + bool(options.adapter or options.no_adapter) > 1 or (options.adapter and options.no_adapter):
        parser.error("only one of --adapter, --no-adapter, --template-baseline and --predictions can answer")
    return options


def _add_what_is_scored(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", type=Path, required=True, metavar="FILE", help="JSON lines: db_id, question, sql")
    parser.add_argument("--databases", type=Path, required=True, metavar="DIR", help="folder of <db_id>.sqlite")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="report to write, as JSON")
    parser.add_argument("--variants", type=int, default=3, metavar="N", help="of each database (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of variants and --limit (%(default)s)")
    parser.add_argument("--limit", type=int, metavar="N", help="score N cases, drawn with the seed")
    parser.add_argument("--compare", type=Path, metavar="REPORT", help="earlier report to compare with (McNemar)")
    parser.add_argument(
        "--drop-bad-cases", action="store_true", help="leave out cases whose gold fails, is empty or has too many rows"
    )


def _add_who_answers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--adapter", type=Path, metavar="FOLDER", help="LoRA adapter (default: checkpoint-100)")
    parser.add_argument(
        "--base-model", default=BUNDLED_MODEL, metavar="NAME", help="folder or hub name (default: bundled %(default)s)"
    )
    parser.add_argument("--no-adapter", action="store_true", help="ask the untrained base")
    parser.add_argument("--template-baseline", action="store_true", help="ask no model, but fill in templates")
    parser.add_argument("--predictions", type=Path, metavar="FILE", help="score these: JSON lines db_id, question, sql")
    parser.add_argument(
        "--grammar", action=argparse.BooleanOptionalAction, default=True, help="only SQL that the schema allows"
    )
    parser.add_argument("--votes", type=int, default=1, metavar="N", help="queries to choose from (%(default)s)")
    parser.add_argument("--repairs", type=int, default=1, metavar="N", help="times to mend a query (%(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on with FILE.predictions.jsonl of a stopped run")


if __name__ == "__main__":
    sys.exit(main())
