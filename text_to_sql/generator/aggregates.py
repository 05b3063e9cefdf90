"""Numbers over rows that are told by several conditions: an average, a sum, a spread, the sum of a product."""

from text_to_sql.generator.composed import varies
from text_to_sql.generator.database import DrawnColumn, DrawnDatabase
from text_to_sql.generator.rows import Rows, draw_rows
from text_to_sql.generator.single_table import Pattern, aggregate_words, draw_table
from text_to_sql.generator.wording import Question, Wording, capital, in_plural, is_or_are

# Columns that are worth something when multiplied: copies by their price, words of a translation by its rate.
_COUNTS = frozenset(("quantity", "in_stock", "stock", "words"))
_PRICES = frozenset(("price", "unit_price", "rate"))
_NUMBER_OF = "number of "


def aggregate_of_some(database: DrawnDatabase, wording: Wording) -> Question | None:
    """The average, sum, least, greatest or spread of a number."""
    table = draw_table(database, wording, "measure")
    if table is None:
        return None
    rows = Rows(table) if wording.chance(0.4) else draw_rows(database, table, wording)
    measures = [column for column in table.with_role("measure") if varies(rows, table, column)]
    if not measures:
        return None
    measure = wording.rng.choice(measures)
    if wording.chance(0.15):
        return _spread(rows, measure, wording)
    function, what = aggregate_words(wording, measure)
    text = _request(function, what, wording.phrase(measure), rows.named(wording.plural(table)), wording)
    return Question(text, f"SELECT {function}({table.sql(measure)}) {rows.sql}")


def _spread(rows: Rows, measure: DrawnColumn, wording: Wording) -> Question:
    whom, phrase = rows.named(wording.plural(rows.table)), wording.phrase(measure)
    text = wording.pick(
        f"How big is the difference between the highest and the lowest {phrase} of the {whom}?",
        f"What is the range of {phrase} among the {whom}, highest minus lowest?",
        f"By how much does the greatest {phrase} of the {whom} exceed the smallest?",
    )
    name = rows.table.sql(measure)
    return Question(text, f"SELECT MAX({name}) - MIN({name}) {rows.sql}")


def _request(function: str, what: str, phrase: str, whom: str, wording: Wording) -> str:
    together = f"How much {phrase} do all {whom} have together?"
    if phrase.startswith(_NUMBER_OF):
        counted = phrase.removeprefix(_NUMBER_OF)
        together = wording.pick(
            f"How many {counted} do all {whom} have together?", f"How many {counted} in all {whom}?"
        )
    special = {
        "SUM": (
            f"What do the {in_plural(phrase)} of the {whom} add up to?",
            f"What {is_or_are(phrase)} the {phrase} of all {whom} together?",
            together,
        ),
        "AVG": (
            f"What {phrase} do {whom} have on average?",
            f"What is the {phrase} of {whom} on average?",
            f"{capital(whom)}: mean {phrase}",
        ),
    }.get(function)
    return wording.pick(*special) if special and wording.chance(0.4) else wording.ask(what, whom, one=True)


def product_of(rows: Rows) -> tuple[str, str] | None:
    """Returns `quantity times unit price` in words and in SQL, if rows have columns of both kinds."""
    table = rows.table
    measures = [one for one in table.with_role("measure") if varies(rows, table, one)]
    counts = [one for one in measures if one.words.name in _COUNTS]
    prices = [one for one in measures if one.words.name in _PRICES]
    if not counts or not prices:
        return None
    count, price = counts[0], prices[0]
    return f"{count.words.phrases[0]} times {price.words.phrases[0]}", f"{table.sql(count)} * {table.sql(price)}"


def sum_of_products(database: DrawnDatabase, wording: Wording) -> Question | None:
    """What some rows are worth together."""
    tables = [table for table in database.tables if product_of(Rows(table))]
    if not tables:
        return None
    table = wording.rng.choice(tables)
    rows = draw_rows(database, table, wording)
    product = product_of(rows)
    if product is None:
        return None
    whom = rows.named(wording.plural(table))
    text = wording.pick(
        f"What is the total value, {product[0]}, of the {whom}?",
        f"What do the {whom} add up to, counting {product[0]}?",
        f"What is the sum of {product[0]} over all {whom}?",
    )
    return Question(text, f"SELECT SUM({product[1]}) {rows.sql}")


PATTERNS: tuple[tuple[Pattern, int], ...] = (
    (aggregate_of_some, 6),
    (sum_of_products, 1),
)
