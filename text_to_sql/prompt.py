"""The one place that turns a schema and a question into messages: training, inference and evaluation share it."""

from inference.chat import Message

SYSTEM_MESSAGE = (
    "You translate questions into SQL for SQLite. Answer with one SELECT statement over the given tables, nothing else."
)


def build_messages(schema: str, question: str) -> list[Message]:
    """Returns the conversation that asks for one SQL statement.

    The system message is always sent: the chat template would otherwise insert a default one of its own.

    Args:
        schema: one `CREATE TABLE` a line, as `text_to_sql.schema` renders it.
        question: the question in English.
    """
    return [
        {"role": "system", "content": SYSTEM_MESSAGE},
        {"role": "user", "content": f"{schema}\n\nQuestion: {' '.join(question.split())}"},
    ]
