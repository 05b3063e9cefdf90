"""Questions that need more than one SELECT: nested ones and set operations."""

from text_to_sql.generator.conditions import apart, condition_on, draw_condition
from text_to_sql.generator.database import DrawnDatabase
from text_to_sql.generator.joined_tables import draw_reference, joined
from text_to_sql.generator.single_table import Pattern, draw_table, selected
from text_to_sql.generator.wording import Question, Wording, in_plural


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
        f"{wording.plural(table)} with a {phrase} {words} average",
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
    columns = wording.shown(table, 2)
    phrase, name, others = wording.phrase(measure), table.sql(measure), wording.plural(table)
    words, operator, function = wording.rng.choice([("higher", ">", "MAX"), ("lower", "<", "MIN")])
    whom = wording.pick(
        f"{others} with a {words} {phrase} than all {condition.of(others)}",
        f"{others} whose {phrase} is {words} than that of any of the {condition.of(others)}",
    )
    inner = f"(SELECT {function}({name}) FROM {table.source} WHERE {condition.sql})"
    sql = f"SELECT {selected(table, columns)} FROM {table.source} WHERE {name} {operator} {inner}"
    return Question(wording.ask(wording.listings(columns, table), whom), sql)


def without_children(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Parents that no child refers to."""
    reference = draw_reference(database, wording)
    if reference is None:
        return None
    child, parent = reference.child, reference.parent
    others = wording.plural(child)
    whom = wording.pick(
        f"{wording.plural(parent)} without any {others}",
        f"{wording.plural(parent)} that do not have any {others}",
        f"{wording.plural(parent)} that have no {others}",
        f"{wording.plural(parent)} with no {others}",
    )
    inner = f"SELECT {child.sql(reference.column)} FROM {child.source}"
    rest = f"FROM {parent.source} WHERE NOT {parent.sql(parent.key)} IN ({inner})"
    if wording.chance(0.3):
        return Question(wording.ask_number(whom), f"SELECT COUNT(*) {rest}")
    columns = wording.shown(parent, 2)
    return Question(wording.ask(wording.listings(columns, parent), whom), f"SELECT {selected(parent, columns)} {rest}")


def without_such_children(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Parents none of whose children satisfies a condition."""
    reference = draw_reference(database, wording)
    condition = draw_condition(reference.child, wording) if reference else None
    if reference is None or condition is None or "<>" in condition.sql:
        return None
    child, parent = reference.child, reference.parent
    whom = wording.pick(
        f"{wording.plural(parent)} that do not have any {condition.of(wording.plural(child))}",
        f"{wording.plural(parent)} without {condition.of(wording.plural(child))}",
        f"{wording.plural(parent)} that have no {condition.of(wording.plural(child))}",
    )
    inner = f"SELECT {child.sql(reference.column)} FROM {child.source} WHERE {condition.sql}"
    columns = wording.shown(parent, 2)
    sql = f"SELECT {selected(parent, columns)} FROM {parent.source} WHERE NOT {parent.sql(parent.key)} IN ({inner})"
    return Question(wording.ask(wording.listings(columns, parent), whom), sql)


def shared_values(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Values of a column that rows of one condition and rows of another have, or only those of the first."""
    table = draw_table(database, wording, "category")
    if table is None:
        return None
    shown = wording.rng.choice(table.with_role("category"))
    columns = [one for one in table.with_role("measure", "year", "category", "flag") if one is not shown]
    if not columns:
        return None
    column = wording.rng.choice(columns)
    one, other = condition_on(table, column, wording), condition_on(table, column, wording)
    if not apart(one, other):
        return None
    phrase, whom = wording.phrase(shown), wording.plural(table)
    both = wording.chance(0.6)
    text = (
        wording.pick(
            f"Which {phrase} values have both {one.of(whom)} and {other.of(whom)}?",
            f"Show the {phrase} shared by {one.of(whom)} and {other.of(whom)}.",
            f"What are the {phrase} values of both {one.of(whom)} and {other.of(whom)}?",
        )
        if both
        else wording.pick(
            f"Which {phrase} values have {one.of(whom)} but no {other.of(whom)}?",
            f"Show the {phrase} of {one.of(whom)}, except those of {other.of(whom)}.",
        )
    )
    select = f"SELECT {table.sql(shown)} FROM {table.source} WHERE"
    return Question(text, f"{select} {one.sql} {'INTERSECT' if both else 'EXCEPT'} {select} {other.sql}")


def parents_of_both(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Parents that have a child of one value and a child of another."""
    reference = draw_reference(database, wording)
    categories = reference.child.with_role("category", "flag") if reference else []
    if reference is None or not categories:
        return None
    column = wording.rng.choice(categories)
    one, other = condition_on(reference.child, column, wording), condition_on(reference.child, column, wording)
    if not apart(one, other):
        return None
    parent, others = reference.parent, wording.plural(reference.child)
    columns = wording.shown(parent, 1)
    whom = f"{wording.plural(parent)} that have both {one.of(others)} and {other.of(others)}"
    select = f"SELECT {selected(parent, columns)} {joined(reference)} WHERE"
    sql = f"{select} {one.sql} INTERSECT {select} {other.sql}"
    return Question(wording.ask(wording.listings(columns, parent), whom), sql)


def either_table(database: DrawnDatabase, wording: Wording) -> Question | None:
    """The names in one table together with those in another."""
    tables = [table for table in database.tables if table.with_role("name")]
    if len(tables) < 2:
        return None
    one, other = wording.rng.sample(tables, 2)
    names = [table.with_role("name")[0] for table in (one, other)]
    phrases = [in_plural(wording.phrase(name)) for name in names]
    whom, whom_else = wording.plural(one), wording.plural(other)
    text = wording.pick(
        f"What are the {phrases[0]} of all {whom} and the {phrases[1]} of all {whom_else}, in one list?",
        f"List the {phrases[0]} of all {whom} and the {phrases[1]} of all {whom_else} together.",
        f"Show the {phrases[0]} of {whom} as well as the {phrases[1]} of {whom_else}.",
    )
    sql = f"SELECT {one.sql(names[0])} FROM {one.source} UNION SELECT {other.sql(names[1])} FROM {other.source}"
    return Question(text, sql)


PATTERNS: tuple[tuple[Pattern, int], ...] = (
    (beyond_average, 4),
    (all_extreme_rows, 2),
    (without_children, 5),
    (without_such_children, 2),
    (shared_values, 4),
    (parents_of_both, 3),
    (either_table, 1),
)
