"""No hostile statement gets through or leaves a trace, alone or mutated; tricky harmless ones pass."""

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import psutil
import pytest
from hostile_sql import ALL_HOSTILE, BENIGN, HOSTILE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from text_to_sql.errors import TextToSQLError
from text_to_sql.execution import read_only_database
from text_to_sql.execution.read_only_database import ReadOnlyDatabase
from text_to_sql.execution.sql_text import extract_sql

# The authorizer cannot tell a WITH that has a view's name from the view, or one name of a letter from another: these
# are for the parser to refuse.
FOR_THE_PARSER_ALONE = {"WITH hints AS (SELECT word FROM secrets) SELECT * FROM hints"}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadOnlyDatabase]:
    folder = tmp_path_factory.mktemp("hostile")
    with closing(sqlite3.connect(folder / "shop.sqlite")) as connection, connection:
        connection.executescript(
            """
            CREATE TABLE books (title TEXT, price REAL);
            INSERT INTO books VALUES ('A', 3.5), ('B', 7), ('C', NULL);
            CREATE TABLE secrets (word TEXT);
            INSERT INTO secrets VALUES ('hush');
            CREATE VIEW hints AS SELECT LENGTH(word) AS letters FROM secrets;
            """
        )
    with ReadOnlyDatabase(folder / "shop.sqlite", ["books", "hints"], timeout_s=0.3, max_rows=1000) as database:
        yield database


@pytest.fixture(autouse=True)
def _in_its_folder(database: ReadOnlyDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(database.path.parent)


def state(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def assert_no_trace(database: ReadOnlyDatabase, before: dict[str, str]) -> None:
    assert state(database.path.parent) == before
    assert database.execute("SELECT COUNT(*) FROM books").rows == ((3,),)
    # The worker, and nothing that it has started.
    assert len(children()) == 1


def test_the_set_is_large_and_without_repetitions() -> None:
    assert len(ALL_HOSTILE) == len(set(ALL_HOSTILE)) >= 110
    assert min(map(len, HOSTILE.values())) >= 10
    assert len(set(BENIGN)) >= 20


@pytest.mark.parametrize("sql", ALL_HOSTILE)
def test_hostile_sql_is_refused_without_a_trace(database: ReadOnlyDatabase, sql: str) -> None:
    before, start = state(database.path.parent), time.monotonic()
    with pytest.raises(TextToSQLError):
        database.execute(extract_sql(sql))
    # A bound of the contract, eight times what is seen.
    assert time.monotonic() - start < 3
    assert_no_trace(database, before)


@pytest.mark.parametrize("sql", [sql for sql in ALL_HOSTILE if sql.strip() and sql not in FOR_THE_PARSER_ALONE])
def test_the_worker_holds_without_the_parser(database: ReadOnlyDatabase, sql: str) -> None:
    before, start = state(database.path.parent), time.monotonic()
    with patch.object(read_only_database, "check_select"):
        try:
            rows = database.execute(sql).rows
        except TextToSQLError:
            rows = ()
    assert "hush" not in str(rows)
    assert time.monotonic() - start < 3
    assert_no_trace(database, before)


@pytest.mark.parametrize("sql", BENIGN)
def test_harmless_sql_passes(database: ReadOnlyDatabase, sql: str) -> None:
    assert database.execute(extract_sql(sql)).rows


_PIECES = st.sampled_from([piece for sql in (*ALL_HOSTILE, *BENIGN) if len(sql) < 300 for piece in sql.split()])


@given(
    base=st.sampled_from([sql for sql in (*ALL_HOSTILE, *BENIGN) if len(sql) < 300]),
    changes=st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["cut", "put", "swap"]), _PIECES), max_size=5),
)
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_statements_give_rows_or_an_error_of_this_package_and_change_nothing(
    database: ReadOnlyDatabase, base: str, changes: list[tuple[int, str, str]]
) -> None:
    words = base.split()
    for place, change, piece in changes:
        index = place % (len(words) + 1)
        words[index : index + (change != "put")] = [] if change == "cut" else [piece]
    before = state(database.path.parent)
    try:
        rows = database.execute(" ".join(words)).rows
    except TextToSQLError:
        rows = ()
    assert "hush" not in str(rows)
    assert state(database.path.parent) == before
    assert database.execute("SELECT COUNT(*) FROM books").rows == ((3,),)


def test_nothing_is_left_after_closing(database: ReadOnlyDatabase) -> None:
    before = children()
    with ReadOnlyDatabase(database.path) as other:
        other.execute("SELECT 1")
        assert len(children() - before) == 1
    assert children() == before
