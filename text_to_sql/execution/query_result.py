"""From the worker's reply to rows, or to the error that says why there are none."""

from dataclasses import dataclass
from typing import Any

from text_to_sql.errors import QueryFailedError, QueryTimeoutError, TextToSQLError, UnsafeSQLError
from text_to_sql.execution.allow_list import HEAP_BYTES, function_not_allowed


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Rows of a query.

    Attributes:
        columns: names, as SQLite gives them.
        rows: NULL is None; at most as many as the database's limits allow.
        truncated: whether there were more.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool


def result_of(reply: list[Any], timeout_s: float) -> QueryResult:
    """Returns the rows of a reply.

    Args:
        reply: a verdict, and what belongs to it; `answer` in worker.py lists them.
        timeout_s: the time limit of the query, in seconds.

    Raises:
        UnsafeSQLError: the worker refused the query.
        QueryTimeoutError: it was stopped.
        QueryFailedError: SQLite could not run it.
    """
    verdict, *details = reply
    if verdict != "rows":
        raise _error(verdict, details, timeout_s)
    columns, rows, truncated = details
    return QueryResult(tuple(columns), tuple(map(tuple, rows)), truncated)


def too_late(timeout_s: float) -> QueryTimeoutError:
    """Returns the error of a query that was stopped."""
    return QueryTimeoutError(f"The query was stopped after {timeout_s:g} s, its time limit.")


def _error(verdict: str, details: list[str], timeout_s: float) -> TextToSQLError:
    if verdict == "denied":
        return _denial(*details)
    if verdict == "late":
        return too_late(timeout_s)
    if verdict == "no rows":
        return UnsafeSQLError("SELECT only", "the statement is no query: it returns no columns.")
    if verdict == "memory":
        return QueryFailedError(
            f"The query needs more than {HEAP_BYTES >> 20} MiB of memory. Ask for fewer or narrower rows."
        )
    return QueryFailedError(f"SQLite cannot run this: {details[0]}.")


def _denial(kind: str, name: str) -> UnsafeSQLError:
    if kind == "function":
        return function_not_allowed(name)
    if kind == "table":
        return UnsafeSQLError("table", f"the table {name} is not offered.")
    return UnsafeSQLError("SELECT only", "the statement does more than read, or reads a virtual table.")
