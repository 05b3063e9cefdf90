"""From the fields of a row to what is asked: a conversation, or a question about a database."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from batch_inference.errors import RowError
from inference.chat import Message, check_messages
from inference.errors import ChatError

# What a row's field `adapter` says where it wants no adapter: in Parquet a missing value could not say so.
BASE = "base"


class Task(StrEnum):
    """What all rows of a job ask for; the value is the option's."""

    CHAT = "chat"
    TEXT_TO_SQL = "text-to-sql"


@dataclass(frozen=True, slots=True)
class ChatRow:
    """A conversation to go on with.

    Attributes:
        id: the row's own, or its place in the input.
        adapter: name of the adapter that answers; None for the base model.
        messages: `[{"role": …, "content": …}, …]`.
    """

    id: str
    adapter: str | None
    messages: list[Message]


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """A question about a database.

    Attributes:
        id: the row's own, or its place in the input.
        adapter: name of the adapter that writes the SQL; None for the base model.
        question: as a person wrote it.
        database: the SQLite file.
    """

    id: str
    adapter: str | None
    question: str
    database: Path


Row = ChatRow | QuestionRow
Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RowRules:
    """How the rows of one job are read.

    Attributes:
        task: what they ask for.
        adapters: names that a row may choose; the first answers rows that name none.
        databases: folder that a row's `database` is relative to.
        default_database: file that rows without `database` ask about; None if each must name one.
    """

    task: Task
    adapters: tuple[str, ...]
    databases: Path
    default_database: Path | None = None

    def read(self, row_id: str, fields: Fields | RowError) -> Row:
        """Returns what a row asks.

        Args:
            row_id: of the row; see `id_of`.
            fields: of the row, by name. Those that are not known are ignored. Or why it could not be read.

        Raises:
            RowError: it could not be read, or a field is missing or wrong.
        """
        if isinstance(fields, RowError):
            raise fields
        adapter = self._adapter(fields.get("adapter"))
        if self.task is Task.CHAT:
            return ChatRow(row_id, adapter, _messages(fields.get("messages")))
        return QuestionRow(row_id, adapter, _question(fields.get("question")), self._database(fields.get("database")))

    def _adapter(self, name: Any) -> str | None:
        if name is None:
            return self.adapters[0] if self.adapters else None
        if name == BASE:
            return None
        if name not in self.adapters:
            known = ", ".join(map(repr, (*self.adapters, BASE)))
            raise RowError(f"adapter must be one of {known}, got {name!r}. Other adapters are loaded with --adapter.")
        return name

    def _database(self, name: Any) -> Path:
        if name is None and self.default_database is not None:
            return self.default_database
        if not isinstance(name, str) or not name:
            raise RowError(f"database must be the path of a SQLite file, got {name!r}; --database gives one for all.")
        if "\0" in name or encodable(name) != name:
            raise RowError(f"database must be the path of a SQLite file, got {name!r}")
        return self.databases / name


def id_of(fields: Fields | RowError, place: str) -> str:
    """Returns a row's `id` as a text, or its place in the input if it has none."""
    own = None if isinstance(fields, RowError) else fields.get("id")
    return place if own is None else encodable(str(own))


def encodable(text: str) -> str:
    """Returns a text with what UTF-8 cannot hold, such as half a surrogate pair in JSON, as its escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def task_of(fields: Fields) -> Task | None:
    """Returns what a row with these fields asks for; None if it is neither."""
    if fields.get("messages") is not None:
        return Task.CHAT
    return Task.TEXT_TO_SQL if fields.get("question") is not None else None


def _messages(messages: Any) -> list[Message]:
    try:
        check_messages(messages)
    except ChatError as error:
        raise RowError(str(error)) from error
    # Parquet gives every message every field.
    return [{name: value for name, value in message.items() if value is not None} for message in messages]


def _question(question: Any) -> str:
    if not isinstance(question, str) or not question.strip():
        raise RowError(f"question must be a text, got {question!r}")
    return question
