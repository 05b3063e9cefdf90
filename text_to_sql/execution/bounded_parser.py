"""sqlglot's parser of SQLite's dialect, with an end to its work.

It tries alternatives and goes back. Where each alternative holds another such place, every level multiplies the work:
18 nested calls of `date`, 118 characters, took it 7 s. Nothing can stop a parser in this process from outside, so it
counts its steps.
"""

from typing import Any, Final

from sqlglot import exp
from sqlglot.dialects.sqlite import SQLite
from sqlglot.errors import SqlglotError

from text_to_sql.errors import QueryFailedError, UnsafeSQLError

# Some 0.6 s. The longest text that is allowed, 4,000 characters, takes 10,000 unless it is nested deeply.
_MOST_STEPS: Final = 50_000


class _BoundedSQLite(SQLite):
    # Keeps the name under which a function was called: sqlglot has one node for many names.
    ORIGINAL_NAME_META_KEY = "name"

    class Parser(SQLite.Parser):
        _steps = 0

        def parse(self, raw_tokens: list[Any], sql: str) -> list[exp.Expression | None]:
            self._steps = 0
            return super().parse(raw_tokens, sql)

        def _advance(self, times: int = 1) -> None:
            self._steps += 1
            if self._steps > _MOST_STEPS:
                raise UnsafeSQLError("nesting", "it is nested too deeply to be checked. Write it with fewer brackets.")
            super()._advance(times)


_DIALECT: Final = _BoundedSQLite()


def parse_statements(sql: str) -> list[exp.Expression]:
    """Returns the syntax trees of all statements in a text.

    Raises:
        QueryFailedError: it is no SQL.
        UnsafeSQLError: it takes the parser too long.
    """
    try:
        return [statement for statement in _DIALECT.parse(sql) if statement is not None]
    except (SqlglotError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        raise QueryFailedError(f"This is no SQL: {reason}") from error


def function_name(node: exp.Func) -> str:
    """Returns the name under which a function was called, as it was written where sqlglot keeps that."""
    if isinstance(node, exp.Anonymous):
        return node.name
    return node.meta.get("name") or node.sql_name()
