"""What is filled into a template: cells of the sample database, numbers near them, dates, small counts."""

import random
import re
import sqlite3
from calendar import month_name, monthrange
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from text_to_sql.sample_database import sample_database_path

SLOT = re.compile(r"\{(\w+)\}")
# What stands for a slot in SQL, where that is not the slot itself.
SHOWN_AS = {
    "count_word": "count",
    **{
        f"{period}{number}_{end}": f"{period}{number}"
        for period in ("year", "month")
        for number in ("", "2")
        for end in ("start", "end")
    },
}
_COLUMNS = {
    "genre": "books.genre",
    "language": "books.language",
    "title": "books.title",
    "price": "books.price",
    "pages": "books.pages",
    "published": "books.published_year",
    "book_id": "books.book_id",
    "author": "authors.name",
    "author_country": "authors.country",
    "born": "authors.birth_year",
    "publisher": "publishers.name",
    "publisher_country": "publishers.country",
    "founded": "publishers.founded_year",
    "customer": "customers.name",
    "city": "customers.city",
    "customer_country": "customers.country",
    "customer_id": "customers.customer_id",
    "status": "orders.status",
    "shipping": "orders.shipping_cost",
    "order_id": "orders.order_id",
    "quantity": "order_items.quantity",
    "unit_price": "order_items.unit_price",
    "rating": "reviews.rating",
}
_DATE_COLUMN = re.compile(r"\b(\w+\.\w+_on)\b")
_COUNT_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_LOWER_CASE = 0.1
_ROUND_NUMBER = 0.5


@dataclass(frozen=True, slots=True)
class Filling:
    """What a slot is filled with.

    Attributes:
        shown: as a question says it.
        literal: as SQL says it.
    """

    shown: str
    literal: str


def slots_of(text: str) -> set[str]:
    """Returns the slots that a question names, or that SQL needs from it."""
    return {SHOWN_AS.get(name, name) for name in SLOT.findall(text)}


def draw_fillings(sql: str, rng: random.Random) -> dict[str, Filling]:
    """Returns what fills each slot of a template's SQL and of its questions.

    Raises:
        ValueError: a slot has an unknown name.
    """
    fillings: dict[str, Filling] = {}
    for name in sorted({slot.removesuffix("2") for slot in slots_of(sql)}):
        fillings |= _draw(name, _column_of_dates(sql), rng)
    return fillings


def _draw(name: str, column_of_dates: str, rng: random.Random) -> dict[str, Filling]:
    """Returns the fillings of a slot and of its second, larger or other one."""
    if name == "count":
        return _counts(rng)
    if name in ("day", "year", "month"):
        return _DATES[name](column_of_dates, rng)
    if name not in _COLUMNS:
        raise ValueError(f"unknown slot {name!r}: known are {', '.join(sorted([*_COLUMNS, *_DATES, 'count']))}")
    first, second = _two(cells(_COLUMNS[name]), rng)
    if isinstance(first, str):
        return {name: _text(first, rng), f"{name}2": _text(second, rng)}
    if isinstance(first, float) and rng.random() < _ROUND_NUMBER:
        first, second = int(first), int(second) + 1
    return {name: Filling(str(first), str(first)), f"{name}2": Filling(str(second), str(second))}


def _text(cell: str, rng: random.Random) -> Filling:
    shown = cell.lower() if rng.random() < _LOWER_CASE else cell
    return Filling(shown, _quoted(cell))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _two(values: tuple[Any, ...], rng: random.Random) -> list[Any]:
    """Returns two different ones; numbers and dates with the smaller one first, texts in any order."""
    two = rng.sample(values, 2)
    return two if isinstance(two[0], str) and not _is_date(two[0]) else sorted(two)


def _is_date(text: str) -> bool:
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text))


def _counts(rng: random.Random) -> dict[str, Filling]:
    small, large = sorted(rng.sample(range(2, 10), 2))
    return {
        "count": Filling(str(small), str(small)),
        "count_word": Filling(_COUNT_WORDS[small - 2], str(small)),
        "count2": Filling(str(large), str(large)),
    }


def _column_of_dates(sql: str) -> str:
    found = _DATE_COLUMN.search(sql)
    return found[1] if found else "orders.ordered_on"


def _days(column: str, rng: random.Random) -> dict[str, Filling]:
    first, second = _two(cells(column), rng)
    spell = rng.choice((str, _day_first, _month_first))
    return {
        "day": Filling(spell(date.fromisoformat(first)), _quoted(first)),
        "day2": Filling(spell(date.fromisoformat(second)), _quoted(second)),
    }


def _day_first(day: date) -> str:
    return f"{day.day} {month_name[day.month]} {day.year}"


def _month_first(day: date) -> str:
    return f"{month_name[day.month]} {day.day}, {day.year}"


def _years(column: str, rng: random.Random) -> dict[str, Filling]:
    years = tuple(sorted({day[:4] for day in cells(column)}))
    fillings = {}
    for name, year in zip(("year", "year2"), sorted(rng.sample(years, 2)), strict=True):
        fillings |= _period(name, year, f"{year}-01-01", f"{year}-12-31")
    return fillings


def _months(column: str, rng: random.Random) -> dict[str, Filling]:
    fillings = {}
    for name, text in zip(("month", "month2"), _two(cells(column), rng), strict=True):
        day = date.fromisoformat(text)
        last = monthrange(day.year, day.month)[1]
        fillings |= _period(name, f"{month_name[day.month]} {day.year}", f"{day:%Y-%m}-01", f"{day:%Y-%m}-{last}")
    return fillings


def _period(name: str, shown: str, first: str, last: str) -> dict[str, Filling]:
    return {
        name: Filling(shown, shown),
        f"{name}_start": Filling(shown, _quoted(first)),
        f"{name}_end": Filling(shown, _quoted(last)),
    }


_DATES: Mapping[str, Callable[[str, random.Random], dict[str, Filling]]] = {
    "day": _days,
    "year": _years,
    "month": _months,
}


@cache
def cells(qualified: str) -> tuple[Any, ...]:
    """Returns the different cells of a column, `table.column`, of the sample database; NULL is left out."""
    table, column = qualified.split(".")
    query = f"SELECT DISTINCT {column} FROM {table} WHERE {column} NOT NULL ORDER BY {column}"
    with closing(sqlite3.connect(f"{sample_database_path().as_uri()}?mode=ro", uri=True)) as connection:
        return tuple(cell for (cell,) in connection.execute(query))
