"""Questions about both, either, or one without the other: INTERSECT, UNION and EXCEPT."""

from dataclasses import dataclass

from text_to_sql.generator.chains import LINKING, draw_chain
from text_to_sql.generator.database import DrawnColumn, DrawnDatabase, DrawnTable
from text_to_sql.generator.joined_tables import draw_reference, joined
from text_to_sql.generator.rows import draw_apart, draw_positive
from text_to_sql.generator.several_selects import parents_without
from text_to_sql.generator.single_table import Pattern, draw_table, selected
from text_to_sql.generator.wording import Condition, Question, Wording, in_plural

# Share of INTERSECT among the set operations on rows of two kinds; the others are EXCEPT.
_BOTH = 0.75


def keys_without_children(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Keys that no child refers to, or none of a condition."""
    reference = draw_reference(database, wording)
    if reference is None:
        return None
    parent, condition = reference.parent, draw_positive(reference.child, wording) if wording.chance(0.5) else None
    others = condition.of(wording.plural(reference.child)) if condition else wording.plural(reference.child)
    keys, many = in_plural("code" if parent.key.type == "text" else "id"), wording.plural(parent)
    text = wording.pick(
        f"What are the {keys} of the {many} that have no {others}?",
        f"Find the {keys} of {many} without {others}.",
        f"Which {many} do not have any {others}? List their {keys}.",
        f"Show the {wording.singular(parent)} {keys} that have no {others}.",
    )
    return Question(text, parents_without(reference, [parent.key], None, condition))


def values_without_rows(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Values of a category that no row of a condition has, or none that children refer to."""
    table = draw_table(database, wording, "category")
    if table is None:
        return None
    shown = wording.rng.choice(table.with_role("category"))
    select = f"SELECT {table.sql(shown)} FROM {table.source}"
    references = [one for one in database.references if one.parent is table]
    if references and wording.chance(0.5):
        reference = wording.rng.choice(references)
        condition = draw_positive(reference.child, wording) if wording.chance(0.5) else None
        others = condition.of(wording.plural(reference.child)) if condition else wording.plural(reference.child)
        whom = f"{wording.plural(table)} {reference.column.words.child} {others}"
        where = f" WHERE {condition.alone}" if condition else ""
        taken = f"SELECT {table.sql(shown)} {joined(reference)}{where}"
    else:
        condition = draw_positive(table, wording)
        if condition is None or table.sql(shown) in condition.sql:
            return None
        whom, taken = condition.of(wording.plural(table)), f"{select} WHERE {condition.alone}"
    values = in_plural(wording.phrase(shown))
    text = wording.pick(
        f"Which {values} have no {whom}?",
        f"What are the {values} without any {whom}?",
        f"List the {values} that do not have any {whom}.",
        f"Find the {values} with no {whom}.",
    )
    return Question(text, f"{select} EXCEPT {taken}")


def all_but_some(database: DrawnDatabase, wording: Wording) -> Question | None:
    """The names of all parents except those with children of a condition."""
    reference = draw_reference(database, wording)
    condition = draw_positive(reference.child, wording) if reference else None
    names = wording.names(reference.parent) if reference else []
    if reference is None or condition is None or not names:
        return None
    parent, others = reference.parent, condition.of(wording.plural(reference.child))
    what, link = wording.listings(names, parent), wording.pick(reference.column.words.child, "that have", "with")
    text = wording.pick(
        f"Show the {what} of all {wording.plural(parent)} except for those {link} {others}.",
        f"List the {what} of {wording.plural(parent)}, except those {link} {others}.",
        f"What are the {what} of all {wording.plural(parent)} but those {link} {others}?",
    )
    select = f"SELECT {selected(parent, names)}"
    return Question(text, f"{select} FROM {parent.source} EXCEPT {select} {joined(reference)} WHERE {condition.alone}")


def shared_values(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Values of a column that rows of one condition and rows of another have, or only those of the first."""
    table = draw_table(database, wording, "category")
    if table is None:
        return None
    shown = wording.rng.choice(table.with_role("category"))
    pair = draw_apart(table, wording, shown)
    if pair is None:
        return None
    one, other = pair
    phrases, whom = in_plural(wording.phrase(shown)), wording.plural(table)
    both = wording.chance(_BOTH)
    text = (
        wording.pick(
            f"Which {phrases} have both {one.of(whom)} and {other.of(whom)}?",
            f"Show the {phrases} shared by {one.of(whom)} and {other.of(whom)}.",
            f"What are the {phrases} of both {one.of(whom)} and {other.of(whom)}?",
            f"Which {phrases} have {one.of(whom)} as well as {other.of(whom)}?",
        )
        if both
        else wording.pick(
            f"Which {phrases} have {one.of(whom)} but no {other.of(whom)}?",
            f"Show the {phrases} of {one.of(whom)}, except those of {other.of(whom)}.",
        )
    )
    select = f"SELECT {table.sql(shown)} FROM {table.source} WHERE"
    return Question(text, f"{select} {one.sql} {_operator(both)} {select} {other.sql}")


def _operator(both: bool) -> str:
    return "INTERSECT" if both else "EXCEPT"


@dataclass(frozen=True, slots=True)
class _Kin:
    """Parents and what they have, the children or what these refer to in turn.

    Attributes:
        parent: its rows are asked for.
        link: stands between the two nouns, such as `who wrote`.
        nouns: what they have, in words, without a condition: one table's, or two with what links them.
        tested: the table that conditions are on.
        reference: the children's key of the parent, as SQL names it.
        from_children: FROM without the parent.
        from_parent: FROM with it.
    """

    parent: DrawnTable
    link: str
    nouns: tuple[str, str]
    tested: DrawnTable
    reference: str
    from_children: str
    from_parent: str

    def of(self, condition: Condition) -> str:
        """Returns what the parents have, with a condition in words."""
        before, noun = self.nouns
        return f"{before}{condition.of(noun)}"


def _draw_kin(database: DrawnDatabase, wording: Wording) -> _Kin | None:
    chain = draw_chain(database, wording, LINKING) if wording.chance(0.6) else None
    if chain:
        middle, end = chain.middle, chain.end
        nouns = (f"{wording.plural(middle)} {chain.far_link} ", wording.plural(end))
        rest = f"FROM {middle.source} JOIN {end.source} ON {chain.far.condition}"
        return _Kin(chain.start, chain.near_link, nouns, end, middle.sql(chain.near.column), rest, chain.source)
    reference = draw_reference(database, wording)
    if reference is None:
        return None
    child, link = reference.child, reference.column.words.child
    key, rest = child.sql(reference.column), f"FROM {child.source}"
    return _Kin(reference.parent, link, ("", wording.plural(child)), child, key, rest, joined(reference))


def parents_of_both(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Parents that have a child of one value and one of another, or none of it; by what tells them apart."""
    kin = _draw_kin(database, wording)
    pair = draw_apart(kin.tested, wording) if kin else None
    if kin is None or pair is None:
        return None
    both, parent = wording.chance(_BOTH), kin.parent
    categories, names = parent.with_role("category"), wording.names(parent)
    [kind] = wording.rng.choices(("name", "key", "category"), (5 * bool(names), 2, 2 * bool(categories)))
    if kind == "category":
        return _categories_of_both(kin, wording.rng.choice(categories), pair, both, wording)
    one, other = map(kin.of, pair)
    having = f"that have both {one} and {other}" if both else f"that have {one} but no {other}"
    whom = f"{wording.plural(parent)} {having}"
    if kind == "key":
        columns, select = [parent.key], f"SELECT {kin.reference} {kin.from_children} WHERE"
    else:
        columns, select = names, f"SELECT {selected(parent, names)} {kin.from_parent} WHERE"
    sql = f"{select} {pair[0].sql} {_operator(both)} {select} {pair[1].sql}"
    return Question(wording.ask(wording.listings(columns, parent), whom), sql)


def _categories_of_both(
    kin: _Kin, category: DrawnColumn, pair: tuple[Condition, Condition], both: bool, wording: Wording
) -> Question:
    """Values that some parents with one kind of children have, and others with another kind; or none of these."""
    values, parents = in_plural(wording.phrase(category)), wording.plural(kin.parent)
    one, other = (f"{parents} {kin.link} {kin.of(condition)}" for condition in pair)
    text = (
        wording.pick(
            f"Which {values} have {one} as well as {other}?",
            f"What are the {values} that have both {one} and {other}?",
        )
        if both
        else f"Which {values} have {one} but no {other}?"
    )
    select = f"SELECT {kin.parent.sql(category)} {kin.from_parent} WHERE"
    return Question(text, f"{select} {pair[0].sql} {_operator(both)} {select} {pair[1].sql}")


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
    (keys_without_children, 4),
    (values_without_rows, 3),
    (all_but_some, 3),
    (shared_values, 8),
    (parents_of_both, 18),
    (either_table, 1),
)
