"""Errors of the way from a question to rows; each text is a sentence that a learner understands.

```
TextToSQLError
├── DatabaseFileError    the file is missing, is no SQLite database, or has no table to ask about
├── UnsafeSQLError       SQL that is not run at all; `rule` names what it breaks
├── QueryFailedError     SQLite could not run it, such as for a column that does not exist
├── QueryTimeoutError    it ran longer than the time limit
├── QueryProcessError    the process that runs queries cannot do its work
└── AnswerCutOffError    the model's answer has no end: what there is of it may mean something else
```
"""


class TextToSQLError(Exception):
    """Base of all errors of this package."""


class DatabaseFileError(TextToSQLError):
    """The database cannot be opened or asked."""


class UnsafeSQLError(TextToSQLError):
    """SQL that was refused before a row was read.

    Attributes:
        rule: what it breaks, such as `one statement`, `SELECT only`, `table` or `function`.
    """

    def __init__(self, rule: str, sentence: str) -> None:
        self.rule = rule
        super().__init__(f"Refused ({rule}): {sentence}")


class QueryFailedError(TextToSQLError):
    """SQLite reports an error in the SQL, or needs more for it than it may have."""


class QueryTimeoutError(TextToSQLError):
    """The query was stopped at its time limit."""


class QueryProcessError(TextToSQLError):
    """The process that runs queries cannot be started, cannot open the database, or was ended with `close`."""


class AnswerCutOffError(TextToSQLError):
    """The model's answer was cut off before its end."""
