"""Questions in plain language → SQL that a model writes → rows, read safely from a SQLite file."""

from text_to_sql.errors import DatabaseFileError, QueryFailedError, QueryTimeoutError, TextToSQLError, UnsafeSQLError
from text_to_sql.read_only_database import QueryResult, ReadOnlyDatabase
from text_to_sql.text_to_sql import Answer, TextToSQL

__all__ = [
    "Answer",
    "DatabaseFileError",
    "QueryFailedError",
    "QueryResult",
    "QueryTimeoutError",
    "ReadOnlyDatabase",
    "TextToSQL",
    "TextToSQLError",
    "UnsafeSQLError",
]
