"""Questions in plain language → SQL that a model writes → rows, read safely from a SQLite file."""

from text_to_sql.answer import Answer
from text_to_sql.bundled_adapter import BUNDLED_ADAPTER
from text_to_sql.errors import (
    AnswerCutOffError,
    DatabaseFileError,
    QueryFailedError,
    QueryTimeoutError,
    TextToSQLError,
    UnsafeSQLError,
)
from text_to_sql.execution.read_only_database import QueryResult, ReadOnlyDatabase
from text_to_sql.sample_database import sample_database_path
from text_to_sql.text_to_sql import TextToSQL

__all__ = [
    "BUNDLED_ADAPTER",
    "Answer",
    "AnswerCutOffError",
    "DatabaseFileError",
    "QueryFailedError",
    "QueryResult",
    "QueryTimeoutError",
    "ReadOnlyDatabase",
    "TextToSQL",
    "TextToSQLError",
    "UnsafeSQLError",
    "sample_database_path",
]
