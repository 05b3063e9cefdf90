"""Questions about how many rows there are, how many different values, how many owners."""

from text_to_sql.generator.composed import varies, ways_up
from text_to_sql.generator.database import DrawnDatabase, Reference
from text_to_sql.generator.rows import Rows, draw_rows
from text_to_sql.generator.single_table import Pattern
from text_to_sql.generator.wording import Question, Wording, in_plural


def number_of_some(database: DrawnDatabase, wording: Wording) -> Question | None:
    """How many rows, or how many different values or owners they have."""
    table = wording.rng.choice(database.tables)
    rows = Rows(table) if wording.chance(0.3) else draw_rows(database, table, wording)
    if wording.chance(0.4) or not rows.is_restricted:
        return _number_of_different(database, rows, wording)
    return Question(wording.ask_number(rows.named(wording.plural(table))), f"SELECT COUNT(*) {rows.sql}")


def _number_of_different(database: DrawnDatabase, rows: Rows, wording: Wording) -> Question | None:
    """How many owners the rows have, or how many values of a column of their own or of their owners."""
    table, ways = rows.table, [way for way in ways_up(database, rows) if len(way) == 1]
    if ways and wording.chance(0.6):
        [reference] = wording.rng.choice(ways)
        return _number_of_owners(reference, rows, wording)
    columns = [one for one in table.with_role("category") if varies(rows, table, one)]
    if not columns:
        return None
    column, whom = wording.rng.choice(columns), f"the {rows.named(wording.plural(table))}"
    return _number_of_values(table.sql(column), wording.phrase(column), whom, rows, wording)


def _number_of_owners(reference: Reference, rows: Rows, wording: Wording) -> Question:
    parent, whom = reference.parent, rows.named(wording.plural(rows.table))
    owners = wording.plural(parent)
    values = [one for one in parent.with_role("category") if varies(rows, parent, one)]
    if values and wording.chance(0.35):
        column = wording.rng.choice(values)
        rows.join(reference)
        return _number_of_values(
            parent.sql(column), wording.phrase(column), f"the {owners} of the {whom}", rows, wording
        )
    different, link = wording.pick("different ", "distinct ", ""), reference.column.words.child
    text = wording.pick(
        f"How many {different}{owners} have {whom}?",
        f"How many {different}{owners} {link} {whom} are there?",
        f"Count the {different}{owners} {link} {whom}.",
        f"How many different {owners} are there for the {whom}?",
    )
    return Question(text, f"SELECT COUNT(DISTINCT {rows.table.sql(reference.column)}) {rows.sql}")


def _number_of_values(column: str, phrase: str, whom: str, rows: Rows, wording: Wording) -> Question:
    different, values = wording.pick("different", "distinct", "unique"), in_plural(phrase)
    text = wording.pick(
        f"How many {different} {values} do {whom} have?",
        f"How many {different} {values} are there among {whom}?",
        f"What is the number of {different} {values} of {whom}?",
        f"Count the {different} {values} of {whom}.",
    )
    return Question(text, f"SELECT COUNT(DISTINCT {column}) {rows.sql}")


PATTERNS: tuple[tuple[Pattern, int], ...] = ((number_of_some, 6),)
