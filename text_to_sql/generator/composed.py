"""Questions about rows that are told by several conditions: listed, counted, or the foremost of them."""

import re
from collections.abc import Sequence

from text_to_sql.generator.conditions import condition_on
from text_to_sql.generator.database import DrawnColumn, DrawnDatabase, DrawnTable, Reference
from text_to_sql.generator.domain import vocabulary
from text_to_sql.generator.people import FIRST
from text_to_sql.generator.rows import Rows, draw_apart, draw_rows, references_of
from text_to_sql.generator.single_table import Pattern, draw_table, selected
from text_to_sql.generator.wording import Condition, Question, Wording, capital

FULL_NAMES = tuple(vocabulary()["full_names"])
_TESTED_ROLES = ("category", "measure", "year", "date", "flag")
# Superlatives that say nothing without the column that they are about.
GENERAL = frozenset(("highest", "lowest", "largest", "smallest", "greatest"))


def is_fixed(rows: Rows, table: DrawnTable, column: DrawnColumn) -> bool:
    """Whether the conditions leave a column one value or none, so that nobody would show it or order by it."""
    return bool(re.search(rf" (?:WHERE|AND) {re.escape(table.sql(column))} (?:= |IS NULL)", rows.where))


def varies(rows: Rows, table: DrawnTable, column: DrawnColumn) -> bool:
    """Whether no condition is about a column of the rows, or leaves a column of another table one value."""
    is_compared = table is rows.table and rows.compares(column)
    return not is_compared and not is_fixed(rows, table, column)


def is_one(rows: Rows, table: DrawnTable) -> bool:
    """Whether the conditions tell a row of a table by its name or its key."""
    return any(is_fixed(rows, table, column) for column in table.with_role("name", "key"))


def ways_up(database: DrawnDatabase, rows: Rows) -> list[tuple[Reference, ...]]:
    """Returns the references, one or two in a row, from rows to owners of which the conditions leave several."""
    near = [(one,) for one in references_of(database, rows.table)]
    far = [(*way, one) for way in near for one in references_of(database, way[0].parent)]
    return [] if is_one(rows, rows.table) else [way for way in (*near, *far) if _is_open(rows, way)]


def _is_open(rows: Rows, way: tuple[Reference, ...]) -> bool:
    # A table that the query reads along another reference cannot be read once more under the same name.
    read = {rows.table.name, *(one.parent.name for one in rows.joined if one not in way)}
    return all(
        one.parent.name not in read and not is_one(rows, one.parent) and not is_fixed(rows, one.child, one.column)
        for one in way
    )


def with_owner(owner: str, phrase: str) -> str:
    """Returns `branch city`, and `room number` not with `room` twice."""
    return phrase if phrase.startswith(owner) else f"{owner} {phrase}"


def follow(rows: Rows, way: Sequence[Reference]) -> None:
    """Adds the tables along references to the query."""
    for reference in way:
        rows.join(reference)


def draw_shown(rows: Rows, wording: Wording, most: int = 3) -> list[DrawnColumn]:
    """Draws columns to show that no condition is about."""
    table = rows.table
    return wording.shown(table, most, [table.sql(one) for one in table.columns if not varies(rows, table, one)])


def list_of_some(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Columns of rows, now and then each once, in order, or beside those of what they refer to."""
    table = draw_table(database, wording, "name", "category", "measure")
    if table is None:
        return None
    rows = Rows(table) if wording.chance(0.45) else draw_rows(database, table, wording)
    columns = draw_shown(rows, wording)
    has_other = columns and (wording.chance(0.3) or not rows.is_restricted)
    other = other_table(database, rows, wording) if has_other else None
    if not columns or not (rows.is_restricted or other):
        return None
    if other is None and asks_who(database, table, columns, wording):
        whom = rows.named(wording.plural(table))
        return Question(f"Who are the {whom}?", f"SELECT {selected(table, columns)} {rows.sql}")
    return _list(rows, columns, other, wording)


def _list(rows: Rows, columns: list[DrawnColumn], other: tuple[str, str] | None, wording: Wording) -> Question:
    table = rows.table
    what, select = wording.listings(columns, table), selected(table, columns)
    what, select = (f"{what} {other[0]}", f"{select}, {other[1]}") if other else (what, select)
    whom = rows.named(wording.plural(table))
    if wording.chance(0.2):
        return _each_once(what, whom, select, rows, wording)
    sql = f"SELECT {select} {rows.sql}"
    if wording.chance(0.3) and (order := _draw_order(rows, [] if other else columns, wording)):
        return Question(wording.ask(what, whom, order=order[0]), f"{sql} {order[1]}")
    return Question(wording.ask(what, whom), sql)


def asks_who(database: DrawnDatabase, table: DrawnTable, columns: list[DrawnColumn], wording: Wording) -> bool:
    """Whether `who` stands for the whole name of a person, now and then."""
    return columns == wording.names(table) and is_people(database, table) and wording.chance(0.3)


def is_people(database: DrawnDatabase, table: DrawnTable) -> bool:
    """Whether the rows are people: others refer to them with `who`, or they have the names of people."""
    links = [one.column.words.child for one in database.references if one.parent is table]
    names = table.with_role("name")[:1]
    has_names = any(one.words.name == FIRST or one.words.values == FULL_NAMES for one in names)
    return has_names or any(link.startswith("who ") for link in links)


def other_table(database: DrawnDatabase, rows: Rows, wording: Wording) -> tuple[str, str] | None:
    """Adds columns of what the rows refer to, maybe over another table; returns them in words and in SQL."""
    ways = [way for way in ways_up(database, rows) if way[-1].parent.with_role("name")]
    if not ways:
        return None
    way = wording.rng.choice(ways)
    parent = way[-1].parent
    names, owner = wording.names(parent), wording.singular(parent)
    others = [one for one in parent.with_role("category", "year") if varies(rows, parent, one)]
    columns = [wording.rng.choice(others)] if others and wording.chance(0.3) else names
    follow(rows, way)
    phrase = wording.listing(columns, parent)
    whole = with_owner(owner, phrase)
    words = [f"together with the {whole}", f"along with the {phrase} of the {owner}", f"and the {whole}"]
    if columns == names:
        words.append(f"and {owner}")
    return wording.pick(*words), selected(parent, columns)


def _each_once(what: str, whom: str, select: str, rows: Rows, wording: Wording) -> Question:
    sql = f"SELECT DISTINCT {select} {rows.sql}"
    text = wording.pick(
        f"What are the different {what} of {whom}?",
        f"List the {what} of {whom}, each once.",
        f"{capital(what)} of {whom}, without repetition",
        f"Which {what} are there among {whom}? Each one once.",
        f"Show the distinct {what} of the {whom}.",
    )
    return Question(text, sql)


def _draw_order(rows: Rows, shown: list[DrawnColumn], wording: Wording) -> tuple[str, str] | None:
    """Draws an order by a column that varies, in words and in SQL; of `shown`, a name may be in alphabetical order."""
    table = rows.table
    columns = [one for one in table.with_role("measure", "year", "date", "name") if not is_fixed(rows, table, one)]
    if not columns:
        return None
    column = wording.rng.choice(columns)
    only_name = [one for one in shown if one.words.role == "name"] == [column]
    words, descending = _order(column, only_name, wording)
    return words, f"ORDER BY {table.sql(column)} {'DESC' if descending else 'ASC'}"


def _order(column: DrawnColumn, only_name: bool, wording: Wording) -> tuple[str, bool]:
    """Draws the words of an order, and whether it is descending."""
    words, descending = column.words, wording.chance(0.5)
    own, by = (
        words.most if descending else words.least,
        f"{wording.pick('ordered', 'sorted')} by {wording.phrase(column)}",
    )
    if words.role == "name":
        return wording.pick("in alphabetical order", by) if only_name else by, False
    if own and own not in GENERAL and wording.chance(0.6):
        other = words.least if descending else words.most
        return (f"from the {own} to the {other}" if other else f"with the {own} first"), descending
    if words.role == "measure":
        return (
            f"{by}, {wording.pick('highest first', 'from high to low') if descending else 'lowest first'}",
            descending,
        )
    return f"{by}, {'latest' if descending else 'earliest'} first", descending


def owners_of_some(database: DrawnDatabase, wording: Wording) -> Question | None:
    """What rows of several conditions refer to, such as the authors of books in English published in Berlin."""
    references = [one for one in database.references if one.parent.with_role("name")]
    if not references:
        return None
    reference = wording.rng.choice(references)
    child, parent = reference.child, reference.parent
    rows = draw_rows(database, child, wording, (3, 4, 1))
    if not rows.is_restricted or reference in rows.joined or (reference,) not in ways_up(database, rows):
        return None
    whom = f"{wording.plural(parent)} {reference.column.words.child} {rows.named(wording.plural(child))}"
    if wording.chance(0.15):
        return Question(wording.ask_number(whom), f"SELECT COUNT(DISTINCT {child.sql(reference.column)}) {rows.sql}")
    rows.join(reference)
    columns = wording.shown(parent, 2)
    what, select = wording.listings(columns, parent), selected(parent, columns)
    if wording.chance(0.4):
        return _each_once(what, whom, select, rows, wording)
    return Question(wording.ask(what, whom), f"SELECT {select} {rows.sql}")


def rows_of_either(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Rows that meet one of two conditions, of their own or of what they refer to, listed or counted."""
    table = draw_table(database, wording, *_TESTED_ROLES)
    rows = _rows_of_either(database, table, wording) if table else None
    if table is None or rows is None:
        return None
    whom = rows.named(wording.plural(table))
    if wording.chance(0.3):
        return Question(wording.ask_number(whom), f"SELECT COUNT(*) {rows.sql}")
    columns = wording.shown(table, but=[table.sql(one) for one in table.columns if table.sql(one) in rows.where])
    if not columns:
        return None
    what = wording.listings(columns, table)
    return Question(wording.ask(what, whom), f"SELECT {selected(table, columns)} {rows.sql}")


def _rows_of_either(database: DrawnDatabase, table: DrawnTable, wording: Wording) -> Rows | None:
    references = [one for one in references_of(database, table) if one.parent.with_role(*_TESTED_ROLES)]
    reference = wording.rng.choice(references) if references and wording.chance(0.35) else None
    either = _either(reference.parent if reference else table, wording)
    if either is None or reference is None:
        return Rows(table, [either]) if either else None
    link = f"{reference.column.words.parent} {either.of(wording.plural(reference.parent))}"
    return Rows(table, links=[link], joined=[reference], parent_sql=[either.sql])


def _either(table: DrawnTable, wording: Wording) -> Condition | None:
    """Draws a condition that two values of a column meet, or two columns."""
    columns = table.with_role(*_TESTED_ROLES)
    pair = draw_apart(table, wording) if wording.chance(0.5) else None
    if pair is None and len(columns) > 1:
        one, other = wording.rng.sample(columns, 2)
        pair = condition_on(table, one, wording), condition_on(table, other, wording)
    # Nobody joins both values of a flag by `or`, nor what is an `or` or a `not` itself.
    flags = tuple(f"{table.sql(one)} " for one in table.with_role("flag"))
    if pair is None or all(one.sql.startswith(flags) for one in pair):
        return None
    has_one_bound = len({one.sql.rsplit(" ", 1)[1] for one in pair}) == 1
    if has_one_bound or any(one.before or re.search(r" OR |<>|NOT ", one.sql) for one in pair):
        return None
    return Condition(" or ".join(one.text for one in pair), " OR ".join(one.sql for one in pair))


PATTERNS: tuple[tuple[Pattern, int], ...] = (
    (list_of_some, 10),
    (owners_of_some, 5),
    (rows_of_either, 2),
)
