"""Conditions on one column, in words and in SQL."""

from calendar import month_name, monthrange
from collections.abc import Callable
from datetime import date

from text_to_sql.generator.database import DrawnColumn, DrawnTable
from text_to_sql.generator.people import FIRST, LAST
from text_to_sql.generator.wording import Condition, Wording

FILTERED_ROLES = ("name", "category", "measure", "year", "date", "flag")


# What people say instead of `with country France`, by the column's name.
_USUAL_EQUALITIES = {
    "country": ("from {}", "in {}"),
    "city": ("from {}", "in {}"),
    "state": ("from {}", "in {}"),
    "district": ("in {}",),
    "county": ("in {}",),
    "language": ("in {}",),
    "nationality": ("of {} nationality", "who are {}"),
    "status": ("that are {}",),
    "color": ("that are {}",),
    "genre": ("in the genre {}", "of the {} genre"),
    "type": ("of type {}",),
    "category": ("in the category {}",),
    "gender": ("of gender {}", "whose sex is {}"),
    "position": ("playing as {}",),
    "course": ("served as {}",),
    "format": ("in the format {}",),
}


def draw_condition(table: DrawnTable, wording: Wording, but: DrawnColumn | None = None) -> Condition | None:
    """Draws a condition on a column of a table, other than `but`; None if it has no column for one."""
    if but is None and wording.chance(0.25) and (condition := _full_name(table, wording)):
        return condition
    columns = [column for column in table.columns if _may_be_filtered(column) and column is not but]
    return condition_on(table, wording.rng.choice(columns), wording) if columns else None


def _may_be_filtered(column: DrawnColumn) -> bool:
    return column.words.role in FILTERED_ROLES or bool(column.words.null)


def _full_name(table: DrawnTable, wording: Wording) -> Condition | None:
    """A person by first and last name; None if the table has no such columns."""
    columns = {column.words.name: column for column in table.columns}
    if FIRST not in columns or LAST not in columns:
        return None
    first, last = (wording.rng.choice(columns[name].words.values) for name in (FIRST, LAST))
    text = wording.pick(
        f"named {first} {last}",
        f"named {wording.literal(f'{first} {last}')}",
        f"called {first} {last}",
        f"with first name {wording.literal(first)} and last name {wording.literal(last)}",
        f"whose first name is {wording.literal(first)} and whose last name is {wording.literal(last)}",
        f"with {first} as first name and {last} as last name",
    )
    sql = [f"{table.sql(columns[name])} = {text_literal(value)}" for name, value in ((FIRST, first), (LAST, last))]
    return Condition(text, " AND ".join(sql))


def draw_two_conditions(table: DrawnTable, wording: Wording) -> tuple[Condition, Condition] | None:
    """Draws conditions on two columns; None if the table has not as many."""
    columns = table.with_role(*FILTERED_ROLES)
    if len(columns) < 2:
        return None
    one, other = wording.rng.sample(columns, 2)
    return condition_on(table, one, wording), condition_on(table, other, wording)


def condition_on(table: DrawnTable, column: DrawnColumn, wording: Wording) -> Condition:
    """Draws a condition on a column of `FILTERED_ROLES`, or on one that may be empty."""
    words = column.words
    if words.null and (words.role not in _MAKERS or wording.chance(0.25)):
        if words.present and wording.chance(0.3):
            return Condition(words.present, f"NOT {table.sql(column)} IS NULL")
        return Condition(words.null, f"{table.sql(column)} IS NULL")
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
    own = column.words.equal or wording.pick(*_USUAL_EQUALITIES.get(column.words.name, ("",)))
    if own and wording.chance(0.5):
        return Condition(own.format(shown), sql)
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
    if wording.chance(0.4):
        return _within(table, column, wording)
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


def _within(table: DrawnTable, column: DrawnColumn, wording: Wording) -> Condition:
    """A date within a year or a month."""
    day, phrase = date.fromisoformat(wording.day_of(column)), wording.phrase(column)
    if wording.chance(0.6):
        first, last, named = f"{day.year}-01-01", f"{day.year}-12-31", str(day.year)
    else:
        days = monthrange(day.year, day.month)[1]
        first, last = f"{day:%Y-%m}-01", f"{day:%Y-%m}-{days}"
        named = f"{month_name[day.month]} {day.year}"
    verb = column.words.after.removesuffix(" after {}") if column.words.after.endswith(" after {}") else ""
    general = wording.pick(f"with a {phrase} in {named}", f"whose {phrase} is in {named}")
    text = f"{verb} in {named}" if verb and wording.chance(0.75) else general
    return Condition(text, f"{table.sql(column)} BETWEEN '{first}' AND '{last}'")


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
