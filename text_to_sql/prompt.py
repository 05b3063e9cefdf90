"""The one place that turns a schema and a question into messages: training, inference and evaluation share it."""

from collections.abc import Iterable

from inference.chat import Message
from text_to_sql.schema import Schema, quoted
from text_to_sql.values import ValueMatch

SYSTEM_MESSAGE = (
    "You translate questions into SQL for SQLite. Answer with one SELECT statement over the given tables, nothing else."
)


def build_messages(schema: Schema, question: str, values: Iterable[ValueMatch] = ()) -> list[Message]:
    """Returns the conversation that asks for one SQL statement.

    The system message is always sent: the chat template would otherwise insert a default one of its own. What differs
    from question to question stands last, so that the engine computes the schema once (prefix caching).

    Args:
        schema: the tables that may be asked about.
        question: the question in English.
        values: cells of the database that the question names.
    """
    lines = [schema.render(), "", *map(_render_value, values), f"Question: {' '.join(question.split())}"]
    return [{"role": "system", "content": SYSTEM_MESSAGE}, {"role": "user", "content": "\n".join(lines)}]


def _render_value(match: ValueMatch) -> str:
    text = match.value.replace("'", "''")
    return f"{quoted(match.table)}.{quoted(match.column)} = '{text}'"
