"""Checks of arguments: an error names the field, the rule and the value that was given."""

from typing import Any


def require(holds: bool, field: str, rule: str, value: Any) -> None:
    """Raises ValueError "`field` must be `rule`, got `value`" unless the rule holds."""
    if not holds:
        raise ValueError(f"{field} must be {rule}, got {value!r}")


def require_integer(field: str, value: Any, minimum: int) -> None:
    """Raises ValueError unless `value` is an integer of at least `minimum`."""
    require(type(value) is int and value >= minimum, field, f"an integer of at least {minimum}", value)


def require_bool(field: str, value: Any) -> None:
    """Raises ValueError unless `value` is True or False."""
    require(type(value) is bool, field, "True or False", value)


def require_text_or_none(field: str, value: Any) -> None:
    """Raises ValueError unless `value` is a text or None."""
    require(value is None or isinstance(value, str), field, "a text, or None", value)


def require_number(field: str, value: Any, minimum: float, maximum: float = float("inf")) -> None:
    """Raises ValueError unless `value` is a finite number within [minimum, maximum]."""
    allowed = f"a number of at least {minimum}" if maximum == float("inf") else f"a number in [{minimum}, {maximum}]"
    is_number = type(value) in (int, float) and value not in (float("inf"), float("-inf"))
    require(is_number and minimum <= value <= maximum, field, allowed, value)
