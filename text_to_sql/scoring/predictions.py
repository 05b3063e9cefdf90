"""Predictions on disk: one JSON object a line, added as soon as the model has answered."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from text_to_sql.scoring.cases import Case, CaseError, read_objects, text_field


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was answered to one question.

    Attributes:
        sql: the query, or the model's text where it is none.
        error: why it must not be run, such as an answer that was cut off; None if it may be.
        output_tokens: that the model wrote for it, in all votes and attempts; 0 where no model was asked.
        attempts: how often the model was asked in turn; 0 where it was not.
    """

    sql: str
    error: str | None = None
    output_tokens: int = 0
    attempts: int = 0


def load_predictions(path: Path, source: str | None = None) -> dict[tuple[str, str], Prediction]:
    """Returns the predictions of a file by (db_id, question).

    Args:
        path: JSON lines with `db_id`, `question`, `sql` and, if any, the other fields of `Prediction`.
        source: who must have answered; None accepts all.

    Raises:
        CaseError: the file cannot be read, a line is no prediction, or another source answered.
    """
    found = {}
    for row, place in read_objects(path):
        if source is not None and row.get("source") != source:
            raise CaseError(
                f"{place}: this was answered by {row.get('source')}, now {source} is asked. Delete the file, or resume "
                "with the same options."
            )
        db_id, question, sql = (text_field(row, name, place) for name in ("db_id", "question", "sql"))
        error = None if row.get("error") is None else text_field(row, "error", place)
        counts = {name: _count(row, name, place) for name in ("output_tokens", "attempts")}
        found[db_id, question] = Prediction(sql, error, **counts)
    return found


def _count(row: Mapping[str, Any], name: str, place: str) -> int:
    count = row.get(name, 0)
    if type(count) is not int or count < 0:
        raise CaseError(f"{place}: {name} must be a whole number of at least 0, got {count!r}.")
    return count


def append_predictions(path: Path, source: str, answered: Iterable[tuple[Case, Prediction]]) -> None:
    """Adds predictions to a file, all lines at once, so that a run that is stopped can go on."""
    lines = [
        {"db_id": case.db_id, "question": case.question, **asdict(one), "source": source} for case, one in answered
    ]
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def keep_whole_lines(path: Path) -> None:
    """Cuts off a line that was not finished when the run was stopped."""
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        path.write_bytes(whole)


def predictions_of(cases: Iterable[Case], predictions: Mapping[tuple[str, str], Prediction]) -> list[Prediction]:
    """Returns the prediction for each case.

    Raises:
        CaseError: one has none.
    """
    cases = list(cases)
    missing = [case for case in cases if case.key not in predictions]
    if missing:
        raise CaseError(
            f"{len(missing)} of {len(cases)} cases have no prediction; the first is {missing[0].place}: "
            f"{missing[0].question!r} about {missing[0].db_id}. db_id and question must be the same in both files."
        )
    return [predictions[case.key] for case in cases]
