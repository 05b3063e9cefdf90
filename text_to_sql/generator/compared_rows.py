"""Questions whose rows are compared with others: with one by its name, with an average, with what refers to them."""

from text_to_sql.generator.conditions import apart, condition_on, draw_condition, whole_name
from text_to_sql.generator.database import DrawnColumn, DrawnDatabase, Reference
from text_to_sql.generator.joined_tables import draw_reference
from text_to_sql.generator.rows import draw_rows
from text_to_sql.generator.single_table import Pattern, draw_table, selected
from text_to_sql.generator.wording import Question, Wording


def beyond_another(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Rows with more or less of something than a row that is named, or with the same."""
    table = draw_table(database, wording, "measure", "year", "date", "category")
    named = whole_name(table, wording) if table else None
    if table is None or named is None:
        return None
    column = wording.rng.choice(table.with_role("measure", "year", "date", "category"))
    name, condition = named
    operator, words = _relation(column, wording.literal(name), wording)
    inner = f"(SELECT {table.sql(column)} FROM {table.source} WHERE {condition})"
    where = f"WHERE {table.sql(column)} {operator} {inner}"
    whom = f"{wording.plural(table)} {words}"
    if operator == "=" and wording.chance(0.6):
        whom = wording.pick(f"other {whom}", f"{whom}, without itself")
        where = (
            f"{where} AND NOT ({condition})"
            if " AND " in condition
            else f"{where} AND {condition.replace(' = ', ' <> ')}"
        )
    if wording.chance(0.3):
        return Question(wording.ask_number(whom), f"SELECT COUNT(*) FROM {table.source} {where}")
    columns = wording.shown(table, 2)
    return Question(
        wording.ask(wording.listings(columns, table), whom),
        f"SELECT {selected(table, columns)} FROM {table.source} {where}",
    )


def _relation(column: DrawnColumn, name: str, wording: Wording) -> tuple[str, str]:
    words, phrase = column.words, wording.phrase(column)
    if words.role == "category" or wording.chance(0.15):
        return "=", wording.pick(f"with the same {phrase} as {name}", f"that have the same {phrase} as {name}")
    more = wording.chance(0.5)
    if words.role == "measure":
        own = words.more if more else words.less
        general = f"with {'higher' if more else 'lower'} {phrase} than {name}"
        text = own.format(name) if own.endswith("{}") and wording.chance(0.5) else general
    else:
        own = words.after if more else words.before
        text = (
            own.format(name)
            if own and wording.chance(0.7)
            else f"whose {phrase} is {'after' if more else 'before'} that of {name}"
        )
    return (">" if more else "<"), text


def some_beyond_average(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Rows of a condition that are above or below the average of all rows, or of the rows of that condition."""
    table = draw_table(database, wording, "measure")
    if table is None:
        return None
    measure = wording.rng.choice(table.with_role("measure"))
    rows = draw_rows(database, table, wording, (0, 1, 0))
    if not rows.conditions or rows.joined:
        return None
    [condition], name = rows.conditions, table.sql(measure)
    others, phrase, of_all = wording.plural(table), wording.phrase(measure), wording.chance(0.6)
    words, operator = wording.rng.choice([("above", ">"), ("higher than", ">"), ("below", "<"), ("lower than", "<")])
    average = f"the average of all {others}" if of_all else f"the average of {condition.of(others)}"
    whom = f"{condition.of(others)} with {phrase} {words} {average}"
    inner = f"(SELECT AVG({name}) FROM {table.source}{'' if of_all else f' WHERE {condition.sql}'})"
    rest = f"FROM {table.source} WHERE {condition.sql} AND {name} {operator} {inner}"
    if wording.chance(0.3):
        return Question(wording.ask_number(whom), f"SELECT COUNT(*) {rest}")
    columns = [one for one in wording.shown(table, 2) if one is not measure]
    if not columns:
        return None
    return Question(wording.ask(wording.listings(columns, table), whom), f"SELECT {selected(table, columns)} {rest}")


def with_and_without(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Parents of a condition that have certain children, or have none of them, or both of two."""
    reference = draw_reference(database, wording)
    if reference is None:
        return None
    parent, others = reference.parent, wording.plural(reference.child)
    own = draw_condition(parent, wording) if wording.chance(0.6) else None
    owners = own.of(wording.plural(parent)) if own else wording.plural(parent)
    conditions = [own.sql] if own else []
    tests = _tests(database, reference, others, wording)
    if tests is None:
        return None
    words, sql = tests
    whom = f"{owners} {words}"
    where = " AND ".join([*conditions, *sql])
    if wording.chance(0.25):
        return Question(wording.ask_number(whom), f"SELECT COUNT(*) FROM {parent.source} WHERE {where}")
    columns = wording.shown(parent, 2)
    ask = wording.ask(wording.listings(columns, parent), whom)
    return Question(ask, f"SELECT {selected(parent, columns)} FROM {parent.source} WHERE {where}")


def _tests(
    database: DrawnDatabase, reference: Reference, others: str, wording: Wording
) -> tuple[str, list[str]] | None:
    """Returns what the parents must have or not have, in words and in SQL."""
    kind = wording.rng.choices(("with", "without", "both", "but"), (3, 5, 3, 2))[0]
    if kind in ("both", "but"):
        return _two_tests(database, reference, others, kind == "both", wording)
    condition = draw_condition(reference.child, wording) if wording.chance(0.6) else None
    whom = condition.of(others) if condition else others
    sql = _membership(reference, condition.sql if condition else "", negative=kind == "without")
    if kind == "with":
        return wording.pick(f"that have at least one of the {whom}", f"with any {whom}", f"that have {whom}"), [sql]
    never = wording.pick(
        f"that have never had any {whom}",
        f"without {whom}",
        f"that have no {whom}",
        f"without a single one of the {whom}",
    )
    return never, [sql]


def _two_tests(
    database: DrawnDatabase, reference: Reference, others: str, both: bool, wording: Wording
) -> tuple[str, list[str]] | None:
    """Children of two kinds, or children of one table and none of another."""
    rest = [one for one in database.references if one.parent is reference.parent and one.child is not reference.child]
    if rest and wording.chance(0.4):
        second = wording.rng.choice(rest)
        link = "and also have" if both else "but no"
        words = f"that have {others} {link} {wording.plural(second.child)}"
        return words, [_membership(reference, ""), _membership(second, "", negative=not both)]
    columns = reference.child.with_role("category", "flag", "measure", "year", "date")
    if not columns:
        return None
    column = wording.rng.choice(columns)
    one, other = condition_on(reference.child, column, wording), condition_on(reference.child, column, wording)
    if not apart(one, other):
        return None
    words = (
        f"that have both {one.of(others)} and {other.of(others)}"
        if both
        else f"that have {one.of(others)} but no {other.of(others)}"
    )
    return words, [_membership(reference, one.sql), _membership(reference, other.sql, negative=not both)]


def _membership(reference: Reference, condition: str, *, negative: bool = False) -> str:
    child, parent = reference.child, reference.parent
    where = f" WHERE {condition}" if condition else ""
    inner = f"SELECT {child.sql(reference.column)} FROM {child.source}{where}"
    return f"{'NOT ' if negative else ''}{parent.sql(parent.key)} IN ({inner})"


PATTERNS: tuple[tuple[Pattern, int], ...] = (
    (beyond_another, 4),
    (some_beyond_average, 2),
    (with_and_without, 6),
)
