"""The one place that turns a schema and a question into messages: training, inference and evaluation share it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inference.chat import Message
from text_to_sql.dates import SpeltDate, spelt_dates
from text_to_sql.join_paths import Joined, join_tables
from text_to_sql.linking import linked_columns, linked_tables
from text_to_sql.schema import Schema, quoted
from text_to_sql.values import ValueMatch

SYSTEM_MESSAGE = (
    "You translate questions into SQL for SQLite. Answer with one SELECT statement over the given tables, nothing else."
)
_LONGEST_ERROR = 200


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """An answer that could not be run, and why."""

    sql: str
    error: str


def build_messages(
    schema: Schema, question: str, values: Iterable[ValueMatch] = (), failed: Sequence[FailedAttempt] = ()
) -> list[Message]:
    """Returns the conversation that asks for one SQL statement.

    The system message is always sent: the chat template would otherwise insert a default one of its own. What differs
    from question to question stands last, so that the engine computes the schema once (prefix caching).

    Args:
        schema: the tables that may be asked about.
        question: the question in English.
        values: cells of the database that the question names.
        failed: earlier answers to this question, oldest first; the model is asked to do better.
    """
    question, values = " ".join(question.split()), tuple(values)
    names = [_render_columns(schema, question), likely_from_clause(schema, question, values)]
    hints = [*map(_render_value, values), *_render_dates(question, values), *filter(None, names)]
    lines = [schema.render(), "", *hints, f"Question: {question}"]
    messages = [{"role": "system", "content": SYSTEM_MESSAGE}, {"role": "user", "content": "\n".join(lines)}]
    for attempt in failed:
        messages += [{"role": "assistant", "content": attempt.sql}, {"role": "user", "content": _feedback(attempt)}]
    return messages


def likely_from_clause(schema: Schema, question: str, values: Iterable[ValueMatch] = ()) -> str:
    """Returns `FROM` and the tables that a question is likely about, joined along foreign keys; empty if it names none.

    A table that no key leads to follows a comma.
    """
    tables = join_tables(linked_tables(schema, question, values), schema.foreign_keys)
    return "FROM " + "".join(_render_join(*pair) for pair in enumerate(tables)) if tables else ""


def _feedback(attempt: FailedAttempt) -> str:
    reason = " ".join(attempt.error.split())[:_LONGEST_ERROR]
    return f"This failed: {reason}\nWrite the query again."


def _render_value(match: ValueMatch) -> str:
    text = match.value.replace("'", "''")
    return f"{quoted(match.table)}.{quoted(match.column)} = '{text}'"


def _render_dates(question: str, values: Sequence[ValueMatch]) -> list[str]:
    """Says how databases write the question's dates, but not of one that stands in a cell as the question spells it."""
    cells = " | ".join(match.value.lower() for match in values)
    dates = (one for one in spelt_dates(question) if not re.search(rf"\b{re.escape(one.text.lower())}\b", cells))
    return list(dict.fromkeys(map(_render_date, dates)))


def _render_date(one: SpeltDate) -> str:
    if one.first == one.last:
        return f"{one.text} = '{one.first}'"
    return f"{one.text} BETWEEN '{one.first}' AND '{one.last}'"


def _render_columns(schema: Schema, question: str) -> str:
    columns = linked_columns(schema, question)
    return "Columns: " + ", ".join(f"{quoted(table)}.{quoted(column)}" for table, column in columns) if columns else ""


def _render_join(place: int, joined: Joined) -> str:
    table, key = quoted(joined.table), joined.key
    if key is None:
        return f", {table}" if place else table
    ends = [f"{quoted(key.table)}.{quoted(key.column)}", f"{quoted(key.parent_table)}.{quoted(key.parent_column)}"]
    # The table that is there already stands on the left.
    before, own = reversed(ends) if key.table == joined.table else ends
    return f" JOIN {table} ON {before} = {own}"
