"""The process that runs queries: it starts when needed, is replaced when it dies, and nothing is left of it."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from database_files import LONG_CALL, write_shop

from text_to_sql.errors import QueryFailedError, QueryProcessError, QueryTimeoutError
from text_to_sql.execution.read_only_database import ReadOnlyDatabase
from text_to_sql.execution.worker_process import WorkerDiedError, WorkerProcess

COUNT = "SELECT COUNT(*) FROM books"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_shop(tmp_path / "shop.sqlite")


@pytest.fixture
def database(path: Path) -> Iterator[ReadOnlyDatabase]:
    with ReadOnlyDatabase(path, timeout_s=0.3) as database:
        yield database


def is_alive(process_id: int) -> bool:
    """Returns whether a process exists that has not ended."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for_end(process_id: int) -> None:
    limit = time.monotonic() + 20
    while is_alive(process_id):
        assert time.monotonic() < limit, f"process {process_id} is still there"
        time.sleep(0.01)


def test_one_process_answers_many_queries(database: ReadOnlyDatabase) -> None:
    assert database._worker.process_id is None
    database.execute(COUNT)
    process_id = database._worker.process_id
    database.execute(COUNT)
    assert database._worker.process_id == process_id != os.getpid()


def test_a_query_that_never_looks_at_the_clock_is_killed_and_the_next_gets_a_new_process(
    database: ReadOnlyDatabase,
) -> None:
    database.execute(COUNT)
    process_id, start = database._worker.process_id, time.monotonic()
    with pytest.raises(QueryTimeoutError, match=r"stopped after 0\.3 s, its time limit"):
        database.execute(LONG_CALL)
    assert time.monotonic() - start < 3
    assert not is_alive(process_id)
    assert database.execute(COUNT).rows == ((3,),)
    assert database._worker.process_id != process_id


def test_a_process_that_died_meanwhile_is_replaced(database: ReadOnlyDatabase) -> None:
    database.execute(COUNT)
    process_id = database._worker.process_id
    os.kill(process_id, signal.SIGKILL)
    wait_for_end(process_id)
    assert database.execute(COUNT).rows == ((3,),)


def test_a_process_that_dies_during_a_query_is_said(path: Path) -> None:
    with ReadOnlyDatabase(path, timeout_s=20) as database:
        database.execute(COUNT)
        killer = threading.Timer(0.3, os.kill, (database._worker.process_id, signal.SIGKILL))
        killer.start()
        with pytest.raises(QueryFailedError, match="ended before the answer, perhaps for want of memory"):
            database.execute(LONG_CALL)
        killer.join()
        assert database.execute(COUNT).rows == ((3,),)


@pytest.mark.parametrize("leave", [ReadOnlyDatabase.close, lambda database: None])
def test_no_process_is_left_after_close_or_when_nobody_holds_the_database(path: Path, leave: object) -> None:
    database = ReadOnlyDatabase(path)
    database.execute(COUNT)
    process_id = database._worker.process_id
    leave(database)
    del database
    assert not Path(f"/proc/{process_id}").exists()


def test_a_closed_database_says_so(path: Path) -> None:
    database = ReadOnlyDatabase(path)
    database.close()
    for ask in (lambda: database.execute(COUNT), database.sample_texts):
        with pytest.raises(QueryProcessError, match=r"This database is closed\. Open it again with ReadOnlyDatabase"):
            ask()
    assert database._worker.process_id is None


def test_a_killed_reader_of_a_database_in_wal_mode_leaves_nothing_beside_it(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    before = path.read_bytes()
    with ReadOnlyDatabase(path, timeout_s=0.2) as database:
        with pytest.raises(QueryTimeoutError):
            database.execute(f"{LONG_CALL} UNION ALL {COUNT}")
        assert database.execute(COUNT).rows == ((3,),)
    assert (path.read_bytes(), os.listdir(path.parent)) == (before, [path.name])


def test_a_question_that_waits_while_the_database_closes_starts_no_process(path: Path) -> None:
    with ReadOnlyDatabase(path, timeout_s=0.5) as database, ThreadPoolExecutor(3) as pool:
        database.execute(COUNT)
        long = pool.submit(database.execute, LONG_CALL)
        time.sleep(0.2)
        closed, waiting = pool.submit(database.close), pool.submit(database.execute, COUNT)
        assert isinstance(long.exception(), QueryTimeoutError)
        closed.result()
        assert isinstance(waiting.exception(), QueryProcessError | None)
        assert database._worker.process_id is None


def test_an_interrupted_query_does_not_answer_the_next_one(path: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        with ReadOnlyDatabase(path, timeout_s=20) as database:
            database.execute(COUNT)
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(KeyboardInterrupt):
                database.execute(LONG_CALL)
            assert database.execute(COUNT).rows == ((3,),)
    finally:
        signal.signal(signal.SIGALRM, previous)


def test_threads_may_share_a_database(path: Path) -> None:
    with ReadOnlyDatabase(path) as database, ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda number: database.execute(f"SELECT {number}").rows, range(200))
        assert list(answers) == [((number,),) for number in range(200)]


def test_an_interpreter_that_is_missing_is_said(database: ReadOnlyDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/missing/python")
    with pytest.raises(QueryProcessError, match=r"cannot be started: .*No such file.*/missing/python"):
        database.execute(COUNT)


def test_an_interpreter_that_does_not_answer_is_said(
    database: ReadOnlyDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(QueryProcessError, match="was started, but does not answer"):
        database.execute(COUNT)


def test_a_file_that_vanished_is_said(database: ReadOnlyDatabase, path: Path) -> None:
    path.unlink()
    with pytest.raises(QueryProcessError, match="cannot open the database: unable to open database file"):
        database.execute(COUNT)


def test_a_process_that_replies_nonsense_is_ended(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    too_long = b'["ready"]'.ljust(101)
    for reply in (too_long, b"x", b"{}", b"[]", b'{"a": 1}', b"[" * 99):
        script = tmp_path / "worker.py"
        script.write_text(f"import os\nos.write(1, {len(reply).to_bytes(8, 'big') + reply!r})\nos.read(0, 1)\n")
        monkeypatch.setattr("text_to_sql.execution.worker_process._WORKER_FILE", script)
        with pytest.raises(QueryProcessError, match="does not answer"):
            WorkerProcess({}, 100).ask({}, 1)


def test_processor_time_is_limited_even_if_nobody_waits(database: ReadOnlyDatabase) -> None:
    query = {"sql": LONG_CALL, "seconds": 0.1, "max_rows": 1, "max_bytes": 1}
    start = time.monotonic()
    with pytest.raises(WorkerDiedError):
        database._worker.ask(query, 60)
    assert time.monotonic() - start < 30


def test_the_limit_on_processor_time_is_per_query(path: Path) -> None:
    with ReadOnlyDatabase(path, timeout_s=0.3) as database:
        database.execute(COUNT)
        process_id = database._worker.process_id
        for _ in range(8):
            with pytest.raises(QueryTimeoutError):
                database.execute(
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
                )
        assert database._worker.process_id == process_id


OWNER = """
import os, sys, time
from text_to_sql.execution.read_only_database import ReadOnlyDatabase
database = ReadOnlyDatabase(sys.argv[1])
database.execute("SELECT 1")
print(database._worker.process_id, flush=True)
"""
FORKED = """
child = os.fork()
if child == 0:
    own = database.execute("SELECT COUNT(*) FROM books").rows, database._worker.process_id
    print(*own, flush=True)
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
print(database.execute("SELECT COUNT(*) FROM books").rows, database._worker.process_id, flush=True)
"""
FORKED_DURING_A_QUERY = """
import signal, threading, warnings
warnings.simplefilter("ignore")
endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n WHERE i < 0"
def ask():
    try:
        database.execute(endless)
    except Exception as error:
        print(type(error).__name__, flush=True)
thread = threading.Thread(target=ask)
thread.start()
time.sleep(0.3)
child = os.fork()
if child == 0:
    signal.alarm(20)
    print(database.execute("SELECT COUNT(*) FROM books").rows, flush=True)
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
thread.join()
"""
KILLED_WITH_HEIR = """
# Another process that holds the pipes; a fork that Python does not see.
import ctypes
if ctypes.CDLL(None).fork() == 0:
    print(os.getpid(), flush=True)
    time.sleep(60)
    os._exit(0)
time.sleep(0.1)
os.kill(os.getpid(), 9)
"""
STDIN_CLOSED = """
database.close()
os.close(0)
with ReadOnlyDatabase(sys.argv[1]) as database:
    print(database.execute("SELECT COUNT(*) FROM books").rows, flush=True)
"""


def run_script(script: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Runs a script that owns a database; its first line is the id of the process that answers."""
    command = [sys.executable, "-W", "error", "-c", OWNER + script, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_script_that_forgets_to_close_leaves_no_process_and_no_complaint(path: Path) -> None:
    done = run_script("", path)
    assert (done.returncode, done.stderr) == (0, "")
    wait_for_end(int(done.stdout))


def test_a_forked_process_gets_a_worker_of_its_own(path: Path) -> None:
    done = run_script(FORKED, path)
    assert done.stderr == ""
    first, forked, still = done.stdout.splitlines()
    assert still == f"((3,),) {first}"
    assert forked.startswith("((3,),) ")
    assert forked != still
    for line in (first, forked):
        wait_for_end(int(line.split()[-1]))


def test_a_process_forked_during_a_query_does_not_wait_for_it(path: Path) -> None:
    done = run_script(FORKED_DURING_A_QUERY, path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == ["((3,),)", "QueryTimeoutError"]


def test_the_worker_ends_with_an_owner_that_is_killed(path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER + KILLED_WITH_HEIR, str(path)], stdout=subprocess.PIPE, text=True
    )
    with process:
        worker, heir = (int(process.stdout.readline()) for _ in range(2))
        process.wait()
        try:
            wait_for_end(worker)
        finally:
            os.kill(heir, signal.SIGKILL)


def test_standard_input_may_be_closed(path: Path) -> None:
    done = run_script(STDIN_CLOSED, path)
    assert (done.stdout.splitlines()[1], done.stderr) == ("((3,),)", "")
