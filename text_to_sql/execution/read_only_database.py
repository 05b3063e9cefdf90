"""Runs SQL that a model wrote on a SQLite file, and can only read: several layers, none trusted alone.

1. `check_select`: one query, over offered tables (sqlglot).
2. The file is opened read-only, with SQLite's defensive settings and size limits.
3. An authorizer allows reading offered tables and listed functions, nothing else.
4. A deadline stops what runs too long, and a row limit what returns too much.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from text_to_sql.errors import DatabaseFileError, QueryFailedError, QueryTimeoutError, UnsafeSQLError
from text_to_sql.execution.sql_text import check_select
from text_to_sql.schema import quoted, read_schema, user_tables

# No function that builds large texts or blobs out of nothing: a deadline cannot stop one long C call.
ALLOWED_FUNCTIONS: Final = frozenset(
    "abs avg ceil ceiling coalesce count cume_dist date datetime dense_rank first_value floor glob group_concat ifnull "  # noqa: SIM905
    "iif instr julianday lag last_value lead length like lower ltrim max min nth_value ntile nullif percent_rank rank "
    "round row_number rtrim sign strftime substr substring sum time total trim typeof unicode upper".split()
)
_LIMITS: Final = {
    sqlite3.SQLITE_LIMIT_LENGTH: 1_000_000,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 20_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 200,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 50_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 16,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 0,
}
# SQLite instructions between two looks at the clock: some 10 microseconds.
_STEPS_BETWEEN_CHECKS: Final = 1_000


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
    ) -> None:
        if timeout_s <= 0:
            raise ValueError(f"timeout_s must be above 0, got {timeout_s}")
        if max_rows < 1:
            raise ValueError(f"max_rows must be at least 1, got {max_rows}")
        self.path = Path(path).expanduser().resolve()
        self._timeout_s, self._max_rows = timeout_s, max_rows
        self._deadline = 0.0
        self._denial: UnsafeSQLError | None = None
        with _explained_file_errors(self.path), ExitStack() as on_failure:
            self._had_wal = _wal(self.path).exists()
            self._connection = _open_read_only(self.path)
            on_failure.callback(self.close)
            self.schema = read_schema(self._connection, allowed_tables)
            self._hidden = {name.lower() for name in user_tables(self._connection)} - self.schema.table_names
            self._protect()
            on_failure.pop_all()

    def execute(self, sql: str) -> QueryResult:
        """Runs one query.

        Raises:
            UnsafeSQLError: it is more than one query over the offered tables.
            QueryFailedError: SQLite cannot run it.
            QueryTimeoutError: it took longer than `timeout_s`.
        """
        check_select(sql, self.schema)
        self._denial = None
        self._deadline = time.monotonic() + self._timeout_s
        try:
            with closing(self._connection.execute(sql)) as cursor:
                rows = cursor.fetchmany(self._max_rows + 1)
                columns = tuple(name for name, *_ in cursor.description)
        except sqlite3.Error as error:
            raise self._explained(error) from error
        return QueryResult(columns, tuple(rows[: self._max_rows]), len(rows) > self._max_rows)

    def sample_texts(
        self, max_values_per_column: int = 1_000, max_length: int = 60
    ) -> dict[tuple[str, str], tuple[str, ...]]:
        """Returns different short texts of each (table, column), to be found in questions.

        Args:
            max_values_per_column: at least 1.
            max_length: characters of the longest, at least 1.

        Returns:
            Nothing for a column that takes longer than `timeout_s`.
        """
        texts = {}
        for table in self.schema.tables:
            for column in table.columns:
                if column.type in ("text", "others"):
                    name = quoted(column.name)
                    self._deadline = time.monotonic() + self._timeout_s
                    with suppress(sqlite3.Error):
                        rows = self._connection.execute(
                            f"SELECT DISTINCT {name} FROM {quoted(table.name)} "  # noqa: S608 (names of the schema)
                            f"WHERE LENGTH({name}) <= {max_length} LIMIT {max_values_per_column}"
                        ).fetchall()
                        texts[table.name, column.name] = tuple(text for (text,) in rows if isinstance(text, str))
        return texts

    def _explained(self, error: sqlite3.Error) -> Exception:
        if self._denial:
            return self._denial
        if "interrupted" in str(error):
            return QueryTimeoutError(f"The query was stopped after {self._timeout_s:g} s, its time limit.")
        return QueryFailedError(f"SQLite cannot run this: {error}.")

    def _protect(self) -> None:
        """Closes everything but reading; pragmas come before the authorizer, which forbids them."""
        connection = self._connection
        connection.execute("PRAGMA query_only = ON")
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_TRUSTED_SCHEMA, False)
        # A misspelt column in double quotes is an error, not a text.
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DQS_DML, False)
        for limit, value in _LIMITS.items():
            connection.setlimit(limit, value)
        connection.set_authorizer(self._authorize)
        connection.set_progress_handler(lambda: time.monotonic() > self._deadline, _STEPS_BETWEEN_CHECKS)

    def _authorize(
        self, action: int, first: str | None, second: str | None, database: str | None, view: str | None
    ) -> int:
        denial = self._why_denied(action, first or "", second or "", view or "")
        if denial is None:
            return sqlite3.SQLITE_OK
        self._denial = denial
        return sqlite3.SQLITE_DENY

    def _why_denied(self, action: int, first: str, second: str, view: str) -> UnsafeSQLError | None:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return None
        if action == sqlite3.SQLITE_READ:
            return None if self._may_read(first.lower(), second, view.lower()) else _not_offered(first)
        if action == sqlite3.SQLITE_FUNCTION:
            if second.lower() in ALLOWED_FUNCTIONS:
                return None
            return UnsafeSQLError("function", f"the function {second} is not allowed.")
        return UnsafeSQLError("SELECT only", "the statement does more than read.")

    def _may_read(self, table: str, column: str, view: str) -> bool:
        # An offered view may read what it was made from.
        if {table, view} & self.schema.table_names:
            return True
        # A CTE is read under its own name, without a column.
        return not column and table not in self._hidden and not table.startswith(("sqlite_", "pragma_"))

    def close(self) -> None:
        """Closes the file; a second call does nothing."""
        self._connection.close()
        if not self._had_wal:
            _remove_empty_wal(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _not_offered(table: str) -> UnsafeSQLError:
    return UnsafeSQLError("table", f"the table {table} is not offered.")


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
