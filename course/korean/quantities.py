"""Numbers, units and names with figures, as English and Korean write them."""

import re
from decimal import Decimal
from typing import Final

_FACTORS: Final = {"million": 10**6, "billion": 10**9, "억": 10**8, "만": 10**4}
# Not the 100 of H100, which is part of a name; 0.32.0 is one number.
_NUMBER = re.compile(r"(?<![A-Za-z\d.])\d+(?:,\d{3})*(?:\.\d+)*")
_ENGLISH_LARGE = re.compile(r"(?<![A-Za-z\d.])(?P<count>\d[\d,]*(?:\.\d+)?) (?P<factor>million|billion)\b")
# Korean counts in ten thousands: 135 million is 1억 3,500만.
_KOREAN_LARGE = re.compile(
    r"(?<![A-Za-z\d.])(?=\d)(?:(?P<억>\d[\d,]*(?:\.\d+)?)억 ?)?(?:(?P<만>\d[\d,]*(?:\.\d+)?)만)?(?<=[억만])"
)
_UNIT = re.compile(r"\d ?(%|[kKMGT]i?B(?:/s)?|[GT]FLOP/s)")
_NAME = re.compile(r"[A-Za-z][A-Za-z-]*\d(?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


def numbers(words: str) -> list[str]:
    """Returns the numbers in figures: 135 million and 1억 3,500만 are both 135000000.

    Args:
        words: without code and formulas.
    """
    words = _ENGLISH_LARGE.sub(lambda found: _product(found["count"], found["factor"]), words)
    words = _KOREAN_LARGE.sub(_ten_thousands, words)
    return [number.replace(",", "") for number in _NUMBER.findall(words)]


def units(words: str) -> list[str]:
    """Returns the units that stand behind numbers, each once: a text may give one to two numbers, or to each."""
    return sorted(set(_UNIT.findall(words)))


def names(words: str) -> list[str]:
    """Returns the names that have figures, such as H100 or SmolLM2, each once."""
    return sorted(set(_NAME.findall(words)))


def _product(count: str, factor: str) -> str:
    return f"{Decimal(count.replace(',', '')) * _FACTORS[factor]:.0f}"


def _ten_thousands(found: re.Match[str]) -> str:
    return str(sum(int(_product(count, factor)) for factor, count in found.groupdict().items() if count))
