"""Shows training runs side by side: `python -m text_to_sql.training.compare_runs RUN…`.

A run is a folder that `text_to_sql.train` wrote, or one of its checkpoints. The table has what differs between the
recipes, the data's hash, the loss, and how many answers are right: of each report of `text_to_sql.evaluate` in the
folder, such as `RUN/spider.json`. `--record` writes it as JSON.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

from tabulate import tabulate

from inference.json_file import read_json_object, write_json_object
from text_to_sql.training.checkpoint import TRAINING_RECORD

Record = Mapping[str, Any]

# How a run is computed and watched, not what it learns.
_NOT_LEARNT = ("micro_batches", "validation_questions")


def find_record(folder: Path) -> Record:
    """Returns the record of a run's last checkpoint.

    Args:
        folder: of the run or of a checkpoint.

    Raises:
        FileNotFoundError: there is no finished checkpoint.
    """
    files = [folder / TRAINING_RECORD, *folder.glob(f"checkpoint-*/{TRAINING_RECORD}")]
    found = [record for file in files if (record := read_json_object(file))]
    if not found:
        raise FileNotFoundError(f"{folder} holds no {TRAINING_RECORD}: it is written when training has ended.")
    return max(found, key=lambda record: record["recipe"]["max_steps"])


def find_accuracies(folder: Path) -> dict[str, float]:
    """Returns the percentage of right answers in each report of `text_to_sql.evaluate` in a folder, by file name."""
    found = {file.stem: read_json_object(file).get("accuracy") for file in sorted(folder.glob("*.json"))}
    return {name: share["percent"] for name, share in found.items() if isinstance(share, dict) and "percent" in share}


def summary(name: str, record: Record, accuracies: Mapping[str, float]) -> dict[str, Any]:
    """Returns what tells one run from another."""
    return {
        "name": name,
        "recipe": record["recipe"],
        "examples": record["examples"]["training"],
        "device": record["device"],
        "data": record.get("prepared", "")[:8],
        "seconds": None if record.get("resumed_from_step") else record["train_runtime_s"],
        "loss": _last(record["loss"]),
        "held_out_loss": _last(record["held_out_loss"]),
        "accuracies": dict(accuracies),
    }


def _name(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}" if folder.name.startswith("checkpoint-") else folder.name


def _last(figures: Mapping[str, float]) -> float | None:
    return figures[max(figures, key=int)] if figures else None


def runs_table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Returns a table in Markdown, the run with the lowest held-out loss first."""
    fields = _differing_fields([run["recipe"] for run in runs])
    sets = list(dict.fromkeys(name for run in runs for name in run["accuracies"]))
    header = ["run", *fields, "data", "examples", "seconds", "loss", "held-out loss", *sets]
    ordered = sorted(runs, key=lambda run: run["held_out_loss"] or inf)
    rows = [
        [
            run["name"],
            *(run["recipe"].get(field, "–") for field in fields),
            run["data"] or "–",
            f"{run['examples']:,}",
            _number(run["seconds"], 0),
            _number(run["loss"], 3),
            _number(run["held_out_loss"], 3),
            *(_percent(run["accuracies"].get(name)) for name in sets),
        ]
        for run in ordered
    ]
    alignment = ["left", *["right"] * (len(header) - 1)]
    return tabulate(rows, header, tablefmt="pipe", disable_numparse=True, colalign=alignment)


def _differing_fields(recipes: Sequence[Mapping[str, Any]]) -> list[str]:
    fields = dict.fromkeys(field for recipe in recipes for field in recipe if field not in _NOT_LEARNT)
    return [field for field in fields if len({json.dumps(recipe.get(field)) for recipe in recipes}) > 1]


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} %"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0 shown, 2 bad usage."""
    parser = argparse.ArgumentParser(
        prog="python -m text_to_sql.training.compare_runs", description=__doc__.splitlines()[0]
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a run or of a checkpoint")
    parser.add_argument("--record", type=Path, help="JSON file to write as well")
    options = parser.parse_args(arguments)
    try:
        runs = [
            summary(_name(folder.resolve()), find_record(folder), find_accuracies(folder)) for folder in options.runs
        ]
        if options.record:
            write_json_object(options.record, {"runs": runs})
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyError as error:
        print(f"error: a {TRAINING_RECORD} has no {error}: it is not of this version.", file=sys.stderr)
        return 2
    print(runs_table(runs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
