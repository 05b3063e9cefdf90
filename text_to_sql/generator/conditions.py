"""Conditions on one column, in words and in SQL."""

from collections.abc import Callable

from text_to_sql.generator.database import DrawnColumn, DrawnTable
from text_to_sql.generator.people import FIRST, LAST
from text_to_sql.generator.ranges import compared, in_year, on_day
from text_to_sql.generator.wording import Condition, Wording, is_or_are

FILTERED_ROLES = ("name", "category", "measure", "year", "date", "flag")


# Share of conditions on two values that use IN, as few people do.
_BY_IN = 0.1

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
# What stands before the noun: `cancelled orders`, `Korean-language books`.
_USUAL_ADJECTIVES = {
    "status": "{}",
    "color": "{}",
    "genre": "{}",
    "category": "{}",
    "type": "{}",
    "kind": "{}",
    "style": "{}",
    "size": "{}",
    "level": "{}",
    "discipline": "{}",
    "nationality": "{}",
    "language": "{}-language",
}


def draw_condition(table: DrawnTable, wording: Wording, but: DrawnColumn | None = None) -> Condition | None:
    """Draws a condition on a column of a table, other than `but`; None if it has no column for one."""
    if but is None and wording.chance(0.25) and (condition := _full_name(table, wording)):
        return condition
    columns = [column for column in table.columns if _may_be_filtered(column) and column is not but]
    return condition_on(table, wording.rng.choice(columns), wording) if columns else None


def _may_be_filtered(column: DrawnColumn) -> bool:
    return column.words.role in FILTERED_ROLES or bool(column.words.null)


def whole_name(table: DrawnTable, wording: Wording) -> tuple[str, str] | None:
    """Draws a row by its name, or first and last name; returns it and a condition in SQL, or None if it has none."""
    columns = {column.words.name: column for column in table.columns}
    names = [columns[FIRST], columns[LAST]] if {FIRST, LAST} <= columns.keys() else table.with_role("name")[:1]
    values = [wording.rng.choice(column.words.values) for column in names]
    sql = [f"{table.sql(column)} = {text_literal(value)}" for column, value in zip(names, values, strict=True)]
    return (" ".join(values), " AND ".join(sql)) if names else None


def _full_name(table: DrawnTable, wording: Wording) -> Condition | None:
    """A person by first and last name; None if the table has no such columns."""
    columns = {column.words.name for column in table.columns}
    found = whole_name(table, wording)
    if found is None or not {FIRST, LAST} <= columns:
        return None
    name, sql = found
    first, last = name.split(" ", 1)
    text = wording.pick(
        f"named {name}",
        f"named {wording.literal(name)}",
        f"called {name}",
        f"with first name {wording.literal(first)} and last name {wording.literal(last)}",
        f"whose first name is {wording.literal(first)} and whose last name is {wording.literal(last)}",
        f"with {first} as first name and {last} as last name",
    )
    return Condition(text, sql)


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


def apart(one: Condition, other: Condition) -> bool:
    """Whether two conditions on a column leave each other alone: of different values, or such as `> 5` and `< 3`."""
    if one.sql.startswith("(") or other.sql.startswith("("):
        return False
    (_, operator, value), (_, other_operator, other_value) = one.sql.split(" ", 2), other.sql.split(" ", 2)
    if operator == other_operator == "=":
        return value != other_value
    if (operator, other_operator) == ("<", ">"):
        return apart(other, one)
    return (operator, other_operator) == (">", "<") and _comparable(value) >= _comparable(other_value)


def _comparable(value: str) -> float | str:
    return value if value.startswith("'") else float(value)


def text_literal(value: str) -> str:
    """Returns a text as SQL spells it."""
    return "'" + value.replace("'", "''") + "'"


def _equals(table: DrawnTable, column: DrawnColumn, wording: Wording) -> Condition:
    value = wording.rng.choice(column.words.values)
    name, phrase, shown = table.sql(column), wording.phrase(column), wording.literal(value)
    sql = f"{name} = {text_literal(value)}"
    adjective = _USUAL_ADJECTIVES.get(column.words.name)
    if adjective and value.replace(" ", "").isalpha() and wording.chance(0.35):
        return Condition(adjective.format(value), sql, before=True)
    own = column.words.equal or wording.pick(*_USUAL_EQUALITIES.get(column.words.name, ("",)))
    if wording.chance(0.2):
        return _other_than(column, name, phrase, own, wording)
    if own and wording.chance(0.5):
        return Condition(own.format(shown), sql)
    return Condition(
        wording.pick(
            f"whose {phrase} {is_or_are(phrase)} {shown}",
            f"with {phrase} {shown}",
            f"that have {shown} as {phrase}",
            f"with {shown} as {phrase}",
            f"with the {phrase} {shown}",
            f"where the {phrase} {is_or_are(phrase)} {shown}",
        ),
        sql,
    )


def _other_than(column: DrawnColumn, name: str, phrase: str, own: str, wording: Wording) -> Condition:
    """One of two values, none of them, or any but one."""
    one, other = wording.rng.sample(column.words.values, 2)
    preposition = own.removesuffix(" {}") if own in ("from {}", "in {}", "of type {}") else ""
    is_ = is_or_are(phrase)
    kind = wording.pick("either", "either", "neither", "not", "not")
    if kind == "either":
        plain = f"whose {phrase} {is_} {wording.literal(one)} or {wording.literal(other)}"
        text = f"{preposition} {one} or {other}" if preposition and wording.chance(0.6) else plain
        return Condition(text, _either(name, one, other, wording))
    if kind == "neither":
        plain = f"whose {phrase} {is_} neither {one} nor {other}"
        text = f"neither {preposition} {one} nor {preposition} {other}" if preposition else plain
        return Condition(text if wording.chance(0.6) else plain, _neither(name, one, other, wording))
    shown = wording.literal(one)
    general = wording.pick(f"whose {phrase} {is_} not {shown}", f"with a {phrase} other than {shown}")
    text = f"that are not {preposition} {shown}" if preposition and wording.chance(0.5) else general
    return Condition(text, f"{name} <> {text_literal(one)}")


def _either(name: str, one: str, other: str, wording: Wording) -> str:
    """Returns SQL for one of two values: rarely IN, else in parentheses, as other conditions may stand beside it."""
    if wording.chance(_BY_IN):
        return f"{name} IN ({text_literal(one)}, {text_literal(other)})"
    return f"({name} = {text_literal(one)} OR {name} = {text_literal(other)})"


def _neither(name: str, one: str, other: str, wording: Wording) -> str:
    if wording.chance(_BY_IN):
        return f"NOT {name} IN ({text_literal(one)}, {text_literal(other)})"
    return f"{name} <> {text_literal(one)} AND {name} <> {text_literal(other)}"


def _named(table: DrawnTable, column: DrawnColumn, wording: Wording) -> Condition:
    if wording.chance(0.25):
        return _like(table, column, wording)
    value = wording.rng.choice(column.words.values)
    shown, phrase = wording.literal(value), wording.phrase(column)
    return Condition(
        wording.pick(
            f"named {shown}",
            f"called {shown}",
            f"with the {phrase} {shown}",
            f"whose {phrase} {is_or_are(phrase)} {shown}",
        ),
        f"{table.sql(column)} = {text_literal(value)}",
    )


def _like(table: DrawnTable, column: DrawnColumn, wording: Wording) -> Condition:
    value, phrase = wording.rng.choice(column.words.values), wording.phrase(column)
    word = wording.rng.choice(value.split())
    part = wording.literal(word if wording.chance(0.6) else word[:3])
    letter, bare = value[0], part.strip("\"'")
    text, pattern = wording.rng.choice(
        [
            (f"whose {phrase} contains {part}", f"%{bare}%"),
            (f"with the word {wording.literal(word)} in the {phrase}", f"%{word}%"),
            (f"whose {phrase} starts with {letter}", f"{letter}%"),
            (f"whose {phrase} begins with the letter {letter}", f"{letter}%"),
            (f"whose {phrase} starts with {wording.literal(value.split()[0])}", f"{value.split()[0]}%"),
            (f"whose {phrase} ends with {wording.literal(value.split()[-1])}", f"%{value.split()[-1]}"),
            (f"whose {phrase} contains the letter '{letter.lower()}'", f"%{letter.lower()}%"),
        ]
    )
    return Condition(text, f"{table.sql(column)} LIKE {text_literal(pattern)}")


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
    "measure": compared,
    "year": in_year,
    "date": on_day,
    "flag": _flagged,
}
