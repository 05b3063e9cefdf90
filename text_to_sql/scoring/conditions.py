"""A comparison of a column with literals: how it is read, which values meet it, and which stand next to it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from sqlglot import exp

_NEGATED: Final = {
    "=": "<>",
    "<>": "=",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "in": "not in",
    "like": "not like",
    "between": "not between",
    "null": "not null",
}
_READ: Final = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.Like: "like",
    exp.In: "in",
    exp.Between: "between",
    exp.Is: "null",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """What a column's value is compared with.

    Attributes:
        operator: `=`, `<>`, `<`, `<=`, `>`, `>=`, `in`, `like`, `between` or `null`, those with `not `; or `fresh` (no
            other row has it), `high` and `low` (beyond all other rows).
        values: the literals.
    """

    operator: str
    values: tuple[Any, ...] = ()


def negated(condition: Condition) -> Condition:
    """Returns the condition that the same values fail."""
    operator = condition.operator
    return Condition(_NEGATED.get(operator) or operator.removeprefix("not "), condition.values)


def read_condition(comparison: exp.Expression) -> Condition | None:
    """Returns what the left side of a comparison is compared with; None if that is not made of literals."""
    operator = _READ.get(type(comparison))
    if operator is None:
        return None
    values = []
    for side in _right_sides(comparison):
        value = literal(side)
        if value is None and operator != "null":
            return None
        values.append(value)
    return Condition(operator, tuple(values)) if values else None


def _right_sides(comparison: exp.Expression) -> list[exp.Expression]:
    if isinstance(comparison, exp.In):
        return comparison.expressions
    if isinstance(comparison, exp.Between):
        return [comparison.args["low"], comparison.args["high"]]
    return [comparison.expression]


def literal(expression: exp.Expression) -> int | float | str | None:
    """Returns the value of a literal; None for anything else."""
    if isinstance(expression, exp.Neg):
        value = literal(expression.this)
        return -value if isinstance(value, int | float) else None
    if not isinstance(expression, exp.Literal):
        return None
    if expression.is_string:
        return expression.this
    return int(expression.this) if expression.this.isdigit() else float(expression.this)


def candidates(condition: Condition, *, other_case: bool = True) -> Iterator[Any]:
    """Yields values on the literals, next to them, and between them: some meet the condition, some do not.

    Args:
        condition: on one column.
        other_case: whether texts in another case than the literals' are among them.
    """
    if condition.operator in ("like", "not like"):
        yield from map(_matching_text, condition.values)
        return
    for value in condition.values:
        if value is not None:
            yield value
            yield from neighbours(value, other_case=other_case)
    if condition.operator == "between" and all(isinstance(value, int | float) for value in condition.values):
        yield sum(condition.values) / 2


def neighbours(value: Any, *, other_case: bool = True) -> tuple[Any, ...]:
    """Returns the values next to a literal: one less and one more, the day before and after, or other texts."""
    if isinstance(value, int | float):
        return value - 1, value + 1
    if value.isdigit() and len(value) < 16:
        return tuple(str(int(value) + step).zfill(len(value)) for step in (-1, 1))
    try:
        day = date.fromisoformat(value)
        return tuple((day + timedelta(days=step)).isoformat() for step in (-1, 1))
    except (ValueError, OverflowError):
        return (f"{value}s", value.swapcase()) if other_case else (f"{value}s",)


def _matching_text(pattern: Any) -> str:
    return str(pattern).replace("%", "").replace("_", "e")


def holds(condition: Condition, value: Any) -> bool:
    """Returns whether a value meets a condition, as SQLite compares; True for those on other rows."""
    operator, values = condition.operator, condition.values
    if operator.startswith("not "):
        return value is not None and not holds(Condition(operator.removeprefix("not "), values), value)
    if operator in ("fresh", "high", "low"):
        return True
    if operator == "null":
        return value is None
    return value is not None and _compares(operator, value, values)


def _compares(operator: str, value: Any, values: tuple[Any, ...]) -> bool:
    key, others = _sort_key(value), [_sort_key(other) for other in values]
    match operator:
        case "in":
            return key in others
        case "between":
            return others[0] <= key <= others[1]
        case "like":
            return _like(str(values[0]), str(value))
        case "=" | "<>":
            return (key == others[0]) is (operator == "=")
        case "<" | "<=":
            return key < others[0] or (operator == "<=" and key == others[0])
        case _:
            return key > others[0] or (operator == ">=" and key == others[0])


def _sort_key(value: Any) -> tuple[bool, Any]:
    """Puts numbers before texts, and reads a number in quotes as one, as a column of numbers does."""
    try:
        return False, float(value)
    except ValueError:
        return True, value


def _like(pattern: str, text: str) -> bool:
    parts = {"%": ".*", "_": "."}
    expression = "".join(parts.get(letter) or re.escape(letter) for letter in pattern)
    return re.fullmatch(expression, text, re.IGNORECASE | re.DOTALL) is not None
