"""Short texts of the offered tables, as words of a question may name them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from database_files import write_shop

from text_to_sql.execution.read_only_database import ReadOnlyDatabase

SHOP = """
CREATE TABLE "odd ""name" ("a column" VARCHAR(9), b INTEGER, "from" TEXT, day DATE, anything);
INSERT INTO "odd ""name" VALUES
    ('red', 1, 'x', '2025-01-01', 'loose'), ('blue', 2, '', '2025-01-02', 7),
    ('red', 'one', 'it''s', NULL, x'00'), (NULL, 3, 'four', NULL, NULL);
CREATE VIEW words AS SELECT word FROM secrets;
CREATE VIEW endless AS
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
    SELECT CAST(i AS TEXT) AS text FROM n WHERE i < 0;
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = write_shop(tmp_path / "shop.sqlite")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SHOP)
    return path


def test_texts_come_once_by_table_and_column(path: Path) -> None:
    with ReadOnlyDatabase(path, ['odd "name', "books", "words"]) as database:
        assert database.sample_texts() == {
            ("books", "title"): ("A", "B", "C"),
            ('odd "name', "a column"): ("red", "blue"),
            ('odd "name', "from"): ("x", "it's", "four"),
            ('odd "name', "anything"): ("loose",),
            ("words", "word"): ("hush",),
        }


def test_hidden_tables_are_not_read(path: Path) -> None:
    with ReadOnlyDatabase(path, ["books"]) as database:
        assert database.sample_texts() == {("books", "title"): ("A", "B", "C")}


def test_number_and_length_are_limited(path: Path) -> None:
    with ReadOnlyDatabase(path, ['odd "name']) as database:
        assert database.sample_texts(max_values_per_column=1) == {
            ('odd "name', "a column"): ("red",),
            ('odd "name', "from"): ("x",),
            ('odd "name', "anything"): ("loose",),
        }
        assert database.sample_texts(max_length=3) == {
            ('odd "name', "a column"): ("red",),
            ('odd "name', "from"): ("x",),
        }


def test_the_number_may_be_above_that_of_rows(path: Path) -> None:
    with ReadOnlyDatabase(path, ["books"], max_rows=1) as database:
        assert len(database.sample_texts()["books", "title"]) == 3


def test_a_column_that_takes_too_long_is_left_out(path: Path) -> None:
    with ReadOnlyDatabase(path, ["endless", "books"], timeout_s=0.2) as database:
        assert database.sample_texts().keys() == {("books", "title")}


def test_a_column_that_cannot_be_read_is_left_out(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE latin (word TEXT)")
        connection.execute("INSERT INTO latin VALUES (CAST(x'e9' AS TEXT))")
    with ReadOnlyDatabase(path, ["latin", "books"]) as database:
        assert database.sample_texts().keys() == {("books", "title")}


def test_a_virtual_table_is_left_out(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE VIRTUAL TABLE pages USING fts5(body)")
    with ReadOnlyDatabase(path, ["pages", "books"]) as database:
        assert database.sample_texts().keys() == {("books", "title")}


@pytest.mark.parametrize("name", ["max_values_per_column", "max_length"])
def test_limits_below_one_are_refused(path: Path, name: str) -> None:
    with ReadOnlyDatabase(path) as database, pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        database.sample_texts(**{name: 0})
