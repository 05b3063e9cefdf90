"""Days and months that a question spells out, as databases hold them: `1 June 2021` is `'2021-06-01'`.

A small model makes `'2021-06-1'` of it. Only dates with a month's name and a year are read: `5/6/2021` is May in one
country and June in another.
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

# `calendar.month_name` speaks the language of the process.
_NAMES = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTHS = {name[:length]: number for number, name in enumerate(_NAMES, 1) for length in (3, len(name))} | {"sept": 9}
_NAME = "|".join(sorted(_MONTHS, key=len, reverse=True))
_MONTH = rf"\b(?P<month>{_NAME})\b\.?"
_JOINER = r"\s*(?:\bto\b|\band\b|\bthrough\b|\buntil\b|\btill\b|-|–)\s*"
_DAYS = (
    r"\b(?P<first>\d{1,2})(?:st|nd|rd|th)?"
    rf"(?:(?P<joiner>{_JOINER})(?:the\s+)?(?P<last>\d{{1,2}})(?:st|nd|rd|th)?)?\b"
)
_YEAR = r",?\s+(?:of\s+)?(?P<year>\d{4})\b"
# ASCII: else `ı` is an `i` of another case, and a digit may be one that `int` reads and databases do not write.
_FLAGS = re.IGNORECASE | re.ASCII
_DAY_FIRST = re.compile(rf"{_DAYS}\s+(?:of\s+)?{_MONTH}(?:{_YEAR})?", _FLAGS)
_MONTH_FIRST = re.compile(rf"{_MONTH}\s+(?:the\s+)?{_DAYS}(?:{_YEAR})?", _FLAGS)
_MONTH_ONLY = re.compile(rf"(?:\b(?P<from>{_NAME})\b\.?(?P<joiner>{_JOINER}))?{_MONTH}{_YEAR}", _FLAGS)
# Of two readings of the same place the first that fits counts.
_FORMS = (_DAY_FIRST, _MONTH_FIRST, _MONTH_ONLY)
_ONLY_JOINER = re.compile(_JOINER, _FLAGS)
# `on 2 and 5 May` are two days, `between 2 and 5 May` all from one to the other.
_BETWEEN = re.compile(r"\bbetween\s+(?:the\s+)?$", _FLAGS)
_LONGEST_BETWEEN = 20


@dataclass(frozen=True, slots=True)
class SpeltDate:
    """A day, or some days that follow each other.

    Attributes:
        text: as the question spells it.
        first: the first day.
        last: the last day, the same for a single one.
    """

    text: str
    first: date
    last: date


def spelt_dates(question: str) -> tuple[SpeltDate, ...]:
    """Returns the dates that a question spells out with a month's name and a year, in its order.

    A day without a year takes that of the date which it is joined to: `1 March to 3 May 2021`.
    """
    found = []
    for place, following in pairwise([*_places(question), None]):
        year = int(place["year"]) if place["year"] else _year_of(place, following)
        if year and (spelt := _read(place, year)):
            found.append(spelt)
    return tuple(found)


def _places(question: str) -> Iterator[re.Match[str]]:
    """Yields what may be dates; they do not overlap."""
    waiting = [form.search(question) for form in _FORMS]
    while matches := [match for match in waiting if match]:
        nearest = min(matches, key=lambda match: match.start())
        yield nearest
        end = nearest.end()
        waiting = [match.re.search(question, end) if match and match.start() < end else match for match in waiting]


def _year_of(place: re.Match[str], following: re.Match[str] | None) -> int | None:
    """Returns the year of the date that a day is joined to, or the one before: `30 December to 2 January 2021`."""
    if following is None or not following["year"]:
        return None
    if not _ONLY_JOINER.fullmatch(place.string, place.end(), following.start()):
        return None
    return int(following["year"]) - (_month(place["month"]) > _month(following["month"]))


def _read(place: re.Match[str], year: int) -> SpeltDate | None:
    """Returns the date, unless the calendar has no such day."""
    groups = place.groupdict()
    if groups["joiner"] and not _is_span(place):
        return None
    month = _month(place["month"])
    first = int(groups.get("first") or 1)
    last = int(groups.get("last") or groups.get("first") or monthrange(max(year, 1), month)[1])
    try:
        spelt = SpeltDate(
            place[0], date(year, _month(groups.get("from") or place["month"]), first), date(year, month, last)
        )
    except ValueError:
        return None
    return spelt if spelt.first <= spelt.last else None


def _is_span(place: re.Match[str]) -> bool:
    before = place.string[max(0, place.start() - _LONGEST_BETWEEN) : place.start()]
    return place["joiner"].strip().lower() != "and" or _BETWEEN.search(before) is not None


def _month(name: str) -> int:
    return _MONTHS[name.lower()]
