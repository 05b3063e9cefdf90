"""One evaluation from cases to report: everything that can be wrong is found before a model is started."""

import random
import sqlite3
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any

from text_to_sql.scoring.answering import Answering
from text_to_sql.scoring.cases import Case, CaseError, database_paths, load_cases
from text_to_sql.scoring.predictions import Prediction
from text_to_sql.scoring.report import build_report, compare_reports, load_report
from text_to_sql.scoring.scored_set import VariantMaker, score_all, usable_cases


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """What is evaluated, and how strictly.

    Attributes:
        cases: file of JSON lines.
        databases: folder of `<db_id>.sqlite`.
        variants: variants of each database, at least 0.
        seed: of the variants, and of the draw for `limit`.
        limit: score only so many cases, drawn at random; at least 1; None scores all.
        drop_bad_cases: whether cases whose gold fails or is empty are left out; else they are an error.
        compare: report of an earlier evaluation to compare with.
    """

    cases: Path
    databases: Path
    variants: int = 3
    seed: int = 0
    limit: int | None = None
    drop_bad_cases: bool = False
    compare: Path | None = None

    def __post_init__(self) -> None:
        if self.variants < 0:
            raise ValueError(f"variants must be at least 0, got {self.variants}")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit must be at least 1, got {self.limit}")


def evaluate(options: EvaluationOptions, answering: Answering, command: str) -> dict[str, Any]:
    """Returns the report of an evaluation.

    Args:
        options: what is evaluated.
        answering: who answers.
        command: how it was started, for the report.

    Raises:
        CaseError: the cases, predictions or the earlier report cannot be used.
        DatabaseFileError: a database cannot be opened.
        InferenceError: the model or adapter cannot be used.
    """
    earlier = load_report(options.compare) if options.compare else None
    description = answering.description
    loaded = load_cases(options.cases)
    databases = database_paths(loaded, options.databases)
    usable = usable_cases(loaded, databases, drop_bad=options.drop_bad_cases)
    chosen = _limited(usable, options)
    started = time.perf_counter()
    answered = answering.answer(chosen, databases)
    generated = time.perf_counter()
    report = {
        "command": command,
        "model": description,
        "seed": options.seed,
        "variants": options.variants,
        "dropped_cases": len(loaded) - len(usable),
        "versions": _versions(),
    }
    report |= _scored(options, usable, list(zip(chosen, answered.predictions, strict=True)), databases)
    report["seconds"] = {
        "engine_start": round(answered.engine_start_s, 2),
        "generation": round(generated - started - answered.engine_start_s, 2),
        "scoring": round(time.perf_counter() - generated, 2),
    }
    if earlier is not None:
        report["compared"] = compare_reports(report, earlier)
    return report


def _scored(
    options: EvaluationOptions,
    usable: Sequence[Case],
    answered: Sequence[tuple[Case, Prediction]],
    databases: dict[str, Path],
) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        maker = VariantMaker(usable, Path(folder), options.seed, options.variants)
        return build_report(score_all(answered, databases, maker))


def _limited(cases: list[Case], options: EvaluationOptions) -> list[Case]:
    if options.limit is None or options.limit >= len(cases):
        return cases
    places = sorted(random.Random(options.seed).sample(range(len(cases)), options.limit))
    return [cases[place] for place in places]


def _versions() -> dict[str, str]:
    return {
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
        "sqlglot": version("sqlglot"),
    }


def check_writable(path: Path) -> None:
    """Makes the folder of a file that is to be written later, and tries to write there.

    Raises:
        CaseError: it cannot be written.
    """
    if path.is_dir():
        raise CaseError(f"{path} is a folder: name a file in it, such as {path / 'report.json'}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}."):
            pass
    except OSError as error:
        raise CaseError(f"{path} cannot be written: {error}.") from error
