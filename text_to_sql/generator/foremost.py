"""Questions about the foremost of some rows, and the second of them."""

from dataclasses import replace

from text_to_sql.generator.composed import GENERAL, asks_who, draw_shown, is_one, other_table, varies
from text_to_sql.generator.database import DrawnColumn, DrawnDatabase
from text_to_sql.generator.rows import Rows, draw_rows
from text_to_sql.generator.single_table import Pattern, draw_table, extreme, selected
from text_to_sql.generator.wording import Question, Wording, capital

_PLACES = ("second", "third")
_OF_ONE = {"that are ": "that is ", "that have ": "that has ", "who are ": "who is ", "who have ": "who has "}


def foremost_of_some(database: DrawnDatabase, wording: Wording) -> Question | None:
    """The first rows in an order: the cheapest, the three longest, the second oldest."""
    table = draw_table(database, wording, "measure", "year", "date")
    if table is None:
        return None
    rows = Rows(table) if wording.chance(0.65) else draw_rows(database, table, wording, (5, 4, 1))
    ordered = [one for one in table.with_role("measure", "year", "date") if varies(rows, table, one)]
    if not ordered or is_one(rows, table):
        return None
    column = wording.rng.choice(ordered)
    columns = [one for one in draw_shown(rows, wording, 2) if one is not column]
    if not columns:
        return None
    if wording.chance(0.12):
        return _in_second_place(rows, column, columns, wording)
    return _in_first_places(database, rows, column, columns, wording)


def _in_first_places(
    database: DrawnDatabase, rows: Rows, column: DrawnColumn, columns: list[DrawnColumn], wording: Wording
) -> Question:
    table, count = rows.table, wording.rng.choice((1, 1, 1, 2, 3, 4, 5, 10))
    direction, whom = _superlative(rows, column, count, wording)
    end = f"ORDER BY {table.sql(column)} {direction} LIMIT {count}"
    if asks_who(database, table, columns, wording):
        is_ = "is" if count == 1 else "are"
        return Question(f"Who {is_} the {whom}?", f"SELECT {selected(table, columns)} {rows.sql} {end}")
    if wording.chance(0.15):
        columns = [*columns, column]
    what = wording.listing(columns, table) if count == 1 else wording.listings(columns, table)
    select = selected(table, columns)
    if wording.chance(0.2) and (other := other_table(database, rows, wording)):
        what, select = f"{what} {other[0]}", f"{select}, {other[1]}"
    return Question(_request_for_foremost(what, whom, count, wording), f"SELECT {select} {rows.sql} {end}")


def _named(rows: Rows, count: int, wording: Wording) -> str:
    """Returns the rows with all their words; a single one with `that is`, not with `that are`."""
    if count > 1:
        return rows.named(wording.plural(rows.table))
    own = [replace(one, text=_of_one(one.text)) for one in rows.conditions]
    return replace(rows, conditions=own).named(wording.singular(rows.table))


def _of_one(text: str) -> str:
    return next((one + text.removeprefix(many) for many, one in _OF_ONE.items() if text.startswith(many)), text)


def _superlative(rows: Rows, column: DrawnColumn, count: int, wording: Wording) -> tuple[str, str]:
    """Returns the direction of the order, and `cheapest poetry book` or `three books with the lowest price`."""
    noun = _named(rows, count, wording)
    number = "" if count == 1 else f"{wording.amount(count)} "
    greatest = wording.chance(0.6)
    own = column.words.most if greatest else column.words.least
    if own and own not in GENERAL and wording.chance(0.7):
        return ("DESC" if greatest else "ASC"), f"{number}{own} {noun}"
    direction, words = extreme(column, wording, several=count > 1)
    return direction, f"{number}{noun} {words}"


def _request_for_foremost(what: str, whom: str, count: int, wording: Wording) -> str:
    verb, is_ = ("Which", "is") if count == 1 else ("Which", "are")
    return wording.pick(
        f"What {is_} the {what} of the {whom}?",
        f"Give me the {what} of the {whom}.",
        f"{capital(what)} of the {whom}",
        f"{verb} {is_} the {whom}? Show the {what}.",
        f"Find the {whom}. Only the {what}.",
        f"List the {what} of the {whom}.",
    )


def _in_second_place(rows: Rows, column: DrawnColumn, columns: list[DrawnColumn], wording: Wording) -> Question | None:
    own = column.words.most
    if not own:
        return None
    place = wording.rng.choice(range(len(_PLACES)))
    noun = _named(rows, 1, wording)
    whom = f"{_PLACES[place]} {own} {noun}"
    if own in GENERAL or own == "best":
        whom = f"{noun} with the {_PLACES[place]} {own} {wording.phrase(column)}"
    text = wording.pick(f"What is the {{}} of the {whom}?", f"Give the {{}} of the {whom}.")
    order = f"ORDER BY {rows.table.sql(column)} DESC LIMIT 1 OFFSET {place + 1}"
    sql = f"SELECT {selected(rows.table, columns)} {rows.sql} {order}"
    return Question(text.format(wording.listing(columns, rows.table)), sql)


PATTERNS: tuple[tuple[Pattern, int], ...] = ((foremost_of_some, 6),)
