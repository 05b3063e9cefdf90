"""How often the SQL is right, and what each aid adds: every held-out set, asked in several ways.

    python -m text_to_sql.held_out --data DATA --output HELD_OUT
    python -m benchmarks.text_to_sql_accuracy --held-out HELD_OUT --work FOLDER --record FILE

Each run is kept in the work folder when it ends, so a measurement that was stopped goes on there.
`text_to_sql.scoring.tables` shows the record.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from benchmarks.side_by_side import host
from inference.bundled_model import BUNDLED_MODEL
from inference.errors import InferenceError
from inference.json_file import write_json_object
from text_to_sql.bundled_adapter import BUNDLED_ADAPTER
from text_to_sql.errors import TextToSQLError
from text_to_sql.scoring.answering import Answering, ModelAnswering, TemplateAnswering, vllm_engine
from text_to_sql.scoring.evaluation import EvaluationOptions, evaluate
from text_to_sql.scoring.predict import AskingOptions

_COMMAND = "python -m benchmarks.text_to_sql_accuracy"
SETS = ("spider", "wikisql", "generated", "bookshop")
GREEDY, ALL_AIDS, BASE, TEMPLATE = "greedy", "all aids", "untrained base", "template"
WAYS = {
    GREEDY: AskingOptions(grammar=False, votes=1, max_repairs=0),
    "grammar": AskingOptions(grammar=True, votes=1, max_repairs=0),
    "repair": AskingOptions(grammar=False, votes=1, max_repairs=1),
    "votes": AskingOptions(grammar=False, votes=5, max_repairs=0),
    ALL_AIDS: AskingOptions(grammar=True, votes=5, max_repairs=1),
}
# Each aid alone is measured on this set; the others are asked greedily and with all aids.
_SET_OF_EACH_AID = "spider"

Run = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, and writes the record; returns the exit code: 0 measured, 2 not, with the reason on stderr."""
    options = _parse(arguments)
    try:
        options.work.mkdir(parents=True, exist_ok=True)
        runs = [*_template_runs(options), *_base_runs(options), *_adapter_runs(options)]
    except (InferenceError, TextToSQLError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    write_json_object(options.record, {"command": _COMMAND, "host": host(), "runs": runs})
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=_COMMAND, description=__doc__.splitlines()[0])
    parser.add_argument("--held-out", type=Path, required=True, help="folder of python -m text_to_sql.held_out")
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps the answers")
    parser.add_argument("--record", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--adapter", type=Path, default=BUNDLED_ADAPTER, help="LoRA adapter (default: checkpoint-100)")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS, help="sets to ask (default: all)")
    parser.add_argument("--limit", type=int, help="questions of each set (default: all)")
    return parser.parse_args(arguments)


def _device() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def _template_runs(options: argparse.Namespace) -> Iterator[Run]:
    for name in options.sets:
        yield _run(options, name, TEMPLATE, TemplateAnswering())


def _base_runs(options: argparse.Namespace) -> Iterator[Run]:
    with _shared_engine() as start:
        for name in options.sets:
            kept = options.work / f"{name}, {BASE}.jsonl"
            yield _run(options, name, BASE, ModelAnswering(BUNDLED_MODEL, None, WAYS[GREEDY], kept, False, start))


def _adapter_runs(options: argparse.Namespace) -> Iterator[Run]:
    with _shared_engine() as start:
        for name in options.sets:
            for way, asked in WAYS.items():
                if name == _SET_OF_EACH_AID or way in (GREEDY, ALL_AIDS):
                    kept = options.work / f"{name}, {way}.jsonl"
                    answering = ModelAnswering(BUNDLED_MODEL, options.adapter, asked, kept, False, start)
                    yield _run(options, name, way, answering)


@contextmanager
def _shared_engine() -> Iterator[Any]:
    """Yields what starts an engine for the first who asks, and returns the same one to all others."""
    with ExitStack() as stack:
        engines: list[Any] = []

        def start(base_model: str, adapter: Path | None) -> AbstractContextManager[Any]:
            if not engines:
                engines.append(stack.enter_context(vllm_engine(base_model, adapter)))
            # Or a run would find the prompts of the one before in the prefix cache, and seem faster.
            engines[0].llm.reset_prefix_cache()
            return nullcontext(engines[0])

        yield start


def _run(options: argparse.Namespace, name: str, way: str, answering: Answering) -> Run:
    """Returns a run, measured now or kept from before."""
    file = options.work / f"{name}, {way}.json"
    if file.exists():
        kept = json.loads(file.read_text(encoding="utf-8"))
        if _who(kept["model"]) != _who(answering.description):
            raise ValueError(f"{file} is of another model or way to ask: delete it, or choose another --work.")
        return kept
    print(f"{name}, {way}", file=sys.stderr)
    cases = EvaluationOptions(options.held_out / f"{name}.jsonl", options.held_out / name, limit=options.limit)
    report = evaluate(cases, answering, _COMMAND)
    run = {"set": name, "way": way, **_figures(report)}
    write_json_object(file, run)
    print(f"  {report['accuracy']['percent']:.1f} % right", file=sys.stderr)
    return run


def _who(model: Mapping[str, Any]) -> dict[str, Any]:
    """Returns who answered and how, wherever that was: part of the runs may be measured on another machine."""
    return {name: value for name, value in model.items() if name != "versions"}


def _figures(report: Mapping[str, Any]) -> Run:
    """Returns what the tables need: a letter for each case, in the order of the set's file."""
    cases = report["cases"]
    return {
        "model": report["model"],
        "device": _device(),
        "databases": len(report["by_database"]),
        "kinds": "".join(case["kind"][0] for case in cases),
        "correct": "".join(str(int(case["correct"])) for case in cases),
        "executes": "".join(str(int(case["executes"])) for case in cases),
        "output_tokens": report["output_tokens"],
        "repaired": report["repaired"],
        "seconds": report["seconds"],
    }


if __name__ == "__main__":
    sys.exit(main())
