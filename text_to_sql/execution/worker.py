"""The process that runs queries: a script of its own, which imports nothing but the standard library.

It stands apart from the package because it must start in some 20 ms and must hold nothing worth stealing. Messages are
JSON behind their length; the first one holds the settings, every other one is a query. It ends when its standard input
closes or when its owner does, whichever comes first, and the system's limits hold for all that it does.
"""

import json
import math
import os
import resource
import select
import sqlite3
import time
from contextlib import closing, suppress
from typing import Any, Final

HEADER_BYTES: Final = 8
# SQLite instructions between two looks at the clock: some 10 microseconds.
_STEPS_BETWEEN_CHECKS: Final = 1_000
_SWITCHES: Final = {
    sqlite3.SQLITE_DBCONFIG_DEFENSIVE: True,
    sqlite3.SQLITE_DBCONFIG_TRUSTED_SCHEMA: False,
    sqlite3.SQLITE_DBCONFIG_WRITABLE_SCHEMA: False,
    sqlite3.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION: False,
    sqlite3.SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER: False,
    # A misspelt column in double quotes is an error, not a text.
    sqlite3.SQLITE_DBCONFIG_DQS_DML: False,
    sqlite3.SQLITE_DBCONFIG_DQS_DDL: False,
}


class Guard:
    """What a query may read, and how long it may run; remembers the first thing that it denied."""

    def __init__(self, offered: list[str], views: list[str], hidden: list[str], functions: list[str]) -> None:
        self._offered, self._views, self._hidden = frozenset(offered), frozenset(views), frozenset(hidden)
        self._functions = frozenset(functions)
        self._deadline = 0.0
        self.denied: tuple[str, str] | None = None

    def start(self, seconds: float) -> None:
        """Begins a query that may take so long."""
        self.denied, self._deadline = None, time.monotonic() + seconds

    def is_late(self) -> bool:
        """Returns whether the query is to be stopped."""
        return time.monotonic() > self._deadline

    def authorize(
        self, action: int, first: str | None, second: str | None, database: str | None, view: str | None
    ) -> int:
        """Returns SQLite's code for `go on` or `refuse`; SQLite asks before it runs anything."""
        denied = self._denied(action, first or "", second or "", view or "")
        if denied is None:
            return sqlite3.SQLITE_OK
        self.denied = self.denied or denied
        return sqlite3.SQLITE_DENY

    def _denied(self, action: int, first: str, second: str, view: str) -> tuple[str, str] | None:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return None
        if action == sqlite3.SQLITE_READ:
            return None if self._may_read(_folded(first), second, _folded(view)) else ("table", first)
        if action == sqlite3.SQLITE_FUNCTION:
            return None if _folded(second) in self._functions else ("function", second)
        return ("action", "")

    def _may_read(self, table: str, column: str, view: str) -> bool:
        # An offered view may read what it was made from.
        if table in self._offered or view in self._views:
            return True
        # A CTE that SQLite materialises is read under its own name, without a column.
        return not column and table not in self._hidden and not table.startswith(("sqlite_", "pragma_"))


class Owner:
    """The process that asks, at the other end of standard input and output."""

    def __init__(self) -> None:
        self._events = select.poll()
        self._events.register(0, select.POLLIN)

    def watch(self, process_id: int) -> None:
        """Lets `receive` end with the owner, even if another process holds the other end of standard input too.

        Without pidfd (Linux before 5.3, some sandboxes), only the end of standard input tells.
        """
        if os.getppid() != process_id:
            raise EOFError
        try:
            self._events.register(os.pidfd_open(process_id), select.POLLIN)
        except OSError:
            return

    def receive(self) -> Any:
        """Returns the next message; raises EOFError when there will be none."""
        if any(descriptor != 0 for descriptor, _ in self._events.poll()):
            raise EOFError
        return json.loads(self._read(int.from_bytes(self._read(HEADER_BYTES), "big")))

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            chunk = os.read(0, count - len(data))
            if not chunk:
                raise EOFError
            data += chunk
        return data

    def send(self, message: Any) -> None:
        """Writes one message; a BLOB becomes an object, the only one in it."""
        body = json.dumps(message, ensure_ascii=False, default=lambda blob: {"hex": blob.hex()}).encode()
        rest = memoryview(len(body).to_bytes(HEADER_BYTES, "big") + body)
        while rest:
            rest = rest[os.write(1, rest) :]


def open_database(uri: str, limits: list[list[int]], heap_bytes: int, guard: Guard) -> sqlite3.Connection:
    """Returns a connection that can only read; pragmas come before the authorizer, which forbids them."""
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, cached_statements=0)
    connection.execute("SELECT name FROM sqlite_master").fetchone()
    for pragma in ("query_only = ON", "temp_store = MEMORY", f"hard_heap_limit = {heap_bytes}"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    for switch, value in _SWITCHES.items():
        connection.setconfig(switch, value)
    for limit, most in limits:
        connection.setlimit(limit, most)
    connection.set_authorizer(guard.authorize)
    connection.set_progress_handler(guard.is_late, _STEPS_BETWEEN_CHECKS)
    return connection


def limit_process(address_space_bytes: int) -> None:
    """Takes from this process what no query needs: memory, files, other processes, core dumps.

    The last limit is not enforced for root. Called when the database is open: one in WAL mode may have to write a file
    of its own to be read.
    """
    for kind, most in (
        (resource.RLIMIT_AS, address_space_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 16),
        (resource.RLIMIT_NPROC, 0),
    ):
        _set_limit(kind, most, most)


def limit_processor_time(seconds: float) -> None:
    """Lets the system kill this process after so much more processor time, in whole seconds."""
    most = math.ceil(time.process_time() + seconds) + 1
    _set_limit(resource.RLIMIT_CPU, most, resource.RLIM_INFINITY)


def _set_limit(kind: int, soft: int, hard: int) -> None:
    """Sets a limit, or the lower one that is there already and cannot be raised."""
    present = resource.getrlimit(kind)[1]
    if present != resource.RLIM_INFINITY:
        soft, hard = min(soft, present), present if hard == resource.RLIM_INFINITY else min(hard, present)
    resource.setrlimit(kind, (soft, hard))


def answer(connection: sqlite3.Connection, guard: Guard, sql: str, max_rows: int, max_bytes: int) -> list[Any]:
    """Returns what came of a query: its verdict, and what belongs to that."""
    try:
        with closing(connection.execute(sql)) as cursor:
            if cursor.description is None:
                return ["no rows"]
            return ["rows", [name for name, *_ in cursor.description], *_fetched(cursor, max_rows, max_bytes)]
    except MemoryError:
        return ["memory"]
    except sqlite3.Error as error:
        if guard.denied:
            return ["denied", *guard.denied]
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            return ["late"]
        return ["failed", str(error)]


def _fetched(cursor: sqlite3.Cursor, max_rows: int, max_bytes: int) -> tuple[list[tuple[Any, ...]], bool]:
    """Returns the rows up to either limit, and whether there were more."""
    rows: list[tuple[Any, ...]] = []
    for row in cursor:
        max_bytes -= sum(map(_bytes, row))
        if len(rows) == max_rows or max_bytes < 0:
            return rows, True
        rows.append(row)
    return rows, False


def _bytes(value: float | str | bytes | None) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode())
    return len(value) if isinstance(value, bytes) else 8


def _folded(name: str) -> str:
    """Returns a name as SQLite compares it: only ASCII letters lose their case."""
    return name.encode().lower().decode()


def serve(owner: Owner) -> None:
    """Answers queries until the owner has no more."""
    settings = owner.receive()
    owner.watch(settings["owner"])
    guard = Guard(**settings["guard"])
    try:
        connection = open_database(settings["uri"], settings["limits"], settings["heap_bytes"], guard)
    except sqlite3.Error as error:
        owner.send(["failed", str(error)])
        return
    limit_process(settings["address_space_bytes"])
    owner.send(["ready"])
    while True:
        query = owner.receive()
        limit_processor_time(2 * query["seconds"])
        guard.start(query["seconds"])
        reply = answer(connection, guard, query["sql"], query["max_rows"], query["max_bytes"])
        owner.send(reply)


if __name__ == "__main__":
    with suppress(EOFError, BrokenPipeError):
        serve(Owner())
