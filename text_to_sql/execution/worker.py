"""The process in which SQL of a model runs: it can only read, is small, and may be killed at any time.

`WorkerProcess` starts this file by its path, in isolated mode, so it imports the standard library alone. It talks in
frames on standard input and output: four bytes of length, then JSON. The first frame is the configuration, each later
one a query. Layers, none trusted alone:

1. The file is opened read-only, with SQLite's defensive settings and size limits.
2. An authorizer allows reading offered tables and listed functions, nothing else.
3. A deadline stops what runs too long, row and byte limits what returns too much.
4. The kernel limits memory, processor time, files and processes.
"""

import base64
import json
import resource
import signal
import sqlite3
import struct
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

_LENGTH = struct.Struct(">I")
# SQLite instructions between two looks at the clock: some 10 microseconds.
_STEPS_BETWEEN_CHECKS = 1_000
_ROWS_AT_A_TIME = 256
_MOST_OPEN_FILES = 32
# A query may use the processor for its time limit twice over before the kernel ends this process.
_PROCESSOR_FACTOR = 2


def read_frame(stream: BinaryIO) -> Any | None:
    """Returns the next message; None at the end of the stream."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    return json.loads(stream.read(_LENGTH.unpack(head)[0]), object_hook=_decoded)


def write_frame(stream: BinaryIO, message: Any) -> None:
    """Writes one message."""
    body = json.dumps(message, default=_encoded).encode("utf-8", "surrogatepass")
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def _encoded(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    raise TypeError(f"{type(value).__name__} cannot be sent")


def _decoded(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["base64"]) if set(value) == {"base64"} else value


class Worker:
    """A connection that can only read, and its limits.

    Args:
        configuration: what `WorkerProcess` was started with.
    """

    def __init__(self, configuration: dict[str, Any]) -> None:
        self._timeout_s = configuration["timeout_s"]
        self._max_bytes = configuration["max_bytes"]
        self._offered, self._hidden = set(configuration["offered"]), set(configuration["hidden"])
        self._functions = set(configuration["functions"])
        self._deadline = 0.0
        self._denial: tuple[str, str] | None = None
        self._connection = sqlite3.connect(f"{configuration['uri']}?mode=ro", uri=True, isolation_level=None)
        # In WAL mode the first read makes files beside the database, which `limit_process` would forbid.
        self._connection.execute("SELECT name FROM sqlite_master").fetchone()
        self._protect(configuration["limits"], configuration["memory_bytes"])

    def _protect(self, limits: dict[str, int], memory_bytes: int) -> None:
        """Closes everything but reading; pragmas come before the authorizer, which forbids them."""
        connection = self._connection
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA hard_heap_limit = {memory_bytes // 2}")
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_TRUSTED_SCHEMA, False)
        # A misspelt column in double quotes is an error, not a text.
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DQS_DML, False)
        for limit, value in limits.items():
            connection.setlimit(int(limit), value)
        connection.set_authorizer(self._authorize)
        connection.set_progress_handler(lambda: time.monotonic() > self._deadline, _STEPS_BETWEEN_CHECKS)

    def answer(self, sql: str, max_rows: int) -> dict[str, Any]:
        """Runs one query; returns its rows, or why there are none."""
        self._denial = None
        self._deadline = time.monotonic() + self._timeout_s
        limit_processor_time(_PROCESSOR_FACTOR * self._timeout_s)
        try:
            with closing(self._connection.execute(sql)) as cursor:
                if cursor.description is None:
                    return {"denied": ["SELECT only", "the statement returns no rows."]}
                columns = [name for name, *_ in cursor.description]
                rows, truncated = self._fetch(cursor, max_rows)
        except sqlite3.Error as error:
            return self._explained(error)
        except MemoryError:
            return {"failed": "out of memory"}
        return {"columns": columns, "rows": rows, "truncated": truncated}

    def _fetch(self, cursor: sqlite3.Cursor, max_rows: int) -> tuple[list[tuple[Any, ...]], bool]:
        rows: list[tuple[Any, ...]] = []
        left = self._max_bytes
        while more := cursor.fetchmany(_ROWS_AT_A_TIME):
            for row in more:
                left -= sum(len(cell) for cell in row if isinstance(cell, str | bytes)) + 8 * len(row)
                if len(rows) == max_rows or left < 0:
                    return rows, True
                rows.append(row)
        return rows, False

    def _explained(self, error: sqlite3.Error) -> dict[str, Any]:
        if self._denial:
            return {"denied": list(self._denial)}
        if "interrupted" in str(error):
            return {"timeout": True}
        return {"failed": str(error)}

    def _authorize(
        self, action: int, first: str | None, second: str | None, database: str | None, view: str | None
    ) -> int:
        denial = self._why_denied(action, first or "", second or "", view or "")
        if denial is None:
            return sqlite3.SQLITE_OK
        self._denial = denial
        return sqlite3.SQLITE_DENY

    def _why_denied(self, action: int, first: str, second: str, view: str) -> tuple[str, str] | None:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return None
        if action == sqlite3.SQLITE_READ:
            return None if self._may_read(first.lower(), second, view.lower()) else _not_offered(first)
        if action == sqlite3.SQLITE_FUNCTION:
            allowed = second.lower() in self._functions
            return None if allowed else ("function", f"the function {second} is not allowed.")
        return "SELECT only", "the statement does more than read."

    def _may_read(self, table: str, column: str, view: str) -> bool:
        # An offered view may read what it was made from.
        if {table, view} & self._offered:
            return True
        # A CTE is read under its own name, without a column.
        return not column and table not in self._hidden and not table.startswith(("sqlite_", "pragma_"))


def _not_offered(table: str) -> tuple[str, str]:
    return "table", f"the table {table} is not offered."


def limit_process(memory_bytes: int) -> None:
    """Limits what this process can take of the machine, whatever it is made to do; none of it can be raised again."""
    # A write beyond the limit is an error of that write, not the end of the process.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for what, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _MOST_OPEN_FILES),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(what, (value, value))


def limit_processor_time(seconds: float) -> None:
    """Lets the kernel end this process when it has computed for so many more seconds, rounded up to a whole one."""
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used + seconds) + 2, hard))


def main() -> None:
    """Serves queries until standard input ends."""
    # Whoever interrupts the owner means the owner, which then decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    configuration = read_frame(requests)
    if configuration is None:
        return
    try:
        worker = Worker(configuration)
    except sqlite3.Error as error:
        write_frame(answers, {"unopened": str(error)})
        return
    limit_process(configuration["memory_bytes"])
    write_frame(answers, {"ready": Path(__file__).name})
    while (query := read_frame(requests)) is not None:
        write_frame(answers, worker.answer(query["sql"], query["max_rows"]))


if __name__ == "__main__":
    main()
