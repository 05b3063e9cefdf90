"""Questions that need more than one SELECT: nested ones and set operations."""

from collections.abc import Sequence

from text_to_sql.generator.conditions import condition_on
from text_to_sql.generator.database import DrawnColumn, DrawnDatabase, Reference
from text_to_sql.generator.joined_tables import draw_reference
from text_to_sql.generator.rows import draw_positive
from text_to_sql.generator.single_table import Pattern, draw_table, selected
from text_to_sql.generator.wording import Condition, Question, Wording


def beyond_average(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Rows above or below the average of a number."""
    table = draw_table(database, wording, "measure")
    if table is None:
        return None
    column = wording.rng.choice(table.with_role("measure"))
    columns = [one for one in wording.shown(table, 2) if one is not column]
    if not columns:
        return None
    words, operator = wording.rng.choice([("above", ">"), ("higher than", ">"), ("below", "<"), ("lower than", "<")])
    phrase, name = wording.phrase(column), table.sql(column)
    whom = wording.pick(
        f"{wording.plural(table)} with {phrase} {words} the average",
        f"{wording.plural(table)} whose {phrase} is {words} the average {phrase}",
        f"{wording.plural(table)} with {phrase} {words} average",
    )
    where = f"WHERE {name} {operator} (SELECT AVG({name}) FROM {table.source})"
    what = wording.listing(columns, table)
    if wording.chance(0.25):
        return Question(wording.ask_number(whom), f"SELECT COUNT(*) FROM {table.source} {where}")
    return Question(wording.ask(what, whom), f"SELECT {selected(table, columns)} FROM {table.source} {where}")


def all_extreme_rows(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Rows beyond all rows of a condition, such as heavier than any horse from Kent."""
    table = draw_table(database, wording, "measure")
    categories = table.with_role("category") if table else []
    if table is None or not categories:
        return None
    measure = wording.rng.choice(table.with_role("measure"))
    condition = condition_on(table, wording.rng.choice(categories), wording)
    columns = [one for one in wording.shown(table, 2, condition.fixed) if one is not measure]
    if not columns:
        return None
    phrase, name, others = wording.phrase(measure), table.sql(measure), wording.plural(table)
    words, operator, function = wording.rng.choice([("higher", ">", "MAX"), ("lower", "<", "MIN")])
    whom = wording.pick(
        f"{others} with {words} {phrase} than all {condition.of(others)}",
        f"{others} whose {phrase} is {words} than that of any of the {condition.of(others)}",
    )
    inner = f"(SELECT {function}({name}) FROM {table.source} WHERE {condition.alone})"
    sql = f"SELECT {selected(table, columns)} FROM {table.source} WHERE {name} {operator} {inner}"
    return Question(wording.ask(wording.listings(columns, table), whom), sql)


def without_children(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Parents that no child refers to."""
    reference = draw_reference(database, wording)
    if reference is None:
        return None
    parent, others = reference.parent, wording.plural(reference.child)
    whom = wording.pick(
        f"{wording.plural(parent)} without any {others}",
        f"{wording.plural(parent)} that do not have any {others}",
        f"{wording.plural(parent)} that have no {others}",
        f"{wording.plural(parent)} with no {others}",
    )
    if wording.chance(0.3):
        return Question(wording.ask_number(whom), parents_without(reference, [], None, None))
    columns = wording.shown(parent, 2)
    text = wording.ask(wording.listings(columns, parent), whom)
    return Question(text, parents_without(reference, columns, None, None))


def without_such_children(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Parents none of whose children satisfies a condition."""
    reference = draw_reference(database, wording)
    condition = draw_positive(reference.child, wording) if reference else None
    if reference is None or condition is None:
        return None
    parent, others = reference.parent, condition.of(wording.plural(reference.child))
    whom = wording.pick(
        f"{wording.plural(parent)} that do not have any {others}",
        f"{wording.plural(parent)} without {others}",
        f"{wording.plural(parent)} that have no {others}",
    )
    columns = wording.shown(parent, 2)
    text = wording.ask(wording.listings(columns, parent), whom)
    return Question(text, parents_without(reference, columns, None, condition))


def parents_without(
    reference: Reference, columns: Sequence[DrawnColumn], own: Condition | None, condition: Condition | None
) -> str:
    """Returns the SQL for parents that have none of certain children; a key alone is taken from all keys by EXCEPT.

    Args:
        reference: from the children to the parents.
        columns: of the parents; none to count them.
        own: what the parents must meet.
        condition: on the children.
    """
    child, parent = reference.child, reference.parent
    key = parent.sql(parent.key)
    inner = (
        f"SELECT {child.sql(reference.column)} FROM {child.source}{f' WHERE {condition.alone}' if condition else ''}"
    )
    if list(columns) == [parent.key]:
        return f"SELECT {key} FROM {parent.source}{f' WHERE {own.alone}' if own else ''} EXCEPT {inner}"
    what = selected(parent, list(columns)) if columns else "COUNT(*)"
    where = f"{own.sql} AND NOT {key} IN ({inner})" if own else f"NOT {key} IN ({inner})"
    return f"SELECT {what} FROM {parent.source} WHERE {where}"


PATTERNS: tuple[tuple[Pattern, int], ...] = (
    (beyond_average, 4),
    (all_extreme_rows, 2),
    (without_children, 5),
    (without_such_children, 2),
)
