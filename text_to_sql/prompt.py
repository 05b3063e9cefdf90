"""The one place that turns a schema and a question into messages: training, inference and evaluation share it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inference.chat import Message
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
    lines = [schema.render(), "", *map(_render_value, values), f"Question: {' '.join(question.split())}"]
    messages = [{"role": "system", "content": SYSTEM_MESSAGE}, {"role": "user", "content": "\n".join(lines)}]
    for attempt in failed:
        messages += [{"role": "assistant", "content": attempt.sql}, {"role": "user", "content": _feedback(attempt)}]
    return messages


def _feedback(attempt: FailedAttempt) -> str:
    reason = " ".join(attempt.error.split())[:_LONGEST_ERROR]
    return f"This failed: {reason}\nWrite the query again."


def _render_value(match: ValueMatch) -> str:
    text = match.value.replace("'", "''")
    return f"{quoted(match.table)}.{quoted(match.column)} = '{text}'"
