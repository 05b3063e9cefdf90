"""The worker is reused, killed where it must be, and never left behind."""

import gc
import math
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from text_to_sql.errors import DatabaseFileError, QueryFailedError, QueryTimeoutError
from text_to_sql.execution.read_only_database import ReadOnlyDatabase

ONE = ((1,),)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE books (title TEXT, price REAL, cover BLOB)")
        connection.execute("INSERT INTO books VALUES ('A', 9e999, X'00FF'), ('\u00e9\n\u2028', -9e999, NULL)")
    return path


@pytest.fixture
def database(path: Path) -> Iterator[ReadOnlyDatabase]:
    with ReadOnlyDatabase(path, timeout_s=0.3) as database:
        yield database


def worker() -> psutil.Process:
    [process] = psutil.Process().children()
    return process


def test_values_of_every_type_come_as_they_are(database: ReadOnlyDatabase) -> None:
    rows = database.execute("SELECT title, price, cover, 9223372036854775807, 0.1 FROM books").rows
    assert rows == (
        ("A", math.inf, b"\x00\xff", 2**63 - 1, 0.1),
        ("\u00e9\n\u2028", -math.inf, None, 2**63 - 1, 0.1),
    )


def test_one_worker_serves_all_queries(database: ReadOnlyDatabase) -> None:
    database.execute("SELECT 1")
    first = worker().pid
    with pytest.raises(QueryFailedError):
        database.execute("SELECT x FROM books")
    assert database.execute("SELECT 1").rows == ONE
    assert worker().pid == first


def test_a_worker_that_does_not_answer_is_killed_and_the_next_query_gets_another(database: ReadOnlyDatabase) -> None:
    database.execute("SELECT 1")
    stuck = worker()
    # As if it were inside one long call, where no progress handler runs.
    stuck.send_signal(signal.SIGSTOP)
    with pytest.raises(QueryTimeoutError, match=r"The query was stopped after 0\.3 s, its time limit\."):
        database.execute("SELECT 1")
    assert not stuck.is_running()
    assert database.execute("SELECT 1").rows == ONE


def test_a_worker_that_was_killed_between_queries_is_replaced(database: ReadOnlyDatabase) -> None:
    database.execute("SELECT 1")
    worker().kill()
    psutil.wait_procs(psutil.Process().children(), timeout=3)
    assert database.execute("SELECT 1").rows == ONE


def test_a_worker_that_dies_meanwhile_is_an_error_of_the_query(database: ReadOnlyDatabase) -> None:
    database.execute("SELECT 1")
    stopped = worker()
    stopped.send_signal(signal.SIGSTOP)
    killer = threading.Timer(0.1, stopped.kill)
    killer.start()
    with pytest.raises(QueryFailedError, match=r"The process that ran this was ended \(it ended without an answer\): "):
        database.execute("SELECT 1")
    killer.join()
    assert database.execute("SELECT 1").rows == ONE


def test_memory_is_limited_and_the_next_query_works(path: Path) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000000) SELECT"
    with ReadOnlyDatabase(path, timeout_s=20) as database:
        with pytest.raises(QueryFailedError, match="out of memory"):
            database.execute(f"{numbers} title || i FROM n, books ORDER BY 1 LIMIT 1 OFFSET 8000000")
        assert worker().memory_info().rss < 512 * 1024**2
        assert database.execute("SELECT 1").rows == ONE


def test_bytes_of_a_result_are_limited_and_it_is_said(path: Path) -> None:
    numbers = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999) "
        "SELECT 'twenty characters ok' FROM n"
    )
    with ReadOnlyDatabase(path, max_bytes=2_800) as database:
        result = database.execute(numbers)
        assert (len(result.rows), result.truncated) == (100, True)
    with ReadOnlyDatabase(path) as database:
        assert not database.execute(numbers).truncated
    with pytest.raises(ValueError, match="max_bytes must be at least 1, got 0"):
        ReadOnlyDatabase(path, max_bytes=0)


def test_the_kernel_holds_the_worker(database: ReadOnlyDatabase) -> None:
    database.execute("SELECT 1")
    limits = dict(line.split("  ", 1) for line in Path(f"/proc/{worker().pid}/limits").read_text().splitlines()[1:])
    soft = {name: value.split()[0] for name, value in limits.items()}
    assert soft["Max file size"] == soft["Max core file size"] == soft["Max processes"] == "0"
    assert soft["Max address space"] == str(512 * 1024**2)
    assert int(soft["Max open files"]) == 32
    assert int(soft["Max cpu time"]) <= 4


def test_threads_ask_in_turn(database: ReadOnlyDatabase) -> None:
    results: dict[int, object] = {}

    def ask(number: int) -> None:
        for _ in range(20):
            results[number] = database.execute(f"SELECT {number}").rows

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: ((number,),) for number in range(4)}


def test_closing_ends_the_worker_and_a_query_after_it_starts_another(database: ReadOnlyDatabase) -> None:
    database.execute("SELECT 1")
    database.close()
    assert psutil.Process().children() == []
    database.close()
    assert database.execute("SELECT 1").rows == ONE


def test_a_database_that_is_dropped_takes_its_worker_along(path: Path) -> None:
    database = ReadOnlyDatabase(path)
    database.execute("SELECT 1")
    del database
    gc.collect()
    assert psutil.Process().children() == []


KILLED = """
import os, sys
from text_to_sql.execution.read_only_database import ReadOnlyDatabase
database = ReadOnlyDatabase(sys.argv[1])
database.execute("SELECT 1")
import psutil
print(psutil.Process().children()[0].pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_worker_ends_with_an_owner_that_was_killed(path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, text=True, check=False)
    assert run.returncode == -signal.SIGKILL
    pid = int(run.stdout)
    _, alive = psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=5)
    assert not alive


FORKED = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from text_to_sql.execution.read_only_database import ReadOnlyDatabase
with ReadOnlyDatabase(sys.argv[1]) as database:
    database.execute("SELECT 1")
    if os.fork() == 0:
        print(database.execute("SELECT 2").rows, flush=True)
        database.close()
        os._exit(0)
    os.wait()
    print(database.execute("SELECT 3").rows)
"""


def test_a_forked_process_gets_a_worker_of_its_own(path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", FORKED, str(path)], capture_output=True, text=True, check=True)
    assert run.stdout == "((2,),)\n((3,),)\n"


def test_a_file_that_vanished_is_an_error(path: Path) -> None:
    with ReadOnlyDatabase(path) as database:
        path.unlink()
        with pytest.raises(QueryFailedError, match="unable to open database file"):
            database.execute("SELECT 1")
    with pytest.raises(DatabaseFileError, match="There is no database file"):
        ReadOnlyDatabase(path)


def test_short_texts_are_sampled_and_nothing_else(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO books VALUES ('A', 1, NULL), (?, 1, NULL), (X'01', 1, NULL)", ("x" * 61,))
    with ReadOnlyDatabase(path, max_rows=1) as database:
        assert database.sample_texts() == {("books", "title"): ("A", "\u00e9\n\u2028"), ("books", "cover"): ()}
        assert database.sample_texts(1)["books", "title"] == ("A",)
