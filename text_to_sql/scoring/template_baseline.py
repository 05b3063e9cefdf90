"""A baseline without a model: the table whose names the question shares, its columns or a count. What luck gives."""

import re
from typing import Final

from text_to_sql.schema import Column, Schema, Table, quoted

_COUNTING: Final = re.compile(r"\b(how many|number of|count)\b", re.IGNORECASE)


def template_sql(schema: Schema, question: str) -> str:
    """Returns a query on the one table that shares most words with the question.

    It counts rows where the question asks how many; else it selects the columns that are named, or the first one.
    """
    words = _words(question)
    table = max(schema.tables, key=lambda candidate: _overlap(candidate, words))
    if _COUNTING.search(question):
        return f"SELECT COUNT(*) FROM {quoted(table.name)}"  # noqa: S608 (names of the schema)
    named = [column for column in table.columns if _is_named(column, table, words)] or list(table.columns[:1])
    columns = ", ".join(quoted(column.name) for column in named)
    return f"SELECT {columns} FROM {quoted(table.name)}"  # noqa: S608 (names of the schema)


def _words(text: str) -> frozenset[str]:
    """Returns the words of a text or of a name such as `Home_Town` or `homeTown`, without a plural's s."""
    parted = re.sub(r"([a-z])([A-Z])", r"\1 \2", text).lower()
    return frozenset(word.removesuffix("s") for word in re.findall(r"[a-z]+|\d+", parted))


def _overlap(table: Table, words: frozenset[str]) -> tuple[float, int]:
    name = _words(table.name)
    columns = frozenset().union(*(_words(column) for column in table.column_names))
    return len(name & words) / max(1, len(name)), len(columns & words)


def _is_named(column: Column, table: Table, words: frozenset[str]) -> bool:
    own = _words(column.name)
    # `name` in a question about singers may well stand for `singer_name`.
    return bool(own) and (own - _words(table.name) or own) <= words
