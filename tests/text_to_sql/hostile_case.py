"""One input that must not pass, and what refuses it."""

from collections.abc import Mapping
from dataclasses import dataclass

from text_to_sql.errors import QueryFailedError, QueryTimeoutError, TextToSQLError, UnsafeSQLError

Expected = str | type[TextToSQLError] | tuple[type[TextToSQLError], ...]
# Which of two limits a query meets first is for the machine to decide.
TOO_MUCH = (QueryTimeoutError, QueryFailedError)


@dataclass(frozen=True, slots=True)
class Hostile:
    """A model's answer that must not pass.

    Attributes:
        kind: its class.
        name: what it tries.
        text: the answer.
        rule: of the UnsafeSQLError, or an empty text.
        errors: what may be raised.
    """

    kind: str
    name: str
    text: str
    rule: str
    errors: tuple[type[TextToSQLError], ...]


def hostile(kind: str, expected: Expected, texts: Mapping[str, str]) -> list[Hostile]:
    """Returns inputs of one class that end alike: with a rule, or with one of some errors."""
    if isinstance(expected, str):
        return [Hostile(kind, name, text, expected, (UnsafeSQLError,)) for name, text in texts.items()]
    errors = expected if isinstance(expected, tuple) else (expected,)
    return [Hostile(kind, name, text, "", errors) for name, text in texts.items()]
