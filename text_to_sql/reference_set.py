"""Questions about the bookshop with gold SQL, written by hand as learners and the shop's staff would ask them.

They lie in `reference_questions.jsonl`, one JSON object a line. All gold SQL is in sqlglot's canonical spelling, and
every question names the columns that its answer has. The bookshop is `text_to_sql.sample_database_path()`.
"""

import json
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Final

from text_to_sql.data.kind import kind_of
from text_to_sql.errors import TextToSQLError
from text_to_sql.execution.sql_text import parse_query
from text_to_sql.words import lower_words

REFERENCE_FILE: Final = Path(__file__).with_name("reference_questions.jsonl")
TOPICS: Final = ("catalogue", "prices", "authors", "publishers", "customers", "orders", "shipping", "sales", "reviews")


@dataclass(frozen=True, slots=True)
class ReferenceQuestion:
    """One question with its gold SQL.

    Attributes:
        db_id: the database, `bookshop`.
        question: one line, in English.
        sql: one query in canonical spelling.
        kind: `simple`, `join` or `nested/setop`, as `kind_of` finds it in the SQL.
        topic: what it is about, one of `TOPICS`.

    Raises:
        ValueError: a field is no text or out of its range, or `sql` is not one query.
    """

    db_id: str
    question: str
    sql: str
    kind: str
    topic: str

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"{field.name} must be a text that is not empty, got {value!r}")
        if self.db_id != "bookshop":
            raise ValueError(f"db_id must be 'bookshop', got {self.db_id!r}")
        if self.topic not in TOPICS:
            raise ValueError(f"topic must be one of {', '.join(TOPICS)}, got {self.topic!r}")
        self._check_sql()

    def _check_sql(self) -> None:
        try:
            tree = parse_query(self.sql)
        except TextToSQLError as error:
            raise ValueError(f"sql must be one query, got {self.sql!r}: {error}") from error
        canonical = tree.sql("sqlite")
        if self.sql != canonical:
            raise ValueError(f"sql must be in canonical spelling, {canonical!r}, got {self.sql!r}")
        if self.kind != kind_of(self.sql):
            raise ValueError(f"kind must be {kind_of(self.sql)!r}, as the sql is, got {self.kind!r}")


def load_reference_questions(path: Path | str = REFERENCE_FILE) -> list[ReferenceQuestion]:
    """Returns the questions of a file of JSON lines, in its order.

    Args:
        path: by default the file that comes with the package.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line is no such question; the message names the file and the line, counted from 1.
    """
    path = Path(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    return [_parse_line(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)]


@cache
def _reserved() -> frozenset[tuple[str, ...]]:
    return frozenset(lower_words(one.question) for one in load_reference_questions())


def is_reference_question(question: str) -> bool:
    """Whether the reference set has this question too, whatever its case and punctuation: not to be trained on."""
    return lower_words(question) in _reserved()


def _parse_line(line: str, place: str) -> ReferenceQuestion:
    try:
        record = json.loads(line)
        _check_keys(record)
        return ReferenceQuestion(**record)
    except ValueError as error:
        raise ValueError(f"{place}: {error}. Correct this line.") from error


def _check_keys(record: Any) -> None:
    expected = [field.name for field in fields(ReferenceQuestion)]
    if not isinstance(record, dict) or set(record) != set(expected):
        given = ", ".join(sorted(record)) if isinstance(record, dict) else repr(record)
        raise ValueError(f"expected a JSON object with the keys {', '.join(expected)}, got {given}")
