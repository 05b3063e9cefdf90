"""Questions about how many rows refer to another: a number for each, the most, those with enough."""

from dataclasses import dataclass

from text_to_sql.generator.chains import DOWN, LINKING, Chain, draw_chain
from text_to_sql.generator.conditions import draw_condition
from text_to_sql.generator.database import DrawnColumn, DrawnDatabase, DrawnTable, Reference
from text_to_sql.generator.joined_tables import (
    WHO,
    draw_reference,
    joined,
    one_or_more,
    verb_of_one,
)
from text_to_sql.generator.single_table import Pattern, aggregate_words, may_be_added, selected
from text_to_sql.generator.wording import Question, Wording, in_plural

# How groups are limited by their size: most often to two or three rows.
_SIZES = (("at least", ">="), ("more than", ">"), ("exactly", "="))
_NUMBERS, _NUMBER_WEIGHTS = (1, 2, 3, 4, 5), (5, 6, 3, 1, 1)


def children_per_parent(database: DrawnDatabase, wording: Wording) -> Question | None:
    """For each parent, the number of its children or an aggregate of theirs."""
    reference = draw_reference(database, wording)
    if reference is None:
        return None
    child, others = reference.child, wording.plural(reference.child)
    measures = child.with_role("measure")
    if not measures or not wording.chance(0.35):
        return _number_of_each(_of_reference(reference, wording), wording)
    function, what = aggregate_words(wording, measure := wording.rng.choice(measures))
    call = f"{function}({child.sql(measure)})"
    return _each_with(_of_reference(reference, wording), call, f"{what} of the {others}", wording)


@dataclass(frozen=True, slots=True)
class _Counted:
    """Rows that are counted for each row of another table.

    Attributes:
        owner: the other table.
        link: stands between the owners and what is counted, such as `who wrote`.
        one: what is counted, in words.
        many: the same in plural.
        source: FROM and WHERE.
    """

    owner: DrawnTable
    link: str
    one: str
    many: str
    source: str

    @property
    def group(self) -> str:
        """GROUP BY: by the key, since names repeat."""
        return f"GROUP BY {self.owner.sql(self.owner.key)}"


def _of_reference(reference: Reference, wording: Wording) -> _Counted:
    one, many = wording.singular(reference.child), wording.plural(reference.child)
    return _Counted(reference.parent, reference.column.words.child, one, many, joined(reference))


def _of_chain(chain: Chain, wording: Wording) -> _Counted:
    """What is counted is the end of a chain downwards, or the middle of one with a condition on its end."""
    middle, end = chain.middle, chain.end
    condition = draw_condition(end, wording) if chain.form == LINKING or wording.chance(0.15) else None
    where = f" WHERE {condition.alone}" if condition else ""
    if chain.form == LINKING:
        owners = one_or_more(end, condition, wording) if condition else wording.plural(end)
        words, noun = f"{chain.far_link} {owners}", middle
    else:
        its = "their" if chain.near_link.startswith(WHO) else "its"
        words, noun = f"{chain.far.column.words.parent} {its} {wording.plural(middle)}", end
        words = f"{condition.text} {words}" if condition and not condition.before else words
    before = f"{condition.text} " if condition and condition.before and noun is end else ""
    one, many = (f"{before}{name} {words}" for name in (wording.singular(noun), wording.plural(noun)))
    return _Counted(
        chain.start, chain.near_link if chain.form == LINKING else "with", one, many, f"{chain.source}{where}"
    )


def _number_of_each(counted: _Counted, wording: Wording) -> Question:
    many = counted.many
    what = wording.pick(f"number of {many}", f"total number of {many}", f"count of {many}")
    return _each_with(counted, "COUNT(*)", what, wording)


def _each_with(counted: _Counted, call: str, what: str, wording: Wording) -> Question:
    owner, one = counted.owner, wording.singular(counted.owner)
    columns = wording.shown(owner, 1)
    shown = wording.listing(columns, owner)
    text = wording.pick(
        f"What is the {what} for each {one}? Show the {shown} too.",
        f"Show the {shown} of each {one} and the {what}.",
        f"For each {one}, find its {shown} and the {what}.",
        f"List the {shown} of every {one} along with the {what}.",
        f"Give the {what} for each {one}, with the {shown} of the {one}.",
    )
    return Question(text, f"SELECT {selected(owner, columns)}, {call} {counted.source} {counted.group}")


def parent_with_most(database: DrawnDatabase, wording: Wording) -> Question | None:
    """The parent with the most or the fewest children, or those with at least a number of them."""
    reference = draw_reference(database, wording)
    if reference is None:
        return None
    measures = reference.child.with_role("measure")
    if measures and wording.chance(0.15):
        return _by_measure(reference, wording.rng.choice(measures), wording)
    return _most_or_enough(_of_reference(reference, wording), wording)


def _most_or_enough(counted: _Counted, wording: Wording) -> Question:
    return (_with_most if wording.chance(0.65) else _with_enough)(counted, wording)


def _by_measure(reference: Reference, measure: DrawnColumn, wording: Wording) -> Question:
    parent = reference.parent
    columns = wording.shown(parent, 2)
    forms = (("SUM", "total"), ("AVG", "average"), ("SUM", "combined"))
    function, name = wording.rng.choice([form for form in forms if form[0] != "SUM" or may_be_added(measure)])
    text = _request_by_measure(
        reference, wording.listing(columns, parent), f"{name} {wording.phrase(measure)}", wording
    )
    order = f"ORDER BY {function}({reference.child.sql(measure)}) DESC LIMIT 1"
    group = f"GROUP BY {parent.sql(parent.key)}"
    return Question(text, f"SELECT {selected(parent, columns)} {joined(reference)} {group} {order}")


def _request_by_measure(reference: Reference, shown: str, what: str, wording: Wording) -> str:
    one, others = wording.singular(reference.parent), wording.plural(reference.child)
    highest = wording.pick("highest", "largest", "greatest")
    return wording.pick(
        f"What is the {shown} of the {one} with the {highest} {what} of {others}?",
        f"Which {one} has the {highest} {what} over all its {others}? Give its {shown}.",
        f"Find the {shown} of the {one} whose {others} have the {highest} {what}.",
    )


def _with_most(counted: _Counted, wording: Wording) -> Question:
    owner, least = counted.owner, wording.chance(0.2)
    rest = f"{counted.source} {counted.group} ORDER BY COUNT(*) {'ASC' if least else 'DESC'} LIMIT 1"
    names = wording.names(owner)
    if names and counted.link.startswith(WHO) and wording.chance(0.3):
        text = f"Who {verb_of_one(counted.link)} the {'fewest' if least else 'most'} {counted.many}?"
        return Question(text, f"SELECT {selected(owner, names)} {rest}")
    columns = wording.shown(owner, 2)
    text = _request_for_most(owner, wording.listing(columns, owner), counted.many, least, wording)
    return Question(text, f"SELECT {selected(owner, columns)} {rest}")


def _request_for_most(owner: DrawnTable, shown: str, others: str, least: bool, wording: Wording) -> str:
    most = (
        ("fewest", "least number of") if least else ("most", "largest number of", "most number of", "highest number of")
    )
    amount, one = wording.pick(*most), wording.singular(owner)
    return wording.pick(
        f"What is the {shown} of the {one} with the {amount} {others}?",
        f"Find the {shown} of the {one} that has the {amount} {others}.",
        f"Which {one} has the {amount} {others}? Give its {shown}.",
        f"Show the {shown} of the {one} with the {amount} {others}.",
        f"Which {one} {wording.pick('has', 'comes with')} the {amount} {others}? Return its {shown}.",
    )


def _with_enough(counted: _Counted, wording: Wording) -> Question:
    owner = counted.owner
    [number] = wording.rng.choices(_NUMBERS, _NUMBER_WEIGHTS)
    [(words, operator)] = wording.rng.choices(_SIZES, (3, 3, 1) if number > 1 else (0, 4, 1))
    columns = wording.shown(owner, 2)
    link = wording.pick("with", "that have", counted.link)
    amount = f"{words} {wording.amount(number)} {counted.one if number == 1 else counted.many}"
    text = wording.ask(wording.listings(columns, owner), f"{wording.plural(owner)} {link} {amount}")
    having = f"{counted.group} HAVING COUNT(*) {operator} {number}"
    return Question(text, f"SELECT {selected(owner, columns)} {counted.source} {having}")


def number_with_children(database: DrawnDatabase, wording: Wording) -> Question | None:
    """How many different parents have children, or how many different values they have; COUNT(DISTINCT …)."""
    reference = draw_reference(database, wording)
    if reference is None:
        return None
    child, parent = reference.child, reference.parent
    condition = draw_condition(child, wording) if wording.chance(0.6) else None
    others = one_or_more(child, condition, wording) if condition else wording.plural(child)
    where = f" WHERE {condition.alone}" if condition else ""
    whom = f"{wording.plural(parent)} {wording.pick(reference.column.words.child, 'that have')} {others}"
    different, categories = wording.pick("different", "distinct"), parent.with_role("category")
    if not categories or wording.chance(0.5):
        counted, source = f"{different} {whom}", f"FROM {child.source}"
        text, column = wording.ask_number(counted), child.sql(reference.column)
    else:
        category = wording.rng.choice(categories)
        values, source = in_plural(wording.phrase(category)), joined(reference)
        column = parent.sql(category)
        text = wording.pick(
            f"How many {different} {values} are there among the {whom}?",
            f"How many {different} {values} do the {whom} have?",
            f"Count the {different} {values} of {whom}.",
        )
    return Question(text, f"SELECT COUNT(DISTINCT {column}) {source}{where}")


def counted_along_a_chain(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Rows of one table by the number of rows two references away: of each, the most, or enough."""
    chain = draw_chain(database, wording, DOWN, LINKING)
    if chain is None:
        return None
    counted = _of_chain(chain, wording)
    return _number_of_each(counted, wording) if wording.chance(0.25) else _most_or_enough(counted, wording)


PATTERNS: tuple[tuple[Pattern, int], ...] = (
    (children_per_parent, 4),
    (parent_with_most, 7),
    (number_with_children, 1),
    (counted_along_a_chain, 5),
)
