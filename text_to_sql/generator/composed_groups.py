"""Questions about groups of rows: by a column of theirs, or by what they refer to."""

from dataclasses import dataclass

from text_to_sql.generator.aggregates import product_of
from text_to_sql.generator.database import DrawnColumn, DrawnDatabase, DrawnTable, Reference
from text_to_sql.generator.rows import Rows, draw_rows, references_of
from text_to_sql.generator.single_table import Pattern, aggregate_words, draw_table
from text_to_sql.generator.wording import Question, Wording, capital, in_plural, with_article

_COUNT = "COUNT(*)"


@dataclass(frozen=True, slots=True)
class _Group:
    """A column to group by, and what it is called."""

    sql: str
    words: str


@dataclass(frozen=True, slots=True)
class _Number:
    """A number of each group, and what it is called."""

    sql: str
    words: str


def number_per_group(database: DrawnDatabase, wording: Wording) -> Question | None:
    """A number for each group: all of them, those with enough rows, or the foremost."""
    table = wording.rng.choice(database.tables)
    rows = draw_rows(database, table, wording, (6, 4, 1))
    group = _draw_group(database, rows, wording)
    if group is None:
        return None
    [maker] = wording.rng.choices((_all_groups, _large_groups, _foremost_groups), (5, 2, 2))
    return maker(rows, group, _draw_number(rows, wording), wording)


def _draw_group(database: DrawnDatabase, rows: Rows, wording: Wording) -> _Group | None:
    """Draws what to group by; adds its table to the query."""
    references = [one for one in references_of(database, rows.table) if _groups(one.parent) or one.parent.key]
    own = [column for column in _groups(rows.table) if not rows.compares(column)]
    if own and (not references or wording.chance(0.5)):
        column = wording.rng.choice(own)
        return _Group(rows.table.sql(column), wording.phrase(column))
    if not references:
        return None
    reference = wording.rng.choice(references)
    return _of_parent(reference, rows, wording)


def _of_parent(reference: Reference, rows: Rows, wording: Wording) -> _Group | None:
    parent = reference.parent
    columns = [*_groups(parent), *parent.with_role("name")[:1]]
    if not columns:
        return None
    column = wording.rng.choice(columns)
    rows.join(reference)
    one, phrase = wording.singular(parent), wording.phrase(column)
    by = f"{one} {phrase}" if column.words.role == "name" else wording.pick(f"{phrase} of the {one}", f"{one} {phrase}")
    return _Group(parent.sql(column), by)


def _groups(table: DrawnTable) -> list[DrawnColumn]:
    return table.with_role("category", "year", "flag")


def _draw_number(rows: Rows, wording: Wording) -> _Number:
    table = rows.table
    whom, measures = rows.named(wording.plural(table)), table.with_role("measure")
    if (product := product_of(table)) and wording.chance(0.3):
        return _Number(f"SUM({product[1]})", f"total of {product[0]} of the {whom}")
    if measures and wording.chance(0.45):
        measure = wording.rng.choice(measures)
        function, what = aggregate_words(wording, measure)
        return _Number(f"{function}({table.sql(measure)})", f"{what} of the {whom}")
    return _Number(_COUNT, wording.pick(f"number of {whom}", f"number of {whom}", f"count of {whom}"))


def _all_groups(rows: Rows, group: _Group, number: _Number, wording: Wording) -> Question:
    by, what = group.words, number.words
    short = by.split(" of the ")[0]
    text = wording.pick(
        f"What is the {what} for each {by}? Show {short} and number.",
        f"{capital(what)} per {by}; {short} and number, please.",
        f"For each {by}, give the {short} and the {what}.",
        f"Show every {by} with the {what}.",
        f"{capital(what)} by {by}: {short} and number",
        f"Give the {what} of each {by}. Show the {by} and the number.",
    )
    sql = f"SELECT {group.sql}, {number.sql} {rows.sql} GROUP BY {group.sql}"
    if wording.chance(0.25):
        descending = wording.chance(0.7)
        order = (
            wording.pick("highest first", "most first") if descending else wording.pick("lowest first", "fewest first")
        )
        end = text[-1] if text[-1] in "?." else ""
        text = f"{text.removesuffix(end)}, {order}{end}"
        return Question(text, f"{sql} ORDER BY {number.sql} {'DESC' if descending else 'ASC'}")
    return Question(text, sql)


def _large_groups(rows: Rows, group: _Group, number: _Number, wording: Wording) -> Question:
    is_count, by, what = number.sql == _COUNT, group.words, number.words
    least = wording.rng.randint(2, 12 if is_count else 60)
    amount = wording.amount(least)
    words, operator = wording.rng.choice(
        [("at least", ">="), ("more than", ">"), ("fewer than", "<"), ("exactly", "="), ("above", ">"), ("below", "<")]
    )
    if is_count and words in ("above", "below"):
        words = {"above": "over", "below": "under"}[words]
    groups = in_plural(by)
    shown = wording.chance(0.4)
    text = wording.pick(
        f"Which {groups} have a {what} of {words} {amount}?",
        f"List the {groups} with a {what} of {words} {amount}.",
        f"For which {groups} is the {what} {words} {amount}?",
    )
    if shown:
        text += wording.pick(f" Show the {by} and that number.", " Give that number too.")
    select = f"{group.sql}, {number.sql}" if shown else group.sql
    return Question(text, f"SELECT {select} {rows.sql} GROUP BY {group.sql} HAVING {number.sql} {operator} {least}")


def _foremost_groups(rows: Rows, group: _Group, number: _Number, wording: Wording) -> Question:
    least, by, what = wording.chance(0.25), group.words, number.words
    extreme = wording.pick("lowest", "smallest") if least else wording.pick("highest", "largest", "greatest")
    count = wording.rng.choice((1, 1, 1, 3, 5))
    order = f"ORDER BY {number.sql} {'ASC' if least else 'DESC'} LIMIT {count}"
    shown = count > 1 and wording.chance(0.5)
    select = f"{group.sql}, {number.sql}" if shown else group.sql
    if count == 1:
        text = wording.pick(
            f"Which {by} has the {extreme} {what}?",
            f"Find the {by} with the {extreme} {what}.",
            f"For which {by} is the {what} the {extreme}?",
        )
    else:
        groups, amount = in_plural(by), wording.amount(count)
        text = wording.pick(
            f"Which {amount} {groups} have the {extreme} {what}?",
            f"List the {amount} {groups} with the {extreme} {what}.",
        )
        text += " Show that number too." if shown else ""
    return Question(text, f"SELECT {select} {rows.sql} GROUP BY {group.sql} {order}")


def average_of_groups(database: DrawnDatabase, wording: Wording) -> Question | None:
    """How many rows a group has on average."""
    table = wording.rng.choice(database.tables)
    references = references_of(database, table)
    if not references:
        return None
    reference = wording.rng.choice(references)
    noun, others = wording.singular(reference.parent), wording.plural(table)
    one = with_article(noun)
    text = wording.pick(
        f"How many {others} does {one} have on average, counting those that have any?",
        f"What is the average number of {others} per {noun} that has any?",
        f"On average, how many {others} are there for {one} with at least one?",
    )
    inner = f"SELECT COUNT(*) AS number FROM {table.source} GROUP BY {table.sql(reference.column)}"
    return Question(text, f"SELECT AVG(number) FROM ({inner})")


def share_of_rows(database: DrawnDatabase, wording: Wording) -> Question | None:
    """What percentage of all rows meets a condition."""
    table = draw_table(database, wording, "category", "flag")
    if table is None:
        return None
    rows = draw_rows(database, table, wording, (0, 1, 0))
    if not rows.conditions or rows.joined:
        return None
    [condition], others = rows.conditions, wording.plural(table)
    whom = condition.of(others)
    text = wording.pick(
        f"What percentage of all {others} are {whom}?",
        f"How many percent of the {others} are {whom}?",
        f"What is the percentage of {whom} among all {others}?",
    )
    share = f"100.0 * COUNT(*) / (SELECT COUNT(*) FROM {table.source})"
    return Question(text, f"SELECT {share} FROM {table.source} WHERE {condition.sql}")


PATTERNS: tuple[tuple[Pattern, int], ...] = (
    (number_per_group, 12),
    (average_of_groups, 1),
    (share_of_rows, 1),
)
