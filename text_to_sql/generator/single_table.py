"""Questions about one table: rows, numbers of rows, extremes, groups."""

from collections.abc import Callable, Collection

from text_to_sql.generator.conditions import draw_condition, draw_two_conditions
from text_to_sql.generator.database import DrawnColumn, DrawnDatabase, DrawnTable
from text_to_sql.generator.domain import vocabulary
from text_to_sql.generator.wording import Question, Wording, in_plural, is_plural, is_single

Pattern = Callable[[DrawnDatabase, Wording], Question | None]

_AGGREGATES = {
    "AVG": ("average", "mean"),
    "MAX": ("maximum", "highest", "largest", "greatest"),
    "MIN": ("minimum", "lowest", "smallest"),
    "SUM": ("total", "sum of the", "combined"),
}
_WITHOUT_SUM = frozenset(
    "age rate rating percent percentage share temperature speed height elevation altitude depth score floor level rank "  # noqa: SIM905
    "grade mark marks stars position average place ranking bib order speed index hardness bitterness "
    "strength alcohol wind point per performance experience hourly unit min max credit power discount".split()
)
# Amounts of money in plural.
_SUMS = ("assets", "sales")
# Superlatives that say nothing without the column: not `the vehicle that is highest`, but `with the highest price`. The
# others say all: `the youngest player`, not `the player with the youngest year of birth`.
_GENERIC = frozenset(
    ("highest", "lowest", "largest", "smallest", "greatest", "latest", "earliest", "most recent", "best", "worst")
)


def draw_table(database: DrawnDatabase, wording: Wording, *roles: str) -> DrawnTable | None:
    """Draws a table that has a column of one of the roles; None if there is none."""
    tables = [table for table in database.tables if table.with_role(*roles)]
    return wording.rng.choice(tables) if tables else None


def aggregate_words(wording: Wording, column: DrawnColumn) -> tuple[str, str]:
    """Draws an aggregate; returns its function and the column with it in words, such as `average age`."""
    function = wording.rng.choice([name for name in _AGGREGATES if name != "SUM" or may_be_added(column)])
    return function, f"{wording.pick(*_AGGREGATES[function])} {as_number(wording.phrase(column))}"


def may_be_added(column: DrawnColumn) -> bool:
    """Whether sums of a measure make sense: nobody adds up ages."""
    return _WITHOUT_SUM.isdisjoint(column.words.name.split("_"))


def as_number(phrase: str) -> str:
    """Returns `number of goals` for `goals`: nobody says `the highest goals`."""
    return f"number of {phrase}" if is_countable(phrase) else phrase


def is_countable(phrase: str) -> bool:
    """Whether a phrase such as `goals` names what is counted, other than `total assets`."""
    return is_plural(phrase) and phrase.rsplit(maxsplit=1)[-1] not in _SUMS


def selected(table: DrawnTable, columns: list[DrawnColumn]) -> str:
    """Returns the columns as SELECT lists them."""
    return ", ".join(map(table.sql, columns))


def list_rows(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Columns of all rows or of some, now and then distinct or in order."""
    table = draw_table(database, wording, "name", "category", "measure")
    if table is None:
        return None
    whom, where, fixed = _some_rows(table, wording, 0.35)
    columns = wording.shown(table, but=fixed)
    if not columns:
        return None
    what = wording.listings(columns, table)
    distinct = not where and len(columns) == 1 and columns[0].words.role == "category"
    if distinct:
        what = f"{wording.pick('different', 'distinct', 'unique')} {in_plural(what)}"
    sql = f"SELECT {'DISTINCT ' if distinct else ''}{selected(table, columns)} FROM {table.source}{where}"
    if not distinct and wording.chance(0.55) and (order := _draw_order(table, columns, fixed, wording)):
        return Question(wording.ask(what, whom, order=order[0]), f"{sql} {order[1]}")
    return Question(wording.ask(what, whom), sql)


def _some_rows(table: DrawnTable, wording: Wording, share: float) -> tuple[str, str, frozenset[str]]:
    """Returns all rows or, in a share, some: in words, as WHERE with a space in front, and the columns they fix."""
    whom = wording.plural(table)
    condition = draw_condition(table, wording) if wording.chance(share) else None
    return (condition.of(whom), f" WHERE {condition.alone}", condition.fixed) if condition else (whom, "", frozenset())


def _draw_order(
    table: DrawnTable, shown: Collection[DrawnColumn], fixed: Collection[str], wording: Wording
) -> tuple[str, str] | None:
    """Draws an order by a column that differs between the rows; returns it in words and in SQL, or None."""
    columns = [one for one in table.with_role("name", "measure", "year", "date") if table.sql(one) not in fixed]
    if not columns:
        return None
    column, descending = wording.rng.choice(columns), wording.chance(0.5)
    if column in shown and column.words.role == "name" and not descending and wording.chance(0.4):
        return wording.pick("in alphabetical order", "sorted alphabetically"), f"ORDER BY {table.sql(column)} ASC"
    makers = {"name": _alphabetical, "measure": _by_number}
    words = makers.get(column.words.role, _by_time)(wording.phrase(column), descending, wording)
    return words, f"ORDER BY {table.sql(column)} {'DESC' if descending else 'ASC'}"


def _alphabetical(phrase: str, descending: bool, wording: Wording) -> str:
    if descending:
        return wording.pick(
            f"in descending order of {phrase}",
            f"sorted by {phrase} in descending order",
            f"in reverse alphabetical order of {phrase}",
        )
    return wording.pick(
        f"in alphabetical order of {phrase}",
        f"sorted by {phrase}",
        f"sorted by {phrase} in alphabetical order",
    )


def _by_number(phrase: str, descending: bool, wording: Wording) -> str:
    first, last = ("highest", "lowest") if descending else ("lowest", "highest")
    ends = f"sorted by {phrase} from {first} to {last}"
    if descending:
        return wording.pick(f"in descending order of {phrase}", f"sorted by {phrase} in descending order", ends)
    return wording.pick(f"ordered by {phrase}", f"in ascending order of {phrase}", f"sorted by {phrase}", ends)


def _by_time(phrase: str, descending: bool, wording: Wording) -> str:
    if descending:
        return wording.pick(
            f"in descending order of {phrase}",
            f"sorted by {phrase}, the latest first",
            f"ordered by {phrase} descending",
        )
    return wording.pick(
        f"ordered by {phrase}", f"in ascending order of {phrase}", f"sorted by {phrase} from earliest to latest"
    )


def two_conditions(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Columns or the number of rows that satisfy two conditions, or one of two."""
    table = draw_table(database, wording, "name", "category", "measure")
    conditions = draw_two_conditions(table, wording) if table else None
    if table is None or conditions is None:
        return None
    one, other = sorted(conditions, key=lambda condition: not condition.before)
    word = "and" if one.before else wording.pick("and", "and", "or")
    if other.before:
        return None
    whom = one.of(wording.plural(table))
    whom = other.of(whom) if one.before else f"{whom} {word} {other.text}"
    tests = f"{one.alone} OR {other.alone}" if word == "or" else f"{one.sql} AND {other.sql}"
    where = f"FROM {table.source} WHERE {tests}"
    if wording.chance(0.12):
        return Question(wording.ask_number(whom), f"SELECT COUNT(*) {where}")
    columns = wording.shown(table, but=one.fixed | other.fixed if word == "and" else ())
    if not columns:
        return None
    return Question(wording.ask(wording.listings(columns, table), whom), f"SELECT {selected(table, columns)} {where}")


def count_rows(database: DrawnDatabase, wording: Wording) -> Question | None:
    """The number of rows, of all or of some."""
    table = wording.rng.choice(database.tables)
    whom, where, _ = _some_rows(table, wording, 0.55)
    return Question(wording.ask_number(whom), f"SELECT COUNT(*) FROM {table.source}{where}")


def count_distinct(database: DrawnDatabase, wording: Wording) -> Question | None:
    """The number of different values of a column."""
    table = draw_table(database, wording, "category", "name")
    if table is None:
        return None
    column = wording.rng.choice(table.with_role("category", "name"))
    phrases, whom = in_plural(wording.phrase(column)), wording.plural(table)
    different = wording.pick("different", "distinct", "unique")
    come_from = " come from" if column.words.name in ("city", "country") and _has_names_of_people(table) else ""
    text = wording.pick(
        f"How many {different} {phrases} do the {whom} have?",
        f"How many {different} {phrases} are there among the {whom}?",
        f"How many {different} {phrases} of {whom} are there?",
        f"How many {different} {phrases} {'do' if come_from else 'are there among'} the {whom}{come_from}?",
        f"Count the number of {different} {phrases} of {whom}.",
        f"What is the number of {different} {phrases} of the {whom}?",
    )
    return Question(text, f"SELECT COUNT(DISTINCT {table.sql(column)}) FROM {table.source}")


def _has_names_of_people(table: DrawnTable) -> bool:
    names = vocabulary()
    own = (tuple(names["full_names"]), tuple(names["first_names"]))
    return any(column.words.values in own for column in table.with_role("name"))


def aggregate(database: DrawnDatabase, wording: Wording) -> Question | None:
    """One or two aggregates of numbers over all rows or some."""
    table = draw_table(database, wording, "measure")
    if table is None:
        return None
    measures = table.with_role("measure")
    drawn = wording.rng.sample(measures, min(len(measures), wording.pick("1", "1", "2").count("2") + 1))
    pairs = [(column, *aggregate_words(wording, column)) for column in drawn]
    if len(drawn) == 1 and wording.chance(0.25):
        [column] = drawn
        phrase = as_number(wording.phrase(column))
        pairs = [(column, "MIN", f"minimum, maximum and average {phrase}"), (column, "MAX", ""), (column, "AVG", "")]
    what = wording.join([words for _, _, words in pairs if words])
    whom, where = wording.plural(table), ""
    condition = draw_condition(table, wording, drawn[0]) if wording.chance(0.35) else None
    # Nobody asks for the average of a single row.
    if condition and condition.fixed.isdisjoint(map(table.sql, [*drawn, *table.with_role("name")])):
        whom, where = condition.of(whom), f" WHERE {condition.alone}"
    calls = ", ".join(f"{function}({table.sql(column)})" for column, function, _ in pairs)
    request = wording.ask(what, whom, one=len(pairs) == 1, numbers=True)
    return Question(request, f"SELECT {calls} FROM {table.source}{where}")


def extreme_rows(database: DrawnDatabase, wording: Wording) -> Question | None:
    """The rows with the greatest or least of something, one or a few."""
    table = draw_table(database, wording, "measure", "year", "date")
    if table is None:
        return None
    column = wording.rng.choice(table.with_role("measure", "year", "date"))
    columns = wording.shown(table, 2, but=(table.sql(column),))
    if not columns:
        return None
    count = wording.rng.choice((1, 1, 1, 3, 5))
    whom = wording.singular(table)
    direction, words = extreme(column, wording, several=count > 1)
    order = f"ORDER BY {table.sql(column)} {direction} LIMIT {count}"
    sql = f"SELECT {selected(table, columns)} FROM {table.source} {order}"
    if count > 1:
        foremost = f"{wording.amount(count)} {wording.plural(table)} {words}"
        return Question(_request_of_several(wording.listings(columns, table), foremost, wording), sql)
    return Question(_singular_request(wording.listing(columns, table), f"{whom} {words}", wording), sql)


def _request_of_several(what: str, whom: str, wording: Wording) -> str:
    return wording.pick(
        f"Tell me the {what} of the {whom}." if is_single(what) else f"What are the {what} of the {whom}?",
        f"List the {what} of the {whom}.",
        f"Show the {what} of the {whom}.",
        f"Give me the {what} for the {whom}",
        f"Find the {whom} and give their {what}.",
        f"Return the {what} of the {whom}.",
    )


def _singular_request(what: str, whom: str, wording: Wording) -> str:
    return wording.pick(
        f"What is the {what} of the {whom}?",
        f"Find the {what} of the {whom}.",
        f"Show the {what} of the {whom}.",
        f"Give the {what} of the {whom}.",
        f"Return the {what} of the {whom}.",
        f"Tell me the {what} of the {whom}.",
    )


def extreme(column: DrawnColumn, wording: Wording, *, several: bool = False) -> tuple[str, str]:
    """Draws greatest or least; returns the direction of ORDER BY and words that follow a noun, or that of several."""
    is_, has = ("are", "have") if several else ("is", "has")
    words, phrase, most = column.words, wording.phrase(column), wording.chance(0.6)
    direction, own = ("DESC", words.most) if most else ("ASC", words.least)
    if own and own not in _GENERIC and wording.chance(0.5):
        return direction, f"that {is_} {wording.pick('the ', '')}{own}"
    # The first rank is the highest for one and the lowest for another, but the best for all.
    is_rank = "best" in (words.least, words.most) and words.most != "best"
    fits = own in _GENERIC and not is_countable(phrase) and (is_rank or wording.chance(0.4))
    general = own if fits else _general(column, phrase, wording, most=most)
    return direction, wording.pick(f"with the {general} {phrase}", f"that {has} the {general} {phrase}")


def _general(column: DrawnColumn, phrase: str, wording: Wording, *, most: bool) -> str:
    """Draws a superlative that fits any column of such a role."""
    if column.words.role != "measure":
        return wording.pick("latest", "most recent") if most else "earliest"
    if is_countable(phrase):
        return "most" if most else "fewest"
    return wording.pick("highest", "largest", "greatest", "maximum") if most else wording.pick("lowest", "smallest")


def whole_rows(database: DrawnDatabase, wording: Wording) -> Question | None:
    """All columns of all rows or of some."""
    table = wording.rng.choice(database.tables)
    whom, where, _ = _some_rows(table, wording, 0.4)
    what = wording.pick("details", "information", "columns", "data")
    text = wording.pick(
        f"Show all {what} about the {whom}.",
        f"What are all the {what} of {whom}?",
        f"Find all {what} on {whom}.",
        f"List everything about the {whom}.",
        f"Give me all the {what} for {whom}.",
    )
    return Question(text, f"SELECT * FROM {table.source}{where}")


PATTERNS: tuple[tuple[Pattern, int], ...] = (
    (list_rows, 13),
    (whole_rows, 2),
    (two_conditions, 5),
    (count_rows, 3),
    (count_distinct, 2),
    (aggregate, 5),
    (extreme_rows, 5),
)
