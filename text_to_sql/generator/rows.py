"""Rows of a table that meet conditions of their own and of the rows they refer to, in words and in SQL."""

import re
from dataclasses import dataclass, field

from text_to_sql.generator.conditions import apart, condition_on, draw_condition, text_literal, whole_name
from text_to_sql.generator.database import DrawnColumn, DrawnDatabase, DrawnTable, Reference
from text_to_sql.generator.wording import Condition, Wording

_MOST_STEPS = 2
_POSSESSIVE = "'s"
# Shares of rows that are told by what they refer to, and of those by its key, or by its name, such as `by Ann Lee`.
_BY_PARENT = 0.55
_BY_KEY = 0.08
_BY_NAME = 0.4
# Share of parents that are told by what they refer to in turn.
_FURTHER = 0.5
# Draws after which a table has no two conditions that leave each other alone, as good as surely.
_DRAWS = 150


@dataclass
class Rows:
    """Some rows of a table.

    Attributes:
        table: theirs.
        conditions: on its own columns.
        links: words on the rows that they refer to, such as `written by authors from Canada`.
        joined: the references that a query about them follows, in this order.
        parent_sql: conditions on the rows that they refer to.
    """

    table: DrawnTable
    conditions: list[Condition] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    joined: list[Reference] = field(default_factory=list)
    parent_sql: list[str] = field(default_factory=list)

    def named(self, noun: str) -> str:
        """Returns the noun with all its words: `poetry books in English written by authors from Canada`."""
        before = [condition.text for condition in self.conditions if condition.before]
        after = [condition.text for condition in self.conditions if not condition.before]
        owners = [link for link in self.links if link.endswith(_POSSESSIVE)]
        links = [link for link in self.links if link not in owners]
        return " ".join(filter(None, [*owners, *before, noun, " and ".join(after), *links]))

    def join(self, reference: Reference) -> None:
        """Adds a table to the query, unless it is there."""
        if reference not in self.joined:
            self.joined.append(reference)

    def compares(self, column: DrawnColumn) -> bool:
        """Whether one of the conditions is about a column, which nobody would then ask for."""
        return any(_column(condition) == self.table.sql(column) for condition in self.conditions)

    @property
    def is_restricted(self) -> bool:
        """Whether there are any conditions."""
        return bool(self.conditions or self.parent_sql)

    @property
    def source(self) -> str:
        """FROM with all joins."""
        joins = [f" JOIN {one.parent.source} ON {one.condition}" for one in self.joined]
        return f"FROM {self.table.source}{''.join(joins)}"

    @property
    def where(self) -> str:
        """WHERE with all conditions, with a space in front; empty without any."""
        conditions = [*(condition.sql for condition in self.conditions), *self.parent_sql]
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    @property
    def sql(self) -> str:
        """FROM and WHERE."""
        return f"{self.source}{self.where}"


def draw_rows(
    database: DrawnDatabase, table: DrawnTable, wording: Wording, counts: tuple[int, int, int] = (2, 5, 2)
) -> Rows:
    """Draws rows of a table.

    Args:
        database: the table is one of its.
        table: what the rows are of.
        wording: draws.
        counts: weights of none, one and two conditions on its own columns.
    """
    rows = Rows(table)
    [count] = wording.rng.choices(range(3), counts)
    for _ in range(count):
        _add_condition(rows, wording)
    if wording.chance(_BY_PARENT):
        _add_link(rows, database, table, wording, _MOST_STEPS)
    return rows


def references_of(database: DrawnDatabase, table: DrawnTable) -> list[Reference]:
    """Returns the references from a table to others."""
    return [one for one in database.references if one.child is table and one.parent is not table]


def draw_positive(table: DrawnTable, wording: Wording) -> Condition | None:
    """Draws a condition without a negation, such as may follow `no`; None if there is none."""
    for _ in range(_DRAWS):
        condition = draw_condition(table, wording)
        if condition and not re.search(r"<>|\bNOT ", condition.sql) and not re.search(r"\bnot\b", condition.text):
            return condition
    return None


def draw_apart(
    table: DrawnTable, wording: Wording, but: DrawnColumn | None = None
) -> tuple[Condition, Condition] | None:
    """Draws two conditions that no row meets both: two values of a column, or above a number and below a lower one.

    Args:
        table: has the column.
        wording: draws.
        but: a column that is not drawn.

    Returns:
        None if the table has no such column.
    """
    categories = [column for column in table.with_role("category", "flag") if column is not but]
    others = table.with_role("measure", "year", "date")
    columns = categories if categories and (not others or wording.chance(0.7)) else others
    if not columns:
        return None
    column = wording.rng.choice(columns)
    for _ in range(_DRAWS):
        one, other = condition_on(table, column, wording), condition_on(table, column, wording)
        # Two days or two prices are no kinds of rows.
        if apart(one, other) and (column in categories or " = " not in one.sql):
            return one, _like_first(one, other, column) if wording.chance(0.6) else other
    return None


def _like_first(one: Condition, other: Condition, column: DrawnColumn) -> Condition:
    """Returns the condition of the other in the words of the first, where those hold its value as it is."""
    values = {text_literal(value): value for value in column.words.values}
    value, other_value = (values.get(condition.sql.split(" ", 2)[2]) for condition in (one, other))
    if column.words.role != "category" or not value or not other_value or one.text.count(value) != 1:
        return other
    is_word = other_value.replace(" ", "").isalpha()
    return (
        other if one.before and not is_word else Condition(one.text.replace(value, other_value), other.sql, one.before)
    )


def _add_condition(rows: Rows, wording: Wording) -> None:
    table, columns = rows.table, rows.table.with_role("category", "measure", "year", "date", "flag")
    # Rows that are told by their own name are single ones.
    by_name = not columns or wording.chance(0.15)
    condition = draw_condition(table, wording) if by_name else condition_on(table, wording.rng.choice(columns), wording)
    if condition is None or any(_column(condition) == _column(other) for other in rows.conditions):
        return
    # Two adjectives in a row, such as `red cancelled orders`, are not what people say.
    if not (condition.before and any(other.before for other in rows.conditions)):
        rows.conditions.append(condition)


def _column(condition: Condition) -> str:
    return condition.sql.removeprefix("NOT ").removeprefix("(").split(" ")[0]


def _add_link(rows: Rows, database: DrawnDatabase, table: DrawnTable, wording: Wording, steps: int) -> None:
    """Adds a condition on a row that `table` refers to, at most `steps` references away."""
    seen = {rows.table.name, *(one.parent.name for one in rows.joined)}
    references = [one for one in references_of(database, table) if one.parent.name not in seen]
    if not references:
        return
    reference = wording.rng.choice(references)
    parent, link = reference.parent, reference.column.words.parent
    named = whole_name(parent, wording)
    if reference.column.type == "number" and wording.chance(_BY_KEY):
        number = wording.rng.randint(1, 900)
        rows.links.append(f"{link} {wording.singular(parent)} {wording.pick('', 'number ', 'with id ')}{number}")
        rows.parent_sql.append(f"{reference.child.sql(reference.column)} = {number}")
        return
    further = [one for one in references_of(database, parent) if one.parent.name not in seen | {parent.name}]
    if further and steps > 1 and wording.chance(_FURTHER):
        rows.join(reference)
        rows.links.append(f"{link} {wording.plural(parent)}")
        _add_link(rows, database, parent, wording, steps - 1)
    elif named and wording.chance(_BY_NAME):
        rows.join(reference)
        rows.links.append(_link_by_name(parent, link, named[0], wording, is_own=table is rows.table))
        rows.parent_sql.append(named[1])
    elif columns := parent.with_role("category", "measure", "year", "flag", "date"):
        rows.join(reference)
        condition = condition_on(parent, wording.rng.choice(columns), wording)
        rows.links.append(f"{link} {condition.of(wording.plural(parent))}")
        rows.parent_sql.append(condition.sql)


def _link_by_name(parent: DrawnTable, link: str, value: str, wording: Wording, *, is_own: bool) -> str:
    shown, one = wording.literal(value), wording.singular(parent)
    if is_own and wording.chance(0.15):
        # Stands in front of the noun: `Ann Lee's`.
        return f"{value}{_POSSESSIVE}"
    return wording.pick(f"{link} {shown}", f"{link} {shown}", f"{link} the {one} {shown}", f"{link} {one} {shown}")
