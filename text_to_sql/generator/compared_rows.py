"""Questions whose rows are compared with others: with one by its name, with an average, with what refers to them."""

from text_to_sql.generator.conditions import draw_condition, whole_name
from text_to_sql.generator.database import DrawnColumn, DrawnDatabase, DrawnTable, Reference
from text_to_sql.generator.joined_tables import draw_reference
from text_to_sql.generator.rows import draw_apart, draw_positive
from text_to_sql.generator.several_selects import parents_without
from text_to_sql.generator.single_table import Pattern, draw_table, selected
from text_to_sql.generator.wording import Condition, Question, Wording


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
    # What is the same in all rows is no question.
    columns = wording.shown(table, 2, [table.sql(column)] if operator == "=" else ())
    if not columns:
        return None
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
    condition = draw_condition(table, wording, measure)
    if condition is None or _is_of_one_row(table, condition):
        return None
    name = table.sql(measure)
    others, phrase, of_all = wording.plural(table), wording.phrase(measure), wording.chance(0.6)
    words, operator = wording.rng.choice([("above", ">"), ("higher than", ">"), ("below", "<"), ("lower than", "<")])
    average = f"the average of all {others}" if of_all else f"the average of {condition.of(others)}"
    whom = f"{condition.of(others)} with {phrase} {words} {average}"
    inner = f"(SELECT AVG({name}) FROM {table.source}{'' if of_all else f' WHERE {condition.alone}'})"
    rest = f"FROM {table.source} WHERE {condition.sql} AND {name} {operator} {inner}"
    if wording.chance(0.3):
        return Question(wording.ask_number(whom), f"SELECT COUNT(*) {rest}")
    columns = [one for one in wording.shown(table, 2, condition.fixed) if one is not measure]
    if not columns:
        return None
    return Question(wording.ask(wording.listings(columns, table), whom), f"SELECT {selected(table, columns)} {rest}")


def _is_of_one_row(table: DrawnTable, condition: Condition) -> bool:
    """Whether a condition is on the name, which nobody lists or counts rows by."""
    return not condition.fixed.isdisjoint(table.sql(column) for column in table.with_role("name", "key"))


def with_and_without(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Parents of a condition that have certain children, or have none of them, or both of two."""
    reference = draw_reference(database, wording)
    if reference is None:
        return None
    parent, others = reference.parent, wording.plural(reference.child)
    own = draw_condition(parent, wording) if wording.chance(0.6) else None
    if own and _is_of_one_row(parent, own):
        return None
    owners = own.of(wording.plural(parent)) if own else wording.plural(parent)
    columns = [] if wording.chance(0.3) else wording.shown(parent, 2, own.fixed if own else ())
    [kind] = wording.rng.choices(("with", "without", "both", "but"), (3, 5, 3, 2))
    if kind == "without":
        return _without(reference, columns, own, f"{owners} ", wording)
    if kind == "with":
        words, tests = _with(reference, others, counted=not columns, wording=wording)
    else:
        # Where a name or a key alone is listed, people would write a set operation: `parents_of_both`.
        columns = [] if columns in ([parent.key], wording.names(parent)) else columns
        two = _two_tests(database, reference, others, kind == "both", wording)
        if two is None:
            return None
        words, tests = two
    whom, where = f"{owners} {words}", " AND ".join([*([own.sql] if own else []), *tests])
    if not columns:
        return Question(wording.ask_number(whom), f"SELECT COUNT(*) FROM {parent.source} WHERE {where}")
    text = wording.ask(wording.listings(columns, parent), whom)
    return Question(text, f"SELECT {selected(parent, columns)} FROM {parent.source} WHERE {where}")


def _with(reference: Reference, others: str, *, counted: bool, wording: Wording) -> tuple[str, list[str]]:
    """Parents of at least one child; a plain `with` is for joins, which count children."""
    condition = draw_condition(reference.child, wording) if wording.chance(0.6) else None
    whom = condition.of(others) if condition else others
    texts = [f"that have at least one of the {whom}", f"with any {whom}", f"that have any {whom}"]
    texts += [f"that have {whom}", f"with {whom}"] if counted else []
    return wording.pick(*texts), [_membership(reference, condition.alone if condition else "")]


def _without(
    reference: Reference, columns: list[DrawnColumn], own: Condition | None, owners: str, wording: Wording
) -> Question:
    condition, others = draw_positive(reference.child, wording), wording.plural(reference.child)
    condition = condition if wording.chance(0.6) else None
    none = condition.of(others) if condition else others
    whom = owners + wording.pick(
        f"that have never had any {none}",
        f"without {none}",
        f"that have no {none}",
        f"without a single one of the {none}",
    )
    parent = reference.parent
    text = wording.ask(wording.listings(columns, parent), whom) if columns else wording.ask_number(whom)
    return Question(text, parents_without(reference, columns, own, condition))


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
    pair = draw_apart(reference.child, wording)
    if pair is None:
        return None
    one, other = pair
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
