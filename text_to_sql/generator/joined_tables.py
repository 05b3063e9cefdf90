"""Questions about two or three tables that refer to each other."""

from text_to_sql.generator.conditions import draw_condition
from text_to_sql.generator.database import DrawnDatabase, DrawnTable, Reference
from text_to_sql.generator.single_table import Pattern, aggregate_words, extreme, selected
from text_to_sql.generator.wording import Condition, Question, Wording

WHO = "who "
# Verbs in present tense after `who`, as one person does it.
_OF_ONE = {
    "own": "owns",
    "hold": "holds",
    "give": "gives",
    "teach": "teaches",
    "advise": "advises",
    "have": "has",
    "are": "is",
}


def draw_reference(database: DrawnDatabase, wording: Wording) -> Reference | None:
    """Draws a child table and its parent, both with a column to show; None if there are none."""
    references = [one for one in database.references if shown_columns(one.child) and shown_columns(one.parent)]
    return wording.rng.choice(references) if references else None


def shown_columns(table: DrawnTable) -> bool:
    """Whether a table has anything that people would ask to see."""
    return bool(table.with_role("name", "category", "measure", "year", "date"))


def joined(reference: Reference) -> str:
    """Returns FROM with both tables."""
    return f"FROM {reference.child.source} JOIN {reference.parent.source} ON {reference.condition}"


def both_sides(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Columns of the child beside columns of its parent."""
    reference = draw_reference(database, wording)
    if reference is None:
        return None
    child, parent = reference.child, reference.parent
    condition = draw_condition(child, wording) if wording.chance(0.25) else None
    own, other = wording.shown(child, 2, condition.fixed if condition else ()), wording.shown(parent, 1)
    if not own or not other:
        return None
    one, others = wording.singular(child), wording.plural(child)
    what, whose = wording.listing(own, child), wording.listing(other, parent)
    owner, link = wording.singular(parent), reference.column.words.parent
    text = wording.pick(
        f"What are the {what} of each {one} and the {whose} of the {owner} it is {link}?",
        f"Show the {what} of all {others} together with the {whose} of their {owner}.",
        f"List the {what} of every {one} and the {whose} of the corresponding {owner}.",
        f"For each {one}, give its {what} and the {whose} of its {owner}.",
        f"Find the {what} of {others} and the {whose} of the {wording.plural(parent)} they are {link}.",
    )
    where = ""
    if condition:
        where = f" WHERE {condition.alone}"
        text = f"{text[:-1]}, only for {condition.of(others)}{text[-1]}"
    return Question(text, f"SELECT {selected(child, own)}, {selected(parent, other)} {joined(reference)}{where}")


def children_of_parent(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Columns or the number of children whose parent satisfies a condition."""
    reference = draw_reference(database, wording)
    condition = draw_condition(reference.parent, wording) if reference else None
    if reference is None or condition is None:
        return None
    child = reference.child
    link = reference.column.words.parent if wording.chance(0.75) else wording.pick("of", "for", "belonging to")
    whom = f"{wording.plural(child)} {link} {one_or_more(reference.parent, condition, wording)}"
    rest = f"{joined(reference)} WHERE {condition.alone}"
    if wording.chance(0.3):
        return Question(wording.ask_number(whom), f"SELECT COUNT(*) {rest}")
    columns = wording.shown(child)
    return Question(wording.ask(wording.listings(columns, child), whom), f"SELECT {selected(child, columns)} {rest}")


def one_or_more(table: DrawnTable, condition: Condition, wording: Wording) -> str:
    """Returns `the department named Purchasing`, or `departments in Rome`, now and then with `the`."""
    if condition.text.startswith(("named", "called")):
        return f"the {condition.of(wording.singular(table))}"
    return f"{wording.pick('', '', 'the ')}{condition.of(wording.plural(table))}"


def parents_of_child(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Columns of the parents of children that satisfy a condition; half of the time each parent once."""
    reference = draw_reference(database, wording)
    condition = draw_condition(reference.child, wording) if reference else None
    if reference is None or condition is None:
        return None
    parent, link = reference.parent, reference.column.words.child
    others = one_or_more(reference.child, condition, wording)
    rest = f"{joined(reference)} WHERE {condition.alone}"
    if link.startswith(WHO) and wording.chance(0.3) and (names := wording.names(parent)):
        text = f"Who {verb_of_one(link)} {others}?"
        return Question(text, f"SELECT {selected(parent, names)} {rest}")
    whom = f"{wording.plural(parent)} {wording.pick(link, link, 'that have')} {others}"
    return list_question(parent, whom, rest, wording)


def verb_of_one(link: str) -> str:
    """Returns `owns` for `who own`, and `wrote` for `who wrote`."""
    verb, space, rest = link.removeprefix(WHO).partition(" ")
    return f"{_OF_ONE.get(verb, verb)}{space}{rest}"


def list_question(table: DrawnTable, whom: str, rest: str, wording: Wording) -> Question:
    """Columns of rows that a join repeats; half of the time each once, which the question then says."""
    columns, distinct = wording.shown(table, 2), wording.chance(0.5)
    what, once = wording.listings(columns, table), ""
    if distinct and wording.chance(0.6):
        what = f"{wording.pick('distinct', 'different', 'unique')} {what}"
    elif distinct:
        once = wording.pick(f" Each {wording.singular(table)} once.", " List each one once.", " No repetition.")
    text = wording.ask(what, whom)
    end = "." if once and text[-1] not in ".?" else ""
    return Question(f"{text}{end}{once}", f"SELECT {'DISTINCT ' if distinct else ''}{selected(table, columns)} {rest}")


def aggregate_of_children(database: DrawnDatabase, wording: Wording) -> Question | None:
    """An aggregate over the children whose parent satisfies a condition."""
    references = [one for one in database.references if one.child.with_role("measure")]
    if not references:
        return None
    reference = wording.rng.choice(references)
    condition = draw_condition(reference.parent, wording)
    if condition is None:
        return None
    measure = wording.rng.choice(reference.child.with_role("measure"))
    function, what = aggregate_words(wording, measure)
    owners = one_or_more(reference.parent, condition, wording)
    whom = f"{wording.plural(reference.child)} {reference.column.words.parent} {owners}"
    sql = f"SELECT {function}({reference.child.sql(measure)}) {joined(reference)} WHERE {condition.alone}"
    return Question(wording.ask(what, whom, one=True), sql)


def parent_of_extreme_child(database: DrawnDatabase, wording: Wording) -> Question | None:
    """The parent of the child with the greatest or least of something."""
    references = [one for one in database.references if one.child.with_role("measure", "year", "date")]
    if not references:
        return None
    reference = wording.rng.choice(references)
    child, parent = reference.child, reference.parent
    if not shown_columns(parent):
        return None
    column = wording.rng.choice(child.with_role("measure", "year", "date"))
    direction, words = extreme(column, wording)
    columns = wording.shown(parent, 2)
    shown, one = wording.listing(columns, parent), wording.singular(child)
    text = wording.pick(
        f"What is the {shown} of the {wording.singular(parent)} of the {one} {words}?",
        f"Find the {shown} of the {wording.singular(parent)} that the {one} {words} belongs to.",
        f"Which {wording.singular(parent)} has the {one} {words}? Show its {shown}.",
        f"Give the {shown} of the {wording.singular(parent)} for the {one} {words}.",
    )
    order = f"ORDER BY {child.sql(column)} {direction} LIMIT 1"
    return Question(text, f"SELECT {selected(parent, columns)} {joined(reference)} {order}")


PATTERNS: tuple[tuple[Pattern, int], ...] = (
    (both_sides, 5),
    (children_of_parent, 7),
    (parents_of_child, 5),
    (aggregate_of_children, 2),
    (parent_of_extreme_child, 2),
)
