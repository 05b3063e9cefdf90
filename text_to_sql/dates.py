"""Days and months that a question spells out, as databases hold them: `1 June 2021` is `'2021-06-01'`.

A small model makes `'2021-06-1'` of it. Only dates with a month's name and a year are read: `5/6/2021` is May in one
country and June in another.
"""

import re
from calendar import month_abbr, month_name, monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

_MONTHS = {name.lower(): number for names in (month_name, month_abbr) for number, name in enumerate(names) if name}
_MONTHS["sept"] = 9
_MONTH = rf"\b(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\b"
_JOINER = r"\s*(?:\bto\b|\band\b|\bthrough\b|\buntil\b|\btill\b|-|–)\s*"
_DAYS = rf"\b(?P<first>\d{{1,2}})(?:st|nd|rd|th)?(?:{_JOINER}(?:the\s+)?(?P<last>\d{{1,2}})(?:st|nd|rd|th)?)?\b"
_YEAR = r",?\s+(?:of\s+)?(?P<year>\d{4})\b"
_DAY_FIRST = re.compile(rf"{_DAYS}\s+(?:of\s+)?{_MONTH}(?:{_YEAR})?", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"{_MONTH}\s+(?:the\s+)?{_DAYS}(?:{_YEAR})?", re.IGNORECASE)
_MONTH_ONLY = re.compile(rf"{_MONTH}{_YEAR}", re.IGNORECASE)
# Of two readings of the same place the first that fits counts.
_FORMS = (_DAY_FIRST, _MONTH_FIRST, _MONTH_ONLY)
_ONLY_JOINER = re.compile(_JOINER, re.IGNORECASE)


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
        year = place["year"] or _year_of(place, following)
        if year and (spelt := _read(place, int(year))):
            found.append(spelt)
    return tuple(found)


def _places(question: str) -> Iterator[re.Match[str]]:
    """Yields what may be dates; they do not overlap."""
    start = 0
    while matches := [match for form in _FORMS if (match := form.search(question, start))]:
        nearest = min(matches, key=lambda match: match.start())
        yield nearest
        start = nearest.end()


def _year_of(place: re.Match[str], following: re.Match[str] | None) -> str | None:
    if following and _ONLY_JOINER.fullmatch(place.string, place.end(), following.start()):
        return following["year"]
    return None


def _read(place: re.Match[str], year: int) -> SpeltDate | None:
    """Returns the date, unless the calendar has no such day."""
    month, days = _MONTHS[place["month"].lower()], place.groupdict()
    first = int(days.get("first") or 1)
    last = int(days.get("last") or days.get("first") or monthrange(max(year, 1), month)[1])
    try:
        spelt = SpeltDate(place[0], date(year, month, first), date(year, month, last))
    except ValueError:
        return None
    return spelt if spelt.first <= spelt.last else None
