"""Questions about groups of rows: by a column of theirs, or by what they refer to."""

from collections.abc import Sequence
from dataclasses import dataclass

from text_to_sql.generator.aggregates import product_of
from text_to_sql.generator.composed import follow, is_one, varies, ways_up, with_owner
from text_to_sql.generator.database import DrawnColumn, DrawnDatabase, DrawnTable, Reference
from text_to_sql.generator.rows import Rows, draw_rows, references_of
from text_to_sql.generator.single_table import Pattern, aggregate_words, draw_table, selected
from text_to_sql.generator.wording import Question, Wording, capital, in_plural, with_article

_COUNT = "COUNT(*)"
# What large groups have, as people ask for them: a few rows, seldom many.
_SIZES = (
    ("at least", ">=", (2, 2, 2, 3, 3, 5)),
    ("more than", ">", (1, 1, 2, 2, 3, 10)),
    ("fewer than", "<", (2, 3, 4, 5)),
    ("exactly", "=", (1, 2, 3)),
)
_COMPARISONS = (("at least", ">="), ("more than", ">"), ("above", ">"), ("less than", "<"), ("below", "<"))


@dataclass(frozen=True, slots=True)
class _Group:
    """What to group by.

    Attributes:
        select: columns in SQL that show it.
        by: the column in SQL that tells it from others.
        words: what it is called, such as `city of the branch`.
    """

    select: str
    by: str
    words: str

    @property
    def short(self) -> str:
        """What its columns are called: `city`."""
        return self.words.split(" of the ")[0]


@dataclass(frozen=True, slots=True)
class _Number:
    """A number of each group.

    Attributes:
        sql: an aggregate.
        words: what it is called, such as `average price of the books in English`.
        short: what it is called without the rows.
        column: the measure that it is of; None for a number of rows and for a product.
    """

    sql: str
    words: str
    short: str
    column: DrawnColumn | None = None

    @property
    def counts(self) -> bool:
        """Whether it is the number of rows."""
        return self.sql == _COUNT


def number_per_group(database: DrawnDatabase, wording: Wording) -> Question | None:
    """A number for each group: all of them, those with enough rows, or the foremost."""
    table = wording.rng.choice(database.tables)
    rows = Rows(table) if wording.chance(0.75) else draw_rows(database, table, wording, (4, 4, 1))
    group = _draw_group(database, rows, wording)
    if group is None:
        return None
    [maker] = wording.rng.choices((_all_groups, _large_groups, _foremost_groups), (5, 4, 12))
    return maker(rows, group, wording)


def _draw_group(database: DrawnDatabase, rows: Rows, wording: Wording) -> _Group | None:
    """Draws what to group by, of which the conditions leave more than one; adds its table to the query."""
    if is_one(rows, rows.table):
        return None
    ways = ways_up(database, rows)
    own = [column for column in _groups(rows.table) if varies(rows, rows.table, column)]
    if own and (not ways or wording.chance(0.3)):
        column = wording.rng.choice(own)
        name = rows.table.sql(column)
        return _Group(name, name, wording.phrase(column))
    if not ways:
        return None
    # A chain of three tables is rare enough in the other patterns.
    [way] = wording.rng.choices(ways, [len(way) for way in ways])
    return _of_owner(way, rows, wording)


def _of_owner(way: Sequence[Reference], rows: Rows, wording: Wording) -> _Group | None:
    parent = way[-1].parent
    columns, names = [one for one in _groups(parent) if varies(rows, parent, one)], wording.names(parent)
    if not columns and not names:
        return None
    follow(rows, way)
    one = wording.singular(parent)
    if names and (not columns or wording.chance(0.6)):
        # People of the same first name are different ones, and so are things that are named by their noun alone.
        if len(names) > 1 or wording.chance(0.5):
            words = one if len(names) > 1 else wording.pick(one, with_owner(one, wording.phrase(names[0])))
            return _Group(selected(parent, names), parent.sql(parent.key), words)
        name = parent.sql(names[0])
        return _Group(name, name, with_owner(one, wording.phrase(names[0])))
    column = wording.rng.choice(columns)
    phrase, name = wording.phrase(column), parent.sql(column)
    return _Group(name, name, wording.pick(f"{phrase} of the {one}", with_owner(one, phrase)))


def _groups(table: DrawnTable) -> list[DrawnColumn]:
    return table.with_role("category", "year", "flag")


def _draw_number(rows: Rows, wording: Wording, count: float, but: Sequence[str] = ()) -> _Number:
    """Draws a number of rows, at a share of at least `count`, or an aggregate other than the functions `but`."""
    table = rows.table
    whom = rows.named(wording.plural(table))
    measures = [one for one in table.with_role("measure") if varies(rows, table, one)]
    if measures and not wording.chance(count):
        if (product := product_of(rows)) and wording.chance(0.5):
            return _Number(f"SUM({product[1]})", f"total of {product[0]} of the {whom}", f"total of {product[0]}")
        measure = wording.rng.choice(measures)
        function, what = aggregate_words(wording, measure)
        if function not in but:
            return _Number(f"{function}({table.sql(measure)})", f"{what} of the {whom}", what, measure)
    return _Number(_COUNT, f"{wording.pick('number', 'number', 'count')} of {whom}", "number")


def _all_groups(rows: Rows, group: _Group, wording: Wording) -> Question:
    number = _draw_number(rows, wording, 0.55)
    by, what, short, its = group.words, number.words, group.short, number.short
    text = wording.pick(
        f"What is the {what} for each {by}? Show {short} and {its}.",
        f"{capital(what)} per {by}; {short} and {its}, please.",
        f"For each {by}, give the {short} and the {what}.",
        f"Show every {by} and its {what}.",
        f"{capital(what)} by {by}: {short} and {its}",
        f"List the {short} and the {what} for each {by}.",
    )
    sql = f"SELECT {group.select}, {number.sql} {rows.sql} GROUP BY {group.by}"
    if not wording.chance(0.25):
        return Question(text, sql)
    descending = wording.chance(0.7)
    order = "highest first" if descending else "lowest first"
    if number.counts:
        order = wording.pick(order, "most first" if descending else "fewest first")
    end = text[-1] if text[-1] in "?." else ""
    sql = f"{sql} ORDER BY {number.sql} {'DESC' if descending else 'ASC'}"
    return Question(f"{text.removesuffix(end)}, {order}{end}", sql)


def _large_groups(rows: Rows, group: _Group, wording: Wording) -> Question:
    number, groups = _draw_number(rows, wording, 0.65), in_plural(group.words)
    if number.column:
        words, operator = wording.rng.choice(_COMPARISONS)
        least: float = wording.number_of(number.column)
        text = wording.pick(
            f"For which {groups} is the {number.words} {words} {least}?",
            f"List the {groups} for which the {number.words} is {words} {least}.",
        )
    else:
        number = _Number(_COUNT, "", "number")
        words, operator, sizes = wording.rng.choices(_SIZES, (8, 8, 2, 1))[0]
        least = wording.rng.choice(sizes)
        whom = rows.named(wording.singular(rows.table) if least == 1 else wording.plural(rows.table))
        text = wording.pick(
            f"Which {groups} have {words} {wording.amount(least)} {whom}?",
            f"Find the {groups} with {words} {wording.amount(least)} {whom}.",
            f"List the {groups} that have {words} {wording.amount(least)} {whom}.",
        )
    select = group.select
    if wording.chance(0.3):
        text += wording.pick(f" Show the {group.short} and the {number.short}.", f" Give the {number.short} too.")
        select = f"{select}, {number.sql}"
    return Question(text, f"SELECT {select} {rows.sql} GROUP BY {group.by} HAVING {number.sql} {operator} {least}")


def _foremost_groups(rows: Rows, group: _Group, wording: Wording) -> Question:
    """The first group or groups; by a sum, an average or the number of rows: a highest minimum is hard to follow."""
    number, least = _draw_number(rows, wording, 0.7, ("MIN", "MAX")), wording.chance(0.2)
    count = wording.rng.choice((1, 1, 1, 1, 1, 3, 5))
    whom = rows.named(wording.plural(rows.table))
    extreme = wording.pick("lowest", "smallest") if least else wording.pick("highest", "largest", "greatest")
    what = f"{extreme} {number.words}"
    if number.counts and wording.chance(0.6):
        what = f"{'fewest' if least else 'most'} {whom}"
    shown = wording.chance(0.5 if count > 1 else 0.15)
    text = _request_for_groups(group.words, what, count, wording)
    if shown:
        text += f" Show {'that number' if number.counts else f'the {number.short}'} too."
    select = f"{group.select}, {number.sql}" if shown else group.select
    order = f"ORDER BY {number.sql} {'ASC' if least else 'DESC'} LIMIT {count}"
    return Question(text, f"SELECT {select} {rows.sql} GROUP BY {group.by} {order}")


def _request_for_groups(by: str, what: str, count: int, wording: Wording) -> str:
    if count == 1:
        return wording.pick(
            f"Which {by} has the {what}?",
            f"Find the {by} with the {what}.",
            f"What is the {by} with the {what}?",
            f"Show the {by} that has the {what}.",
        )
    groups, amount = in_plural(by), wording.amount(count)
    return wording.pick(
        f"Which {amount} {groups} have the {what}?",
        f"List the {amount} {groups} with the {what}.",
        f"What are the {amount} {groups} with the {what}?",
    )


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
    if not rows.conditions or rows.joined or is_one(rows, table):
        return None
    [condition], others = rows.conditions, wording.plural(table)
    whom = condition.of(others)
    text = wording.pick(
        f"What percentage of all {others} are {whom}?",
        f"What percent of the {others} are {whom}?",
        f"What is the percentage of {whom} among all {others}?",
    )
    share = f"100.0 * COUNT(*) / (SELECT COUNT(*) FROM {table.source})"
    return Question(text, f"SELECT {share} FROM {table.source} WHERE {condition.alone}")


PATTERNS: tuple[tuple[Pattern, int], ...] = (
    (number_per_group, 12),
    (average_of_groups, 1),
    (share_of_rows, 1),
)
