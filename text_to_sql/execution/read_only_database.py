"""Runs SQL that a model wrote on a SQLite file, and can only read: several layers, none trusted alone.

1. `check_select`: one query, over offered tables and listed functions (sqlglot, in this process).
2. A process of its own runs it, with limits of the system on memory, processor time and files, and can be killed.
3. There, the file is opened read-only, with SQLite's defensive settings and size limits.
4. An authorizer allows reading offered tables and calling listed functions, nothing else.
5. A deadline stops what runs too long, and limits on rows and bytes what returns too much. At twice the deadline the
   process is killed: a long call inside SQLite never looks at the clock.
"""

from collections.abc import Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from text_to_sql.errors import QueryFailedError, QueryTimeoutError, UnsafeSQLError
from text_to_sql.execution.database_file import (
    explained_file_errors,
    open_read_only,
    remove_empty_log,
    write_ahead_log,
)
from text_to_sql.execution.query_result import QueryResult, result_of, too_late
from text_to_sql.execution.sql_text import check_select
from text_to_sql.execution.text_samples import may_hold_text, texts_query
from text_to_sql.execution.worker_process import WorkerDiedError, WorkerProcess
from text_to_sql.execution.worker_settings import most_reply_bytes, worker_settings
from text_to_sql.schema import read_schema

_LONGEST_TIMEOUT_S: Final = 86_400


class ReadOnlyDatabase:
    """A SQLite file that a model's SQL may read.

    Queries run in a process of their own, one at a time; it starts with the first query and ends with `close`, or with
    this process. Threads may share a database.

    Args:
        path: the file.
        allowed_tables: tables and views that may be read; None allows all of the user's, never SQLite's own.
        timeout_s: most seconds for one query, above 0 and at most 86,400; the process is killed at twice that.
        max_rows: most rows of one result, at least 1.
        max_bytes: most bytes of one result, at least 1: texts in UTF-8, BLOBs, and 8 for any other value.

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
        max_bytes: int = 16 << 20,
    ) -> None:
        if not timeout_s > 0:
            raise ValueError(f"timeout_s must be above 0, got {timeout_s}")
        if timeout_s > _LONGEST_TIMEOUT_S:
            raise ValueError(f"timeout_s must be at most {_LONGEST_TIMEOUT_S:,}, a day, got {timeout_s}")
        _check_at_least_one(max_rows=max_rows, max_bytes=max_bytes)
        self.path = Path(path).expanduser().resolve()
        self._timeout_s, self._max_rows, self._max_bytes = timeout_s, max_rows, max_bytes
        with explained_file_errors(self.path), ExitStack() as on_failure:
            self._had_log = write_ahead_log(self.path).exists()
            with closing(open_read_only(self.path)) as connection:
                on_failure.callback(self._tidy)
                self.schema = read_schema(connection, allowed_tables)
                settings = worker_settings(self.path, connection, self.schema)
            on_failure.pop_all()
        self._worker = WorkerProcess(settings, most_reply_bytes(max_bytes, max_rows))

    def execute(self, sql: str) -> QueryResult:
        """Runs one query.

        Raises:
            UnsafeSQLError: it is more than one query over the offered tables.
            QueryFailedError: SQLite cannot run it, or it needs too much memory.
            QueryTimeoutError: it took longer than `timeout_s`.
            QueryProcessError: no process can be started to run it, or the database is closed.
        """
        check_select(sql, self.schema)
        return self._run(sql, self._max_rows)

    def sample_texts(
        self, max_values_per_column: int = 1_000, max_length: int = 60
    ) -> dict[tuple[str, str], tuple[str, ...]]:
        """Returns the different short texts of each column that may hold text, by table and column.

        They tell which words of a question are cells. A column without one is left out, and so is one that takes longer
        than `timeout_s`, that SQLite cannot read, or that belongs to a virtual table.

        Args:
            max_values_per_column: the first so many are returned, in the order in which SQLite finds them; at least 1.
            max_length: longer texts are left out, in characters; at least 1.

        Raises:
            ValueError: a limit is out of its range.
            QueryProcessError: no process can be started to read them, or the database is closed.
        """
        _check_at_least_one(max_values_per_column=max_values_per_column, max_length=max_length)
        texts: dict[tuple[str, str], tuple[str, ...]] = {}
        for table in self.schema.tables:
            for column in table.columns:
                if may_hold_text(column):
                    texts[table.name, column.name] = self._texts(
                        texts_query(table, column, max_length), max_values_per_column
                    )
        return {cell: found for cell, found in texts.items() if found}

    def _texts(self, sql: str, most: int) -> tuple[str, ...]:
        try:
            return tuple(text for (text,) in self._run(sql, most).rows)
        except (QueryTimeoutError, QueryFailedError, UnsafeSQLError):
            return ()

    def _run(self, sql: str, max_rows: int) -> QueryResult:
        query = {"sql": sql, "seconds": self._timeout_s, "max_rows": max_rows, "max_bytes": self._max_bytes}
        try:
            reply = self._worker.ask(query, 2 * self._timeout_s)
        except TimeoutError as error:
            raise too_late(self._timeout_s) from error
        except WorkerDiedError as error:
            raise QueryFailedError(
                "The process that ran this query ended before the answer, perhaps for want of memory. The next query "
                "gets a new one; ask for less."
            ) from error
        if reply[0] == "memory":
            # What such a query leaves behind may be scattered over all that the process may have.
            self._worker.restart_later()
        return result_of(reply, self._timeout_s)

    def close(self) -> None:
        """Ends the process and closes the file; a second call does nothing."""
        self._worker.close()
        self._tidy()

    def _tidy(self) -> None:
        if not self._had_log:
            remove_empty_log(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _check_at_least_one(**limits: int) -> None:
    for name, value in limits.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
