"""Questions about rows that are told by several conditions: listed, counted, or the foremost of them."""

from text_to_sql.generator.database import DrawnColumn, DrawnDatabase, DrawnTable
from text_to_sql.generator.domain import vocabulary
from text_to_sql.generator.rows import Rows, draw_rows, references_of
from text_to_sql.generator.single_table import Pattern, draw_table, extreme, selected
from text_to_sql.generator.wording import Question, Wording, capital

FULL_NAMES = tuple(vocabulary()["full_names"])
_PLACES = ("second", "third")


def list_of_some(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Columns of rows, now and then each once, in order, or beside those of what they refer to."""
    table = draw_table(database, wording, "name", "category", "measure")
    if table is None:
        return None
    rows = draw_rows(database, table, wording)
    if not rows.is_restricted:
        return None
    columns = [column for column in wording.shown(table) if not rows.compares(column)]
    if not columns:
        return None
    what, select = wording.listings(columns, table), selected(table, columns)
    if wording.chance(0.25):
        other = _other_table(database, rows, wording)
        what, select = (f"{what} {other[0]}", f"{select}, {other[1]}") if other else (what, select)
    whom = rows.named(wording.plural(table))
    if wording.chance(0.2):
        return _each_once(what, whom, select, rows, wording)
    sql = f"SELECT {select} {rows.sql}"
    text = f"Who are the {whom}?" if _asks_who(database, table, columns, wording) else wording.ask(what, whom)
    return _in_order(text, sql, table, wording) if wording.chance(0.3) else Question(text, sql)


def _asks_who(database: DrawnDatabase, table: DrawnTable, columns: list[DrawnColumn], wording: Wording) -> bool:
    """Whether `who` stands for the name of a person, now and then."""
    is_name = [column.words.role for column in columns] == ["name"]
    return is_name and is_people(database, table) and wording.chance(0.3)


def is_people(database: DrawnDatabase, table: DrawnTable) -> bool:
    """Whether the rows are people: others refer to them with `who`, or they have the names of people."""
    links = [one.column.words.child for one in database.references if one.parent is table]
    names = table.with_role("name")[:1]
    return any(link.startswith("who ") for link in links) or any(one.words.values == FULL_NAMES for one in names)


def _other_table(database: DrawnDatabase, rows: Rows, wording: Wording) -> tuple[str, str] | None:
    """Adds a column of what the rows refer to; returns it in words and in SQL."""
    references = [one for one in references_of(database, rows.table) if one.parent.with_role("name")]
    if not references:
        return None
    reference = wording.rng.choice(references)
    rows.join(reference)
    column, owner = reference.parent.with_role("name")[0], wording.singular(reference.parent)
    phrase = wording.phrase(column)
    words = wording.pick(f"together with the {owner} {phrase}", f"and the {phrase} of their {owner}", f"and {owner}")
    return words, reference.parent.sql(column)


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


def _in_order(text: str, sql: str, table: DrawnTable, wording: Wording) -> Question:
    columns = table.with_role("measure", "year", "date", "name")
    if not columns:
        return Question(text, sql)
    column = wording.rng.choice(columns)
    words, phrase, descending = column.words, wording.phrase(column), wording.chance(0.5)
    own = words.most if descending else words.least
    if words.role == "name":
        order, descending = wording.pick("in alphabetical order", f"by {phrase}", f"sorted by {phrase}"), False
    elif own and wording.chance(0.6):
        order = f"{own} first"
    elif words.role == "measure":
        end = wording.pick("highest first", "from high to low") if descending else "lowest first"
        order = f"by {phrase}, {end}"
    else:
        order = f"{'newest' if descending else 'oldest'} {phrase} first"
    end = text[-1] if text[-1] in "?." else ""
    sql = f"{sql} ORDER BY {table.sql(column)} {'DESC' if descending else 'ASC'}"
    return Question(f"{text.removesuffix(end)}, {order}{end}", sql)


def number_of_some(database: DrawnDatabase, wording: Wording) -> Question | None:
    """How many rows, or how many different values or owners they have."""
    table = wording.rng.choice(database.tables)
    rows = draw_rows(database, table, wording)
    if not rows.is_restricted:
        return None
    whom, references = rows.named(wording.plural(table)), references_of(database, table)
    if references and wording.chance(0.2):
        reference = wording.rng.choice(references)
        owners, different = wording.plural(reference.parent), wording.pick("different", "distinct")
        text = wording.pick(
            f"How many {different} {owners} have {whom}?",
            f"How many {different} {owners} are there among the {whom}?",
            f"By how many {different} {owners} are the {whom}?",
        )
        return Question(text, f"SELECT COUNT(DISTINCT {table.sql(reference.column)}) {rows.sql}")
    return Question(wording.ask_number(whom), f"SELECT COUNT(*) {rows.sql}")


def foremost_of_some(database: DrawnDatabase, wording: Wording) -> Question | None:
    """The first rows in an order: the cheapest, the three longest, the second oldest."""
    table = draw_table(database, wording, "measure", "year", "date")
    if table is None:
        return None
    column = wording.rng.choice(table.with_role("measure", "year", "date"))
    rows = draw_rows(database, table, wording, (5, 4, 1))
    columns = [one for one in wording.shown(table, 2) if one is not column and not rows.compares(one)]
    if not columns:
        return None
    count = wording.rng.choice((1, 1, 1, 2, 3, 4, 5, 10))
    if wording.chance(0.12):
        return _in_second_place(rows, column, columns, wording)
    direction, whom = _superlative(rows, column, count, wording)
    what = wording.listing(columns, table) if count == 1 else wording.listings(columns, table)
    if wording.chance(0.15):
        columns, what = [*columns, column], f"{what} and {wording.phrase(column)}"
    sql = f"SELECT {selected(table, columns)} {rows.sql} ORDER BY {table.sql(column)} {direction} LIMIT {count}"
    if _asks_who(database, table, columns, wording):
        return Question(f"Who {'is' if count == 1 else 'are'} the {whom}?", sql)
    return Question(_request_for_foremost(what, whom, count, wording), sql)


def _superlative(rows: Rows, column: DrawnColumn, count: int, wording: Wording) -> tuple[str, str]:
    """Returns the direction of the order, and `cheapest poetry book` or `three books with the lowest price`."""
    noun = rows.named(wording.singular(rows.table) if count == 1 else wording.plural(rows.table))
    number = "" if count == 1 else f"{wording.amount(count)} "
    greatest = wording.chance(0.6)
    own = column.words.most if greatest else column.words.least
    if own and own not in ("highest", "lowest", "largest", "smallest", "greatest") and wording.chance(0.7):
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
    whom = f"{_PLACES[place]} {own} {rows.named(wording.singular(rows.table))}"
    if own in ("highest", "largest", "greatest", "best"):
        whom = f"{rows.named(wording.singular(rows.table))} with the {_PLACES[place]} {own} {wording.phrase(column)}"
    text = wording.pick(f"What is the {{}} of the {whom}?", f"Give the {{}} of the {whom}.")
    order = f"ORDER BY {rows.table.sql(column)} DESC LIMIT 1 OFFSET {place + 1}"
    sql = f"SELECT {selected(rows.table, columns)} {rows.sql} {order}"
    return Question(text.format(wording.listing(columns, rows.table)), sql)


PATTERNS: tuple[tuple[Pattern, int], ...] = (
    (list_of_some, 10),
    (number_of_some, 5),
    (foremost_of_some, 6),
)
