"""Variants of a database: other rows, the same keys."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from text_to_sql.errors import DatabaseFileError
from text_to_sql.sample_database import build_sample_database
from text_to_sql.scoring import table_content
from text_to_sql.scoring.table_content import read_content
from text_to_sql.scoring.variants import make_variants

SCRIPT = """
CREATE TABLE firm (code TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, "Home Town" TEXT);
CREATE TABLE staff (
    id INTEGER PRIMARY KEY, firm TEXT NOT NULL REFERENCES firm, boss INTEGER REFERENCES staff (id),
    pay REAL NOT NULL CHECK (pay > 0), bonus REAL CHECK (bonus IS NULL OR bonus < pay), twice REAL AS (pay * 2)
);
CREATE TABLE shift (day TEXT, place INTEGER, lead INTEGER, PRIMARY KEY (day, place)) WITHOUT ROWID;
CREATE TABLE swap (day TEXT, place INTEGER, reason TEXT, FOREIGN KEY (day, place) REFERENCES shift (day, place));
CREATE TABLE log (text TEXT, size INTEGER);
CREATE TABLE loose (firm TEXT REFERENCES firm);
CREATE TABLE span (low INTEGER, high INTEGER, CHECK (low < high));
CREATE INDEX by_pay ON staff (pay);
CREATE VIEW rich AS SELECT * FROM staff WHERE pay > 100;
CREATE VIEW broken AS SELECT * FROM nowhere;
CREATE TRIGGER grow AFTER INSERT ON log BEGIN INSERT INTO log VALUES ('again', 0); END;
CREATE VIRTUAL TABLE words USING fts5 (word);
"""
GOLDS = [
    "SELECT name FROM firm JOIN staff ON staff.firm = firm.code WHERE staff.pay >= 120 AND firm.\"Home Town\" = 'Rome'",
    "SELECT firm, COUNT(*) FROM staff GROUP BY firm HAVING COUNT(*) >= 12",
    "SELECT text FROM log WHERE size > 7 AND text LIKE '%error%'",
    "SELECT id FROM rich ORDER BY id",
    "SELECT absent FROM nowhere",
]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "firm.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SCRIPT)
        towns = ["Rome", "Oslo", "Bonn"]
        firms = [(f"F{index}", f"Firm {index}", towns[index % 3]) for index in range(9)]
        connection.executemany("INSERT INTO firm VALUES (?, ?, ?)", firms)
        staff = [(index, f"F{index % 9}", index // 2 or None, 50 + index, index / 2) for index in range(1, 90)]
        connection.executemany("INSERT INTO staff (id, firm, boss, pay, bonus) VALUES (?, ?, ?, ?, ?)", staff)
        days = [(f"2024-01-{day:02}", place) for day in range(1, 30) for place in range(3)]
        connection.executemany("INSERT INTO shift VALUES (?, ?, 1)", days)
        connection.executemany("INSERT INTO swap VALUES (?, ?, 'ill')", days[::2])
        connection.executemany("INSERT INTO log VALUES (?, ?)", [(f"line {index}", index) for index in range(50)])
        connection.executemany("INSERT INTO span VALUES (?, ?)", [(index, index + 1) for index in range(99)])
        connection.execute("INSERT INTO loose VALUES ('gone')")
    return path


@pytest.fixture
def variants(database: Path, tmp_path: Path) -> Iterator[list[sqlite3.Connection]]:
    connections = [sqlite3.connect(path) for path in make_variants(database, GOLDS, tmp_path, seed=1)]
    yield connections
    for connection in connections:
        connection.close()


def test_keys_references_and_conditions_hold(variants: list[sqlite3.Connection]) -> None:
    for connection in variants:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        broken = {row[0] for row in connection.execute("PRAGMA foreign_key_check")}
        # It refers to nothing in the original too.
        assert broken <= {"loose"}
        assert connection.execute("SELECT COUNT(*) FROM loose").fetchone()[0] >= 1


def test_rows_are_fewer_or_new_but_never_none(variants: list[sqlite3.Connection], database: Path) -> None:
    with closing(sqlite3.connect(database)) as original:
        for table in ("firm", "staff", "shift", "swap", "log", "span"):
            before = original.execute(f"SELECT * FROM {table}").fetchall()
            for connection in variants:
                after = connection.execute(f"SELECT * FROM {table}").fetchall()
                assert after
                assert after != before
                assert len(before) / 2 < len(after) < 2 * len(before) + 30


def test_golds_return_rows_and_literals_have_neighbours(variants: list[sqlite3.Connection]) -> None:
    for connection in variants:
        for gold in GOLDS[:-1]:
            assert connection.execute(gold).fetchone(), gold
    pays = {pay for connection in variants for (pay,) in connection.execute("SELECT pay FROM staff")}
    sizes = {size for connection in variants for (size,) in connection.execute("SELECT size FROM log")}
    assert {119, 120, 121} <= pays
    assert {6, 7, 8} <= sizes
    texts = [
        row
        for connection in variants
        for row in connection.execute("SELECT 1 FROM log WHERE size <= 7 AND text LIKE '%error%'")
    ]
    assert texts


def test_indexes_and_views_are_there(variants: list[sqlite3.Connection]) -> None:
    for connection in variants:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert {"by_pay", "rich", "broken"} <= names
        assert not any(name.startswith("words") for name in names)


def test_rows_of_a_table_without_declared_keys_stand_in_another_order(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (id number, x number)")
        connection.executemany("INSERT INTO t VALUES (?, 1)", [(index,) for index in range(30)])
    for variant in make_variants(path, ["SELECT id FROM t ORDER BY id"], tmp_path, seed=0):
        with closing(sqlite3.connect(variant)) as connection:
            kept = [number for (number,) in connection.execute("SELECT id FROM t") if number < 30]
            assert kept != sorted(kept)
            assert len(kept) == len(set(kept)) > 10


def test_variants_depend_on_seed_database_and_golds_only(database: Path, tmp_path: Path) -> None:
    def content(name: str, golds: list[str], seed: int) -> list[list[Any]]:
        (tmp_path / name).mkdir()
        dumps = []
        for path in make_variants(database, golds, tmp_path / name, seed, count=2):
            with closing(sqlite3.connect(path)) as connection:
                dumps.append(list(connection.iterdump()))
        return dumps

    first = content("a", GOLDS, 1)
    assert content("b", [*GOLDS[::-1], GOLDS[0]], 1) == first
    assert content("c", GOLDS, 2) != first
    assert content("d", GOLDS[1:], 1) != first
    assert first[0] != first[1]


def test_variants_that_are_there_are_not_made_again(database: Path, tmp_path: Path) -> None:
    paths = make_variants(database, GOLDS, tmp_path, seed=1)
    for path in paths:
        path.write_bytes(b"kept")
    assert make_variants(database, GOLDS[::-1], tmp_path, seed=1) == paths
    assert [path.read_bytes() for path in paths] == [b"kept"] * 3
    assert make_variants(database, GOLDS, tmp_path, seed=1, count=0) == []


def test_the_database_itself_stays_as_it_is(database: Path, tmp_path: Path) -> None:
    before, files = database.read_bytes(), sorted(tmp_path.iterdir())
    make_variants(database, GOLDS, tmp_path, seed=1, count=1)
    assert database.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == len(files) + 1


def test_of_a_large_table_a_sample_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_content, "MOST_ROWS", 100)
    path = build_sample_database(tmp_path / "shop.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        tables = {table.name: table for table in read_content(connection).tables}
    assert len(tables["orders"].rows) == 100
    assert len({row[0] for row in tables["orders"].rows}) == 100
    assert tables["order_items"].unique


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_text("no database, and long enough to be read as one " * 9)
    with pytest.raises(DatabaseFileError, match=r"a\.sqlite cannot be read to make variants of it: file is not"):
        make_variants(tmp_path / "a.sqlite", GOLDS, tmp_path, seed=0)
