"""Hostile answers are refused without a trace, harmless ones are answered; also their random mixtures."""

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from benign_sql import BENIGN
from hostile_case import Hostile
from hostile_sql import HOSTILE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from text_to_sql.errors import TextToSQLError
from text_to_sql.execution.read_only_database import QueryResult, ReadOnlyDatabase
from text_to_sql.execution.sql_text import extract_sql

BOOKS = 300
# Above this an answer counts as hung. The query itself may take 0.25 s, and is killed at 0.5 s.
LONGEST_S = 3.0
WORDS = sorted(
    {word for text in (*BENIGN.values(), *(case.text[:300] for case in HOSTILE)) for word in text.split(" ")}
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the database alone, which is the working folder meanwhile."""
    folder = tmp_path_factory.mktemp("shop")
    with closing(sqlite3.connect(folder / "shop.sqlite")) as connection, connection:
        connection.executescript(
            """
            CREATE TABLE books (title TEXT, price REAL);
            CREATE TABLE secrets (word TEXT);
            INSERT INTO secrets VALUES ('hush');
            CREATE VIEW hints AS SELECT LENGTH(word) AS letters FROM secrets;
            """
        )
        connection.executemany("INSERT INTO books VALUES (?, ?)", [(f"Book {n}", n / 4) for n in range(BOOKS)])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def database(folder: Path) -> Iterator[ReadOnlyDatabase]:
    with ReadOnlyDatabase(folder / "shop.sqlite", ["books", "hints"], timeout_s=0.25) as database:
        yield database


def run(database: ReadOnlyDatabase, text: str) -> QueryResult:
    """Does with a model's answer what TextToSQL does."""
    return database.execute(extract_sql(text))


def traces(database: ReadOnlyDatabase) -> object:
    """Returns all that an answer could have changed: files beside the database and where it runs, and processes."""
    digest = hashlib.sha256(database.path.read_bytes()).hexdigest()
    others = child_processes() - {database._worker.process_id}
    return digest, os.listdir(database.path.parent), os.listdir(), sorted(os.listdir("/")), others


def child_processes() -> set[int]:
    """Returns the ids of all processes that this one started and that still run or wait to be collected."""
    tasks = Path("/proc/self/task").iterdir()
    return {int(child) for task in tasks for child in (task / "children").read_text().split()}


def assert_intact(database: ReadOnlyDatabase) -> None:
    assert database.execute("SELECT COUNT(*) FROM books").rows == ((BOOKS,),)
    assert database._worker.process_id in child_processes()


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: f"{case.kind}: {case.name}")
def test_a_hostile_answer_is_refused_without_a_trace(database: ReadOnlyDatabase, case: Hostile) -> None:
    before, start = traces(database), time.monotonic()
    with pytest.raises(case.errors) as caught:
        run(database, case.text)
    assert time.monotonic() - start < LONGEST_S
    assert getattr(caught.value, "rule", "") == case.rule
    assert "hush" not in str(caught.value)
    assert traces(database) == before
    assert_intact(database)


@pytest.mark.parametrize("text", BENIGN.values(), ids=BENIGN.keys())
def test_a_harmless_answer_is_answered_as_sqlite_alone_answers_it(database: ReadOnlyDatabase, text: str) -> None:
    with closing(sqlite3.connect(database.path)) as connection:
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DQS_DML, False)
        cursor = connection.execute(extract_sql(text))
        expected = tuple(name for name, *_ in cursor.description), tuple(cursor)
    result = run(database, text)
    assert result.rows
    if "CURRENT_" not in text:
        assert (result.columns, result.rows) == expected


def test_the_cases_are_many_and_none_is_twice() -> None:
    names = [(case.kind, case.name) for case in HOSTILE]
    assert len(names) == len(set(names)) >= 80
    assert len({case.text for case in HOSTILE}) == len(HOSTILE)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    start=st.sampled_from([*BENIGN.values(), *(case.text for case in HOSTILE if case.kind != "resources")]),
    splices=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3), st.lists(st.sampled_from(WORDS), max_size=3))),
)
def test_mixtures_of_answers_raise_nothing_unexpected_and_change_nothing(
    database: ReadOnlyDatabase, start: str, splices: list[tuple[int, int, list[str]]]
) -> None:
    words = start.split(" ")
    for place, removed, added in splices:
        words[place : place + removed] = added
    before = traces(database)
    rows: tuple[object, ...] = ()
    with suppress(TextToSQLError):
        rows = run(database, " ".join(words)).rows
    assert "hush" not in str(rows)
    assert traces(database) == before
    assert_intact(database)
