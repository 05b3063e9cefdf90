"""The layers inside the process that runs queries, each with those around it taken away."""

import ast
import json
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from database_files import write_shop

from text_to_sql.errors import QueryFailedError, UnsafeSQLError
from text_to_sql.execution import read_only_database, worker, worker_settings
from text_to_sql.execution.allow_list import ADDRESS_SPACE_BYTES, ALLOWED_FUNCTIONS, ENGINE_LIMITS
from text_to_sql.execution.database_file import read_only_uri
from text_to_sql.execution.read_only_database import ReadOnlyDatabase

MIB = 1 << 20
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
ENDLESS = f"{NUMBERS}SELECT COUNT(*) FROM n"
SORT = f"{NUMBERS}SELECT i, i || '{'a' * 80}' FROM n ORDER BY i % 7"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_shop(tmp_path / "shop.sqlite")


@pytest.fixture
def ungated(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReadOnlyDatabase]:
    """A database without the gate before it."""
    monkeypatch.setattr(read_only_database, "check_select", lambda sql, schema: None)
    with ReadOnlyDatabase(path, ["books", "hints"]) as database:
        yield database


def connection_without_authorizer(path: Path, mode: str) -> sqlite3.Connection:
    guard = worker.Guard(offered=["books"], views=[], hidden=["secrets"], functions=sorted(ALLOWED_FUNCTIONS))
    guard.start(60)
    uri = read_only_uri(path).replace("mode=ro", f"mode={mode}")
    # 0 leaves the memory of this process alone.
    connection = worker.open_database(uri, list(ENGINE_LIMITS.items()), 0, guard)
    connection.set_authorizer(None)
    return connection


def test_the_file_is_opened_read_only(path: Path) -> None:
    with closing(connection_without_authorizer(path, "ro")) as connection:
        connection.execute("PRAGMA query_only = OFF")
        with pytest.raises(sqlite3.OperationalError, match="attempt to write a readonly database"):
            connection.execute("DELETE FROM books")


def test_nothing_is_written_even_if_the_file_could_be(path: Path) -> None:
    with closing(connection_without_authorizer(path, "rw")) as connection:
        with pytest.raises(sqlite3.OperationalError, match="attempt to write a readonly database"):
            connection.execute("DELETE FROM books")
        # What query_only does not forbid.
        with pytest.raises(sqlite3.OperationalError, match="too many attached databases"):
            connection.execute("ATTACH DATABASE ':memory:' AS other")


def test_the_settings_of_the_engine_are_the_defensive_ones(path: Path) -> None:
    with closing(connection_without_authorizer(path, "ro")) as connection:
        found = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("query_only", "trusted_schema", "temp_store")
        }
        assert found == {"query_only": 1, "trusted_schema": 0, "temp_store": 2}
        assert connection.getconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE)
        for switch in ("WRITABLE_SCHEMA", "TRUSTED_SCHEMA", "ENABLE_LOAD_EXTENSION", "DQS_DML", "DQS_DDL"):
            assert not connection.getconfig(getattr(sqlite3, f"SQLITE_DBCONFIG_{switch}")), switch
        assert {limit: connection.getlimit(limit) for limit in ENGINE_LIMITS} == ENGINE_LIMITS


@pytest.mark.parametrize(
    ("sql", "rule", "text"),
    [
        ("SELECT word FROM secrets", "table", "the table secrets is not offered"),
        ("SELECT COUNT(*) FROM secrets", "table", "the table secrets is not offered"),
        ("SELECT title IN secrets FROM books", "table", "the table secrets is not offered"),
        ("SELECT sql FROM sqlite_master", "table", "the table sqlite_master is not offered"),
        ("SELECT COUNT(*) FROM pragma_database_list", "SELECT only", "the statement does more than read"),
        ("WITH books AS (SELECT word FROM secrets) SELECT * FROM books", "table", "the table secrets is not offered"),
        ("SELECT hints.word FROM (SELECT word FROM secrets) AS hints", "table", "the table secrets is not offered"),
        ("SELECT randomblob(9)", "function", "the function randomblob is not allowed"),
        ("PRAGMA query_only = OFF", "SELECT only", "the statement does more than read"),
        ("CREATE TEMP TABLE more (a)", "SELECT only", "the statement does more than read"),
        ("BEGIN", "SELECT only", "the statement does more than read"),
        ("", "SELECT only", "the statement is no query: it returns no columns"),
        ("-- nothing", "SELECT only", "the statement is no query: it returns no columns"),
    ],
)
def test_the_authorizer_refuses_without_the_gate(ungated: ReadOnlyDatabase, sql: str, rule: str, text: str) -> None:
    with pytest.raises(UnsafeSQLError, match=text) as caught:
        ungated.execute(sql)
    assert caught.value.rule == rule


def test_two_statements_are_refused_without_the_gate(ungated: ReadOnlyDatabase) -> None:
    with pytest.raises(QueryFailedError, match="You can only execute one statement at a time"):
        ungated.execute("SELECT 1; SELECT 2")


def test_a_name_that_differs_outside_ascii_is_another_table(path: Path) -> None:
    # "K" is the Kelvin sign, which Python folds to a k, and SQLite does not.
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE boo\u212as (word TEXT)")
    with ReadOnlyDatabase(path, ["books"]) as database:
        for sql in ("SELECT word FROM boo\u212as", "SELECT COUNT(*) FROM boo\u212as"):
            with pytest.raises(UnsafeSQLError, match="there is no table"):
                database.execute(sql)
            with pytest.raises(UnsafeSQLError, match="is not offered"):
                database._run(sql, 10)


def test_the_deadline_inside_the_engine_keeps_the_process(path: Path) -> None:
    with ReadOnlyDatabase(path) as database:
        query = {"sql": ENDLESS, "seconds": 0.1, "max_rows": 1, "max_bytes": 1}
        assert database._worker.ask(query, 60) == ["late"]
        assert database._worker.ask(query | {"sql": "SELECT 1"}, 60) == ["rows", ["1"], [], True]


@pytest.mark.parametrize(("max_bytes", "rows", "truncated"), [(60, 3, False), (59, 2, True), (1, 0, True)])
def test_bytes_above_the_limit_are_left_out_and_said(path: Path, max_bytes: int, rows: int, truncated: bool) -> None:
    with ReadOnlyDatabase(path, max_bytes=max_bytes) as database:
        # Each row: 3 letters of 3 bytes, a BLOB of 3 bytes, a number.
        result = database.execute("SELECT '日本語', x'000102', 1 FROM books")
        assert (len(result.rows), result.truncated) == (rows, truncated)


def test_memory_of_the_engine_is_limited(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_settings, "HEAP_BYTES", 4 * MIB)
    with ReadOnlyDatabase(path, timeout_s=20) as database:
        with pytest.raises(
            QueryFailedError, match=r"The query needs more than 256 MiB of memory\. Ask for fewer or narrow"
        ):
            database.execute(SORT)
        assert database._worker.process_id is None
        assert database.execute("SELECT COUNT(*) FROM books").rows == ((3,),)
        # The engine gives up; the system's limit, which is far higher, is not met.
        assert database._worker.ask({"sql": SORT, "seconds": 20, "max_rows": 1, "max_bytes": 1}, 60) == ["memory"]
        assert most_resident_mib(database) < 64


def most_resident_mib(database: ReadOnlyDatabase) -> int:
    """Returns the most memory that the process has had so far."""
    status = Path(f"/proc/{database._worker.process_id}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def test_memory_of_the_process_is_limited(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_settings, "ADDRESS_SPACE_BYTES", 64 * MIB)
    with ReadOnlyDatabase(path, timeout_s=20) as database:
        with pytest.raises(QueryFailedError, match="memory"):
            database.execute(SORT)
        assert database.execute("SELECT COUNT(*) FROM books").rows == ((3,),)


def test_the_system_limits_the_process(path: Path) -> None:
    with ReadOnlyDatabase(path, timeout_s=3) as database:
        database.execute("SELECT 1")
        limits = {
            kind: resource.prlimit(database._worker.process_id, getattr(resource, f"RLIMIT_{kind}"))
            for kind in ("AS", "FSIZE", "CORE", "NOFILE", "NPROC", "CPU")
        }
        processor_time = limits.pop("CPU")[0]
        # Twice the deadline, and a second for the start.
        assert 7 <= processor_time <= 9
        assert limits == {
            "AS": (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES),
            "NOFILE": (16, 16),
            **dict.fromkeys(("FSIZE", "CORE", "NPROC"), (0, 0)),
        }


LIMITED = """
import importlib.util, os, resource, subprocess, sys, tempfile
worker_file, user = sys.argv[1:]
spec = importlib.util.spec_from_file_location("worker", worker_file)
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)
if user:
    os.setuid(int(user))
resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))
with tempfile.TemporaryFile() as file:
    worker.limit_process(256 << 20)
    worker.limit_processor_time(5)
    try:
        os.write(file.fileno(), b"x")
    except OSError as error:
        print(error.strerror)
    try:
        bytearray(512 << 20)
    except MemoryError:
        print("no memory")
    print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    try:
        if os.fork() == 0:
            os._exit(0)
        os.wait()
        print("forked")
    except BlockingIOError:
        print("not forked")
"""


@pytest.mark.parametrize("user", ["", "65534"])
def test_the_limits_hold_for_root_and_for_others(user: str) -> None:
    is_root = os.geteuid() == 0
    if user and not is_root:
        pytest.skip("only root can become somebody else")
    command = [sys.executable, "-W", "error", "-c", LIMITED, worker.__file__, user]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    fork = "forked" if is_root and not user else "not forked"
    assert (done.stdout.splitlines(), done.stderr) == (["File too large", "no memory", "12", fork], "")


def test_every_value_of_sqlite_survives_the_way_between_the_processes(path: Path) -> None:
    values = (
        None,
        0,
        2**63 - 1,
        -(2**63),
        0.1,
        1e-320,
        1e999,
        -1e999,
        "",
        'a\x00\x1f"\\/é日😀\u2028',
        b"",
        b"\x00\xff{}",
    )
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE everything (value)")
        connection.executemany("INSERT INTO everything VALUES (?)", [(value,) for value in values])
    with ReadOnlyDatabase(path) as database:
        rows = database.execute('SELECT value AS "naïve ""name""" FROM everything')
    assert rows.columns == ('naïve "name"',)
    assert [value for (value,) in rows.rows] == list(values)
    assert [type(value) for (value,) in rows.rows] == [type(value) for value in values]


def test_a_result_as_large_as_the_limit_comes_whole(path: Path) -> None:
    letters = 15 * MIB
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE texts (value)")
        # A control character takes six bytes on the way.
        connection.executemany("INSERT INTO texts VALUES (?)", [("\x01" * 500_000,)] * (letters // 500_000))
    with ReadOnlyDatabase(path, timeout_s=20) as database:
        result = database.execute("SELECT value FROM texts")
        assert (len(result.rows), result.truncated) == (letters // 500_000, False)


def test_the_worker_imports_the_standard_library_alone() -> None:
    tree = ast.parse(Path(worker.__file__).read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in imports if isinstance(node, ast.ImportFrom)}
    assert modules <= sys.stdlib_module_names
    assert "json" in modules


def test_the_worker_gets_none_of_the_owners_variables(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hush")
    monkeypatch.setenv("TZ", "Asia/Seoul")
    with ReadOnlyDatabase(path) as database:
        assert database.execute("SELECT strftime('%H', '2025-01-01 00:00', 'localtime')").rows == (("09",),)
        environment = Path(f"/proc/{database._worker.process_id}/environ").read_text()
    assert "TZ=Asia/Seoul" in environment
    assert "hush" not in environment


def test_a_start_message_of_any_size_arrives(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for number in range(1500):
            connection.execute(f"CREATE TABLE hidden_{number}_{'x' * 100} (a)")
    with ReadOnlyDatabase(path, ["books"]) as database:
        assert len(json.dumps(database._worker._settings)) > 1 << 17
        assert database.execute("SELECT COUNT(*) FROM books").rows == ((3,),)
