"""Runs SQL that a model wrote on a SQLite file, and can only read: several layers, none trusted alone.

1. `check_select`: one query, over offered tables, with listed functions (sqlglot).
2. A process of its own runs it, which has the layers that `worker.py` names.
3. Where that process gives no answer, it is killed; the next query starts another.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from text_to_sql.errors import DatabaseFileError, QueryFailedError, QueryTimeoutError, UnsafeSQLError
from text_to_sql.execution.allow_list import ALLOWED_FUNCTIONS, MEMORY_BYTES, SQLITE_LIMITS
from text_to_sql.execution.sql_text import check_select
from text_to_sql.execution.worker_process import WorkerDiedError, WorkerProcess, WorkerTimeoutError
from text_to_sql.schema import Schema, quoted, read_schema, user_tables

# The worker stops a query at its time limit; one that cannot be stopped from within is killed after twice as long.
_KILL_FACTOR: Final = 2.0


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Rows of a query.

    Attributes:
        columns: names, as SQLite gives them.
        rows: at most as many as the database's limit.
        truncated: whether there were more.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool


class ReadOnlyDatabase:
    """A SQLite file that a model's SQL may read.

    Args:
        path: the file.
        allowed_tables: tables and views that may be read; None allows all of the user's, never SQLite's own.
        timeout_s: most seconds for one query, above 0.
        max_rows: most rows of one result, at least 1.
        max_bytes: about the most bytes of one result, at least 1.

    Raises:
        DatabaseFileError: no such file, one that cannot be read, no SQLite database, or no such table.
        ValueError: a limit is out of its range.
    """

    def __init__(
        self,
        path: Path | str,
        allowed_tables: Iterable[str] | None = None,
        timeout_s: float = 2.0,
        max_rows: int = 10_000,
        max_bytes: int = 16 * 1024**2,
    ) -> None:
        if timeout_s <= 0:
            raise ValueError(f"timeout_s must be above 0, got {timeout_s}")
        for name, value in (("max_rows", max_rows), ("max_bytes", max_bytes)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.path = Path(path).expanduser().resolve()
        self._timeout_s, self._max_rows = timeout_s, max_rows
        with _explained_file_errors(self.path):
            self._had_wal = _wal(self.path).exists()
            self.schema, hidden = self._look(allowed_tables)
        self._worker = WorkerProcess(
            {
                "uri": self.path.as_uri(),
                "offered": sorted(self.schema.table_names),
                "hidden": sorted(hidden),
                "functions": sorted(ALLOWED_FUNCTIONS),
                "limits": SQLITE_LIMITS,
                "timeout_s": timeout_s,
                "max_bytes": max_bytes,
                "memory_bytes": MEMORY_BYTES,
            }
        )

    def _look(self, allowed_tables: Iterable[str] | None) -> tuple[Schema, frozenset[str]]:
        """Returns the offered tables, and the names of the others in lower case."""
        try:
            with closing(_open_read_only(self.path)) as connection:
                schema = read_schema(connection, allowed_tables)
                return schema, frozenset(name.lower() for name in user_tables(connection)) - schema.table_names
        finally:
            self._leave_no_wal()

    def execute(self, sql: str) -> QueryResult:
        """Runs one query.

        Raises:
            UnsafeSQLError: it is more than one query over the offered tables.
            QueryFailedError: SQLite cannot run it, or it needs more memory than it may have.
            QueryTimeoutError: it took longer than `timeout_s`.
        """
        check_select(sql, self.schema)
        return self._run(sql, self._max_rows)

    def _run(self, sql: str, max_rows: int) -> QueryResult:
        try:
            answer = self._worker.ask({"sql": sql, "max_rows": max_rows}, _KILL_FACTOR * self._timeout_s)
        except WorkerTimeoutError as error:
            raise self._too_slow() from error
        except WorkerDiedError as error:
            raise QueryFailedError(
                f"The process that ran this was ended ({error}): it needs more memory or time than it may have."
            ) from error
        if "denied" in answer:
            raise UnsafeSQLError(*answer["denied"])
        if "timeout" in answer:
            raise self._too_slow()
        if "failed" in answer:
            raise QueryFailedError(f"SQLite cannot run this: {answer['failed']}.")
        return QueryResult(tuple(answer["columns"]), tuple(map(tuple, answer["rows"])), answer["truncated"])

    def _too_slow(self) -> QueryTimeoutError:
        return QueryTimeoutError(f"The query was stopped after {self._timeout_s:g} s, its time limit.")

    def sample_texts(
        self, max_values_per_column: int = 1_000, max_length: int = 60
    ) -> dict[tuple[str, str], tuple[str, ...]]:
        """Returns different short texts of each (table, column), to be found in questions.

        Args:
            max_values_per_column: at least 1.
            max_length: characters of the longest, at least 1.

        Returns:
            Nothing for a column that cannot be read within `timeout_s`.
        """
        texts = {}
        for table in self.schema.tables:
            for column in table.columns:
                if column.type in ("text", "others"):
                    name = quoted(column.name)
                    with suppress(QueryFailedError, QueryTimeoutError):
                        result = self._run(
                            f"SELECT DISTINCT {name} FROM {quoted(table.name)} "  # noqa: S608 (names of the schema)
                            f"WHERE LENGTH({name}) <= {max_length} LIMIT {max_values_per_column}",
                            max_values_per_column,
                        )
                        texts[table.name, column.name] = tuple(text for (text,) in result.rows if isinstance(text, str))
        return texts

    def close(self) -> None:
        """Ends the process that reads the file; the next query starts another, a second call does nothing."""
        self._worker.close()
        self._leave_no_wal()

    def _leave_no_wal(self) -> None:
        if not self._had_wal:
            _remove_empty_wal(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _explained_file_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise DatabaseFileError(
            f"{path} cannot be opened as a SQLite database: {error}. Check that it is one and that you may read it; "
            "if it is in WAL mode, you must also be allowed to write to its folder."
        ) from error


def _open_read_only(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise DatabaseFileError(f"There is no database file {path}.")
    connection = _connect(path, "ro")
    try:
        _read_first_page(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True, isolation_level=None)


def _read_first_page(connection: sqlite3.Connection) -> None:
    connection.execute("SELECT name FROM sqlite_master").fetchone()


def _wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _remove_empty_wal(path: Path) -> None:
    """Lets SQLite remove the empty `-wal` and `-shm` that reading a database in WAL mode leaves beside it.

    A read-only connection makes them and may not remove them. One that may write removes them as it closes, if no other
    process uses them: only SQLite's own locks can tell. Opening with `immutable=1` would make none, but ignores those
    locks, and would give wrong rows if somebody wrote meanwhile.
    """
    wal = _wal(path)
    with suppress(sqlite3.Error, OSError):
        # One with content belongs to a writer who came meanwhile.
        if wal.exists() and wal.stat().st_size == 0:
            with closing(_connect(path, "rw")) as connection:
                _read_first_page(connection)
