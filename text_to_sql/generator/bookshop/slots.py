"""What is filled into a template: cells of the sample database, numbers near them, dates, small counts."""

import random
import re
import sqlite3
from calendar import month_name, monthrange
from collections.abc import Callable, Iterator, Mapping
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
_DATE_COLUMN = re.compile(r"(\w+\.\w+_on) (?:[<>=]+|BETWEEN) \{(?:day|month|year)")
_COUNT_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine")
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
    slots = slots_of(sql)
    fillings: dict[str, Filling] = {}
    for name in sorted({slot.removesuffix("2") for slot in slots}):
        values = _draw(_values(name, sql), f"{name}2" in slots, rng)
        make = _MAKERS.get(name, _cell)
        fillings |= make(name, values, rng)
    return fillings


def _values(name: str, sql: str) -> tuple[Any, ...]:
    """Returns what a slot can hold."""
    if name == "count":
        return tuple(range(2, 10))
    if name == "year":
        return tuple(sorted({day[:4] for day in _cells(_column_of_dates(sql))}))
    if name in ("day", "month"):
        return _cells(_column_of_dates(sql))
    if name not in _COLUMNS:
        raise ValueError(f"unknown slot {name!r}: known are {', '.join(sorted([*_COLUMNS, *_MAKERS]))}")
    return _cells(_COLUMNS[name])


def _draw(values: tuple[Any, ...], two: bool, rng: random.Random) -> list[Any]:
    """Returns one value, or two different ones: numbers and dates with the smaller first, texts in any order."""
    drawn = rng.sample(values, 2 if two else 1)
    return drawn if isinstance(drawn[0], str) and not drawn[0][:4].isdigit() else sorted(drawn)


def _cell(name: str, values: list[Any], rng: random.Random) -> dict[str, Filling]:
    if isinstance(values[0], str):
        return {slot: _text(value, rng) for slot, value in _by_slot(name, values)}
    if isinstance(values[0], float) and rng.random() < _ROUND_NUMBER:
        values = [int(value) + place for place, value in enumerate(values)]
    return {slot: Filling(str(value), str(value)) for slot, value in _by_slot(name, values)}


def _by_slot(name: str, values: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yields the value of a slot and, if there are two, of its second."""
    return zip((name, f"{name}2"), values, strict=False)


def _text(cell: str, rng: random.Random) -> Filling:
    shown = cell.lower() if rng.random() < _LOWER_CASE else cell
    return Filling(shown, _quoted(cell))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _counts(name: str, values: list[int], rng: random.Random) -> dict[str, Filling]:
    numbers = _cell(name, values, rng)
    return numbers | {"count_word": Filling(_COUNT_WORDS[values[0] - 2], str(values[0]))}


def _column_of_dates(sql: str) -> str:
    found = _DATE_COLUMN.search(sql)
    return found[1] if found else "orders.ordered_on"


def _days(name: str, values: list[str], rng: random.Random) -> dict[str, Filling]:
    spell = rng.choice((str, _day_first, _month_first))
    return {slot: Filling(spell(date.fromisoformat(day)), _quoted(day)) for slot, day in _by_slot(name, values)}


def _day_first(day: date) -> str:
    return f"{day.day} {month_name[day.month]} {day.year}"


def _month_first(day: date) -> str:
    return f"{month_name[day.month]} {day.day}, {day.year}"


def _years(name: str, values: list[str], rng: random.Random) -> dict[str, Filling]:
    fillings = {}
    for slot, year in _by_slot(name, values):
        fillings |= _period(slot, year, f"{year}-01-01", f"{year}-12-31")
    return fillings


def _months(name: str, values: list[str], rng: random.Random) -> dict[str, Filling]:
    fillings = {}
    for slot, text in _by_slot(name, values):
        day = date.fromisoformat(text)
        last = monthrange(day.year, day.month)[1]
        fillings |= _period(slot, f"{month_name[day.month]} {day.year}", f"{day:%Y-%m}-01", f"{day:%Y-%m}-{last}")
    return fillings


def _period(name: str, shown: str, first: str, last: str) -> dict[str, Filling]:
    return {
        name: Filling(shown, shown),
        f"{name}_start": Filling(shown, _quoted(first)),
        f"{name}_end": Filling(shown, _quoted(last)),
    }


_MAKERS: Mapping[str, Callable[[str, list[Any], random.Random], dict[str, Filling]]] = {
    "count": _counts,
    "day": _days,
    "year": _years,
    "month": _months,
}


@cache
def _cells(qualified: str) -> tuple[Any, ...]:
    """Returns the different cells of a column, `table.column`, of the sample database; NULL is left out."""
    table, column = qualified.split(".")
    query = f"SELECT DISTINCT {column} FROM {table} WHERE {column} NOT NULL ORDER BY {column}"
    with closing(sqlite3.connect(f"{sample_database_path().as_uri()}?mode=ro", uri=True)) as connection:
        return tuple(cell for (cell,) in connection.execute(query))
