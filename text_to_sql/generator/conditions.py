"""Conditions on one column, in words and in SQL."""

from collections.abc import Callable

from text_to_sql.generator.database import DrawnColumn, DrawnTable
from text_to_sql.generator.wording import Condition, Wording

FILTERED_ROLES = ("name", "category", "measure", "year", "date", "flag")


def draw_condition(table: DrawnTable, wording: Wording, but: DrawnColumn | None = None) -> Condition | None:
    """Draws a condition on a column of a table, other than `but`; None if it has no column for one."""
    columns = [column for column in table.with_role(*FILTERED_ROLES) if column is not but]
    if not columns:
        return None
    column = wording.rng.choice(columns)
    return _MAKERS[column.words.role](table, column, wording)


def draw_two_conditions(table: DrawnTable, wording: Wording) -> tuple[Condition, Condition] | None:
    """Draws conditions on two columns; None if the table has not as many."""
    columns = table.with_role(*FILTERED_ROLES)
    if len(columns) < 2:
        return None
    one, other = wording.rng.sample(columns, 2)
    return condition_on(table, one, wording), condition_on(table, other, wording)


def condition_on(table: DrawnTable, column: DrawnColumn, wording: Wording) -> Condition:
    """Draws a condition on a column of `FILTERED_ROLES`."""
    return _MAKERS[column.words.role](table, column, wording)


def text_literal(value: str) -> str:
    """Returns a text as SQL spells it."""
    return "'" + value.replace("'", "''") + "'"


def _equals(table: DrawnTable, column: DrawnColumn, wording: Wording) -> Condition:
    value = wording.rng.choice(column.words.values)
    phrase, shown = wording.phrase(column), wording.literal(value)
    sql = f"{table.sql(column)} = {text_literal(value)}"
    if wording.chance(0.06):
        return Condition(
            wording.pick(f"whose {phrase} is not {shown}", f"with a {phrase} other than {shown}"),
            f"{table.sql(column)} <> {text_literal(value)}",
        )
    return Condition(
        wording.pick(
            f"whose {phrase} is {shown}",
            f"with {phrase} {shown}",
            f"that have {shown} as {phrase}",
            f"with {shown} as {phrase}",
            f"with the {phrase} {shown}",
            f"where the {phrase} is {shown}",
        ),
        sql,
    )


def _named(table: DrawnTable, column: DrawnColumn, wording: Wording) -> Condition:
    if wording.chance(0.25):
        return _like(table, column, wording)
    value = wording.rng.choice(column.words.values)
    shown, phrase = wording.literal(value), wording.phrase(column)
    return Condition(
        wording.pick(f"named {shown}", f"called {shown}", f"with the {phrase} {shown}", f"whose {phrase} is {shown}"),
        f"{table.sql(column)} = {text_literal(value)}",
    )


def _like(table: DrawnTable, column: DrawnColumn, wording: Wording) -> Condition:
    value, phrase = wording.rng.choice(column.words.values), wording.phrase(column)
    word = wording.rng.choice(value.split())
    part = wording.literal(word if wording.chance(0.6) else word[:3])
    letter, last = value[0], value[-1]
    text, pattern = wording.rng.choice(
        [
            (f"whose {phrase} contains {part}", f"%{part.strip(chr(34) + chr(39))}%"),
            (f"with {part} in the {phrase}", f"%{part.strip(chr(34) + chr(39))}%"),
            (f"whose {phrase} starts with {letter}", f"{letter}%"),
            (f"whose {phrase} begins with the letter {letter}", f"{letter}%"),
            (f"whose {phrase} ends with {last}", f"%{last}"),
        ]
    )
    return Condition(text, f"{table.sql(column)} LIKE {text_literal(pattern)}")


def _compared(table: DrawnTable, column: DrawnColumn, wording: Wording) -> Condition:
    words, phrase, value = column.words, wording.phrase(column), wording.number_of(column)
    name = table.sql(column)
    kind = wording.rng.choices(("more", "less", "at least", "at most", "equal", "between"), (5, 4, 2, 2, 2, 2))[0]
    if kind == "between":
        low, high = sorted((value, wording.number_of(column)))
        return Condition(f"with {phrase} between {low} and {high}", f"{name} BETWEEN {low} AND {high}")
    texts: dict[str, tuple[str, tuple[str, ...]]] = {
        "more": (">", (f"with {phrase} {{}} {value}", f"whose {phrase} is {{}} {value}")),
        "less": ("<", (f"with {phrase} {{}} {value}", f"whose {phrase} is {{}} {value}")),
        "at least": (">=", (f"with {phrase} of at least {value}", f"whose {phrase} is {value} or more")),
        "at most": ("<=", (f"with {phrase} of at most {value}", f"whose {phrase} is {value} or less")),
        "equal": ("=", (f"with {phrase} {value}", f"whose {phrase} is {value}", f"with {phrase} equal to {value}")),
    }
    operator, forms = texts[kind]
    comparison = {
        "more": wording.pick("above", "over", "greater than", "more than", "higher than", "larger than"),
        "less": wording.pick("below", "under", "less than", "smaller than", "lower than"),
    }.get(kind, "")
    own = {"more": words.more, "less": words.less}.get(kind, "")
    text = own.format(value) if own and wording.chance(0.5) else wording.pick(*forms).format(comparison)
    return Condition(text, f"{name} {operator} {value}")


def _in_year(table: DrawnTable, column: DrawnColumn, wording: Wording) -> Condition:
    words, phrase, year = column.words, wording.phrase(column), wording.rng.randint(*column.words.range)
    operator, own, general = wording.rng.choice(
        [
            (">", words.after, f"with {phrase} after {year}"),
            ("<", words.before, f"with {phrase} before {year}"),
            ("=", words.at, f"whose {phrase} is {year}"),
        ]
    )
    text = own.format(year) if own and wording.chance(0.75) else general
    return Condition(text, f"{table.sql(column)} {operator} {year}")


def _on_day(table: DrawnTable, column: DrawnColumn, wording: Wording) -> Condition:
    words, phrase, day = column.words, wording.phrase(column), wording.day_of(column)
    operator, own, general = wording.rng.choice(
        [
            (">", words.after, f"whose {phrase} is after {day}"),
            ("<", words.before, f"whose {phrase} is before {day}"),
            ("=", "", f"whose {phrase} is {day}"),
        ]
    )
    text = own.format(day) if own and wording.chance(0.7) else general
    return Condition(text, f"{table.sql(column)} {operator} '{day}'")


def _flagged(table: DrawnTable, column: DrawnColumn, wording: Wording) -> Condition:
    words = column.words
    index = wording.rng.randint(0, 1)
    own = (words.true, words.false)[index]
    value = words.values[index]
    text = own if own and wording.chance(0.8) else f"whose {wording.phrase(column)} is {wording.literal(value)}"
    return Condition(text, f"{table.sql(column)} = {text_literal(value)}")


_MAKERS: dict[str, Callable[[DrawnTable, DrawnColumn, Wording], Condition]] = {
    "name": _named,
    "category": _equals,
    "measure": _compared,
    "year": _in_year,
    "date": _on_day,
    "flag": _flagged,
}
