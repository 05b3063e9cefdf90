"""The questions to score: one JSON object a line, each about a database in a folder."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from text_to_sql.errors import TextToSQLError

_FIELDS: Final = ("db_id", "question", "sql")


class CaseError(TextToSQLError):
    """A case that cannot be scored, or a file of them that cannot be read; the message names the line."""


@dataclass(frozen=True, slots=True)
class Case:
    """One question with its gold query.

    Attributes:
        db_id: name of the database.
        question: in English.
        sql: the gold, as the file has it.
        place: where it stands, such as `cases.jsonl, line 3`.
        extra: whatever else the line has.
    """

    db_id: str
    question: str
    sql: str
    place: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """What predictions are found by: (db_id, question)."""
        return self.db_id, self.question


def load_cases(path: Path) -> list[Case]:
    """Returns the cases of a file of JSON lines, in its order; empty lines are left out.

    Raises:
        CaseError: there is no such file, no case in it, or a line is no case.
    """
    cases = [_case(row, place) for row, place in read_objects(path)]
    if not cases:
        raise CaseError(f"{path} has no case: each line must be a JSON object with {', '.join(_FIELDS)}.")
    return cases


def read_objects(path: Path) -> Iterable[tuple[dict[str, Any], str]]:
    """Yields each JSON object of a file of JSON lines, and its place in words.

    Raises:
        CaseError: the file cannot be read, or a line is no JSON object.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CaseError(f"{path} cannot be read: {error}.") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            place = f"{path.name}, line {number}"
            yield _object(line, place), place


def _object(line: str, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise CaseError(f"{place}: this is no JSON object: {error}.") from error
    if not isinstance(row, dict):
        raise CaseError(f"{place}: expected a JSON object, got {line.strip()[:40]}")
    return row


def text_field(row: Mapping[str, Any], name: str, place: str) -> str:
    """Returns a field that must be a text.

    Raises:
        CaseError: it is missing or no text.
    """
    value = row.get(name)
    if not isinstance(value, str):
        raise CaseError(f"{place}: {name} must be a text, got {json.dumps(value)}.")
    return value


def _case(row: Mapping[str, Any], place: str) -> Case:
    values = {name: text_field(row, name, place) for name in _FIELDS}
    for name, value in values.items():
        if not value.strip():
            raise CaseError(f"{place}: {name} must not be empty.")
    if Path(values["db_id"]).name != values["db_id"]:
        raise CaseError(f"{place}: db_id must be a plain name, got {values['db_id']!r}.")
    return Case(**values, place=place, extra={name: row[name] for name in row if name not in _FIELDS})


def database_paths(cases: Iterable[Case], folder: Path) -> dict[str, Path]:
    """Returns the file of each database, `<db_id>.sqlite`, in the order in which the cases name them.

    Raises:
        CaseError: a file is missing.
    """
    paths = {}
    for case in cases:
        path = folder / f"{case.db_id}.sqlite"
        if case.db_id not in paths and not path.is_file():
            raise CaseError(f"{case.place}: there is no database {path}.")
        paths[case.db_id] = path
    return paths
