"""SQL of a model can read offered tables, and do nothing else."""

import hashlib
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest

from text_to_sql.errors import (
    DatabaseFileError,
    QueryFailedError,
    QueryTimeoutError,
    TextToSQLError,
    UnsafeSQLError,
)
from text_to_sql.execution import read_only_database
from text_to_sql.execution.read_only_database import ReadOnlyDatabase
from text_to_sql.schema import SchemaWarning

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            """
            CREATE TABLE books (title TEXT, price REAL);
            INSERT INTO books VALUES ('A', 3.5), ('B', 7), ('C', NULL);
            CREATE TABLE secrets (word TEXT);
            INSERT INTO secrets VALUES ('hush');
            CREATE VIEW hints AS SELECT LENGTH(word) AS letters FROM secrets;
            """
        )
    return path


@pytest.fixture
def database(path: Path) -> Iterator[ReadOnlyDatabase]:
    with ReadOnlyDatabase(path, ["books", "hints"], timeout_s=0.3, max_rows=1000) as database:
        yield database


def test_a_query_gives_columns_and_rows(database: ReadOnlyDatabase) -> None:
    result = database.execute("SELECT title, price AS cost FROM books ORDER BY title")
    assert result.columns == ("title", "cost")
    assert result.rows == (("A", 3.5), ("B", 7.0), ("C", None))
    assert not result.truncated


def test_rows_above_the_limit_are_left_out_and_said(path: Path) -> None:
    with ReadOnlyDatabase(path, max_rows=2) as database:
        result = database.execute("SELECT title FROM books ORDER BY title")
        assert (len(result.rows), result.truncated) == (2, True)
        assert not database.execute("SELECT title FROM books LIMIT 2").truncated


def test_all_of_the_users_tables_are_offered_by_default(path: Path) -> None:
    with ReadOnlyDatabase(path) as database:
        assert database.execute("SELECT word FROM secrets").rows == (("hush",),)


def test_an_offered_view_may_read_what_it_is_made_of(database: ReadOnlyDatabase) -> None:
    assert database.execute("SELECT letters FROM hints").rows == ((4,),)


def test_a_query_that_never_ends_is_stopped(database: ReadOnlyDatabase) -> None:
    start = time.monotonic()
    with pytest.raises(QueryTimeoutError, match=r"The query was stopped after 0\.3 s, its time limit"):
        database.execute(ENDLESS)
    assert time.monotonic() - start < 3


@pytest.mark.parametrize("sql", ["SELECT nam FROM books", 'SELECT "nam" FROM books'])
def test_a_column_that_does_not_exist_is_an_error_also_in_double_quotes(database: ReadOnlyDatabase, sql: str) -> None:
    with pytest.raises(QueryFailedError, match=r"SQLite cannot run this: no such column: \"?nam\"?"):
        database.execute(sql)


HOSTILE = [
    # writes and definitions
    "DELETE FROM books",
    "UPDATE books SET price = 0",
    "INSERT INTO books VALUES ('D', 1)",
    "REPLACE INTO books VALUES ('D', 1)",
    "WITH x AS (SELECT 1) INSERT INTO books SELECT 'D', 1",
    "DROP TABLE books",
    "CREATE TABLE more (a)",
    "CREATE TEMP TABLE more (a)",
    "CREATE TABLE more AS SELECT * FROM books",
    "CREATE VIEW more AS SELECT 1",
    "CREATE INDEX i ON books (title)",
    "CREATE TRIGGER t AFTER INSERT ON books BEGIN DELETE FROM books; END",
    "ALTER TABLE books ADD COLUMN x",
    # several statements
    "SELECT 1; DROP TABLE books",
    "SELECT 1;; DELETE FROM books",
    "; DROP TABLE books",
    "SELECT 1; --\nDROP TABLE books",
    "SELECT 1 /* */; VACUUM",
    # files and settings
    "ATTACH DATABASE 'new.sqlite' AS other",
    "ATTACH DATABASE ':memory:' AS other",
    "DETACH DATABASE main",
    "VACUUM",
    "VACUUM INTO 'new.sqlite'",
    "PRAGMA query_only = OFF",
    "PRAGMA journal_mode = WAL",
    "PRAGMA user_version = 7",
    "PRAGMA writable_schema = ON",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM pragma_table_info('secrets')",
    "SELECT load_extension('x')",
    "SELECT readfile('shop.sqlite')",
    "SELECT writefile('new', 'x')",
    # hidden tables and the catalogue
    "SELECT * FROM secrets",
    "SELECT COUNT(*) FROM secrets",
    "SELECT * FROM main.secrets",
    "SELECT (SELECT word FROM secrets)",
    "SELECT title FROM books UNION SELECT word FROM secrets",
    "SELECT (SELECT COUNT(*) FROM secrets) FROM (WITH secrets AS (SELECT 1) SELECT * FROM secrets)",
    "SELECT (SELECT word FROM secrets) FROM (WITH secrets AS (SELECT 1 AS word) SELECT * FROM secrets)",
    "WITH hints AS (SELECT word FROM secrets) SELECT * FROM hints",
    "SELECT sql FROM sqlite_master",
    "SELECT name FROM sqlite_schema",
    "SELECT * FROM sqlite_temp_master",
    # resources
    ENDLESS,
    "SELECT COUNT(*) FROM books a, books b, books c, books d, books e, books f, books g, "
    "books h, books i, books j, books k, books l, books m, books n, books o, books p, books q, books r",
    "SELECT randomblob(1000000000)",
    "SELECT zeroblob(1000000000)",
    "SELECT printf('%1000000000d', 1)",
    "SELECT hex(randomblob(100))",
    "SELECT '" + "a" * 5000 + "'",
    "SELECT " + "(" * 1500 + "1" + ")" * 1500,
    # transactions, other dialects, prose
    "BEGIN EXCLUSIVE",
    "SAVEPOINT s",
    "COMMIT",
    "EXPLAIN DELETE FROM books",
    "SELECT title INTO more FROM books",
    "SELECT ?",
    "SHOW TABLES",
    "COPY books TO 'x'",
    "I am sorry, I cannot answer that.",
    "",
    "SELECT '\x00'",
]


def state(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def assert_harmless(database: ReadOnlyDatabase, sql: str) -> None:
    before, start = state(database.path.parent), time.monotonic()
    with pytest.raises(TextToSQLError):
        database.execute(sql)
    assert time.monotonic() - start < 3
    assert state(database.path.parent) == before
    assert database.execute("SELECT COUNT(*) FROM books").rows == ((3,),)


@pytest.mark.parametrize("sql", HOSTILE)
def test_hostile_sql_is_refused_without_a_trace(
    database: ReadOnlyDatabase, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    monkeypatch.chdir(database.path.parent)
    assert_harmless(database, sql)


# The authorizer cannot tell a WITH that has a view's name from the view: that is for the parser to refuse.
FOR_THE_PARSER_ALONE = ("WITH hints AS (SELECT word FROM secrets) SELECT * FROM hints",)
SHORT = [sql for sql in HOSTILE if 0 < len(sql) < 1000 and sql not in FOR_THE_PARSER_ALONE]


@pytest.mark.parametrize("sql", SHORT)
def test_the_layers_beneath_refuse_it_too_without_the_parser(
    database: ReadOnlyDatabase, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    monkeypatch.chdir(database.path.parent)
    with patch.object(read_only_database, "check_select"):
        before = state(database.path.parent)
        try:
            rows = database.execute(sql).rows
        except (TextToSQLError, sqlite3.Error, TypeError):
            rows = ()
        assert "hush" not in str(rows)
        assert state(database.path.parent) == before
    assert database.execute("SELECT COUNT(*) FROM books").rows == ((3,),)


@pytest.mark.parametrize(
    ("sql", "rule", "text"),
    [
        ("SELECT load_extension('x')", "function", "the function load_extension is not allowed"),
        ("SELECT randomblob(9)", "function", "the function randomblob is not allowed"),
        ("SELECT * FROM secrets", "table", "there is no table secrets here; there are books, hints"),
    ],
)
def test_a_refusal_names_its_rule(database: ReadOnlyDatabase, sql: str, rule: str, text: str) -> None:
    with pytest.raises(UnsafeSQLError, match=text) as caught:
        database.execute(sql)
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT COUNT(*), AVG(price), MAX(title) FROM books;",
        "SELECT title FROM books WHERE title LIKE 'A%' OR title = 'DROP TABLE; --'",
        'SELECT UPPER(SUBSTR(title, 1, 2)) AS "select" FROM books',
        "SELECT ROUND(price, 1), COALESCE(price, 0) FROM books -- comment",
        "SELECT title, ROW_NUMBER() OVER (ORDER BY price DESC) FROM books",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) SELECT COUNT(*) FROM n",
        "SELECT CASE WHEN price > 5 THEN 'dear' ELSE 'cheap' END FROM books GROUP BY 1 HAVING COUNT(*) > 0",
        "SELECT title FROM books WHERE NOT title IN (SELECT title FROM books WHERE price IS NULL)",
        "SELECT strftime('%Y', '2025-12-31'), DATE('now') > '2000-01-01'",
    ],
)
def test_harmless_sql_passes(database: ReadOnlyDatabase, sql: str) -> None:
    assert database.execute(sql).rows


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "missing.sqlite", r"There is no database file .*missing\.sqlite"),
        (lambda folder: folder, "There is no database file"),
        (
            lambda folder: written(folder / "notes.txt", "no database" * 500),
            "cannot be opened as a SQLite database: file",
        ),
        (lambda folder: written(folder / "empty.sqlite", ""), "The database has no table to ask about"),
    ],
)
def test_a_file_that_cannot_be_asked_is_named(tmp_path: Path, make: Callable[[Path], Path], message: str) -> None:
    with pytest.raises(DatabaseFileError, match=message):
        ReadOnlyDatabase(make(tmp_path))


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_table_that_does_not_exist_cannot_be_offered(path: Path) -> None:
    with pytest.raises(DatabaseFileError, match="The database has no table novels; it has books, secrets, hints"):
        ReadOnlyDatabase(path, ["novels"])


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"timeout_s": 0}, "timeout_s must be above 0, got 0"),
        ({"timeout_s": float("nan")}, "timeout_s must be above 0, got nan"),
        ({"timeout_s": float("inf")}, "timeout_s must be at most 86,400, a day, got inf"),
        ({"max_rows": 0}, "max_rows must be at least 1, got 0"),
        ({"max_bytes": 0}, "max_bytes must be at least 1, got 0"),
    ],
)
def test_limits_out_of_range_are_refused(path: Path, limits: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReadOnlyDatabase(path, **limits)


def test_closing_frees_the_file(path: Path) -> None:
    opened = len(os.listdir("/proc/self/fd"))
    with ReadOnlyDatabase(path) as database:
        database.execute("SELECT 1")
    database.close()
    assert len(os.listdir("/proc/self/fd")) == opened


def test_a_file_that_may_not_be_read_is_named(ordinary_user: Path) -> None:
    path = written(ordinary_user / "private.sqlite", "")
    path.chmod(0)
    message = f"{path} cannot be opened as a SQLite database: unable to open database file. Check that it is one and"
    with pytest.raises(DatabaseFileError, match=re.escape(message)):
        ReadOnlyDatabase(path)


def test_a_folder_that_may_not_be_entered_is_named(ordinary_user: Path) -> None:
    folder = ordinary_user / "private"
    folder.mkdir()
    (folder / "shop.sqlite").touch()
    folder.chmod(0)
    with pytest.raises(DatabaseFileError, match=r"shop\.sqlite"):
        ReadOnlyDatabase(folder / "shop.sqlite")


def test_a_broken_view_can_neither_be_asked_about_nor_does_it_stop_the_rest(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript("CREATE TABLE gone (a); CREATE VIEW ghosts AS SELECT a FROM gone; DROP TABLE gone;")
    with pytest.warns(SchemaWarning, match=r"ghosts is left out.*no such table: main\.gone") as caught:
        database = ReadOnlyDatabase(path)
    assert caught[0].filename == __file__
    with database:
        assert database.execute("SELECT COUNT(*) FROM books").rows == ((3,),)
        with pytest.raises(UnsafeSQLError, match="there is no table ghosts here"):
            database.execute("SELECT * FROM ghosts")


@pytest.fixture
def wal_path(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    return path


def ask(path: Path) -> None:
    with ReadOnlyDatabase(path) as database:
        database.execute("SELECT COUNT(*) FROM books")


def test_reading_a_database_in_wal_mode_leaves_nothing_beside_it(wal_path: Path) -> None:
    before, changed = state(wal_path.parent), wal_path.stat().st_mtime_ns
    assert list(before) == [wal_path.name]
    ask(wal_path)
    with pytest.raises(DatabaseFileError, match="has no table novels"):
        ReadOnlyDatabase(wal_path, ["novels"])
    assert (state(wal_path.parent), wal_path.stat().st_mtime_ns) == (before, changed)


DYING_WRITER = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("INSERT INTO books VALUES ('D', 9)")
os._exit(0)
"""


def write_and_die(path: Path) -> None:
    """Leaves a row that is in the write-ahead log alone."""
    subprocess.run([sys.executable, "-c", DYING_WRITER, str(path)], check=True)


def test_what_lay_beside_a_database_in_wal_mode_stays(wal_path: Path) -> None:
    with closing(sqlite3.connect(f"{wal_path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.execute("SELECT COUNT(*) FROM books")
    before = state(wal_path.parent)
    assert wal_path.with_name("shop.sqlite-wal").stat().st_size == 0
    ask(wal_path)
    assert state(wal_path.parent).keys() == before.keys()


@pytest.mark.parametrize("meanwhile", [False, True])
def test_rows_of_a_writer_that_died_are_read_and_left_where_they_are(wal_path: Path, meanwhile: bool) -> None:
    if not meanwhile:
        write_and_die(wal_path)
    with ReadOnlyDatabase(wal_path) as database:
        if meanwhile:
            write_and_die(wal_path)
        main, log = wal_path.read_bytes(), wal_path.with_name("shop.sqlite-wal").read_bytes()
        assert log
        assert database.execute("SELECT COUNT(*) FROM books").rows == ((4,),)
    assert (wal_path.read_bytes(), wal_path.with_name("shop.sqlite-wal").read_bytes()) == (main, log)


WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for number in sys.stdin:
    connection.execute("INSERT INTO books VALUES ('D', ?)", (int(number),))
    print("written", flush=True)
"""


def test_a_writer_that_comes_meanwhile_is_seen_and_not_disturbed(wal_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(wal_path)]
    with (
        ReadOnlyDatabase(wal_path) as database,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer,
    ):
        for number in (1, 2):
            writer.stdin.write(f"{number}\n")
            writer.stdin.flush()
            assert writer.stdout.readline() == "written\n"
            if number == 1:
                assert database.execute("SELECT COUNT(*) FROM books").rows == ((4,),)
                database.close()
        writer.stdin.close()
    assert list(state(wal_path.parent)) == [wal_path.name]
    with ReadOnlyDatabase(wal_path) as database:
        assert database.execute("SELECT COUNT(*) FROM books").rows == ((5,),)


def test_another_reader_of_a_database_in_wal_mode_is_not_disturbed(wal_path: Path) -> None:
    with closing(sqlite3.connect(f"{wal_path.as_uri()}?mode=ro", uri=True)) as other:
        count = "SELECT COUNT(*) FROM books"
        with ReadOnlyDatabase(wal_path) as database:
            assert other.execute(count).fetchone() == (3,)
            database.execute(count)
        assert other.execute(count).fetchone() == (3,)
