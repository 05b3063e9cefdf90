"""Questions about two or three tables that refer to each other."""

from dataclasses import dataclass

from text_to_sql.generator.conditions import draw_condition
from text_to_sql.generator.database import DrawnColumn, DrawnDatabase, DrawnTable, Reference
from text_to_sql.generator.single_table import _WITHOUT_SUM, Pattern, aggregate_words, extreme, selected
from text_to_sql.generator.wording import Condition, Question, Wording, in_plural

# Forms of a chain of tables: each refers to the next, each is referred to by the next, or the one in the middle refers
# to both others. But for the first form, a join repeats the rows of the first table.
UP, DOWN, LINKING = "up", "down", "linking"
_WHO = "who "
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
# Parts of names of measures that nobody adds up, beside those of `_WITHOUT_SUM`.
_NO_SUM = _WITHOUT_SUM | frozenset(
    "wind point per performance experience hourly unit min max credit power discount".split()  # noqa: SIM905
)
# How groups are limited by their size: most often to two or three rows.
_SIZES = (("at least", ">="), ("more than", ">"), ("exactly", "="))
_NUMBERS, _NUMBER_WEIGHTS = (1, 2, 3, 4, 5), (5, 6, 3, 1, 1)


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


@dataclass(frozen=True, slots=True)
class Chain:
    """Three tables in a row, each of which refers to the next or is referred to by it.

    Attributes:
        near: between the first table and the one in the middle.
        far: between the one in the middle and the last.
        form: one of `UP`, `DOWN` and `LINKING`.
    """

    near: Reference
    far: Reference
    form: str

    @property
    def start(self) -> DrawnTable:
        """The first table."""
        return self.near.child if self.form == UP else self.near.parent

    @property
    def middle(self) -> DrawnTable:
        """The table between the two others."""
        return self.near.parent if self.form == UP else self.near.child

    @property
    def end(self) -> DrawnTable:
        """The last table."""
        return self.far.child if self.form == DOWN else self.far.parent

    @property
    def near_link(self) -> str:
        """What stands between the first noun and the second, such as `who wrote`."""
        return self.near.column.words.parent if self.form == UP else self.near.column.words.child

    @property
    def far_link(self) -> str:
        """What stands between the second noun and the third."""
        return self.far.column.words.child if self.form == DOWN else self.far.column.words.parent

    @property
    def source(self) -> str:
        """FROM with all three tables."""
        first = f"FROM {self.start.source} JOIN {self.middle.source} ON {self.near.condition}"
        return f"{first} JOIN {self.end.source} ON {self.far.condition}"


def draw_chain(database: DrawnDatabase, wording: Wording, *forms: str) -> Chain | None:
    """Draws a chain of one of the forms, with something to show in its first table; None if there is none."""
    pairs = [(near, far) for near in database.references for far in database.references if near is not far]
    chains = [Chain(near, far, form) for near, far in pairs for form in forms if _has_form(near, far, form)]
    chains = [
        chain
        for chain in chains
        if len({chain.start.name, chain.middle.name, chain.end.name}) == 3 and shown_columns(chain.start)
    ]
    return wording.rng.choice(chains) if chains else None


def _has_form(near: Reference, far: Reference, form: str) -> bool:
    ends = {UP: (near.parent, far.child), DOWN: (near.child, far.parent), LINKING: (near.child, far.child)}
    one, other = ends[form]
    return one is other


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
    whom = f"{wording.plural(child)} {link} {_one_or_more(reference.parent, condition, wording)}"
    rest = f"{joined(reference)} WHERE {condition.alone}"
    if wording.chance(0.3):
        return Question(wording.ask_number(whom), f"SELECT COUNT(*) {rest}")
    columns = wording.shown(child)
    return Question(wording.ask(wording.listings(columns, child), whom), f"SELECT {selected(child, columns)} {rest}")


def _one_or_more(table: DrawnTable, condition: Condition, wording: Wording) -> str:
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
    others = _one_or_more(reference.child, condition, wording)
    rest = f"{joined(reference)} WHERE {condition.alone}"
    if link.startswith(_WHO) and wording.chance(0.3) and (names := wording.names(parent)):
        text = f"Who {_verb_of_one(link)} {others}?"
        return Question(text, f"SELECT {selected(parent, names)} {rest}")
    whom = f"{wording.plural(parent)} {wording.pick(link, link, 'that have')} {others}"
    return _list(parent, whom, rest, wording)


def _verb_of_one(link: str) -> str:
    """Returns `owns` for `who own`, and `wrote` for `who wrote`."""
    verb, space, rest = link.removeprefix(_WHO).partition(" ")
    return f"{_OF_ONE.get(verb, verb)}{space}{rest}"


def _list(table: DrawnTable, whom: str, rest: str, wording: Wording) -> Question:
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


def children_per_parent(database: DrawnDatabase, wording: Wording) -> Question | None:
    """For each parent, the number of its children or an aggregate of theirs."""
    reference = draw_reference(database, wording)
    if reference is None:
        return None
    child, others = reference.child, wording.plural(reference.child)
    measures = child.with_role("measure")
    if not measures or not wording.chance(0.35):
        return _number_of_each(_of_reference(reference, wording), wording)
    function, what = draw_aggregate(measure := wording.rng.choice(measures), wording)
    call = f"{function}({child.sql(measure)})"
    return _each_with(_of_reference(reference, wording), call, f"{what} of the {others}", wording)


def draw_aggregate(measure: DrawnColumn, wording: Wording) -> tuple[str, str]:
    """Draws an aggregate of a column, no sum of places and the like; returns its function and it in words."""
    while True:
        function, what = aggregate_words(wording, measure)
        if function != "SUM" or _may_be_added(measure):
            return function, what


def _may_be_added(measure: DrawnColumn) -> bool:
    return _NO_SUM.isdisjoint(measure.words.name.split("_"))


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
        owners = _one_or_more(end, condition, wording) if condition else wording.plural(end)
        words, noun = f"{chain.far_link} {owners}", middle
    else:
        its = "their" if chain.near_link.startswith(_WHO) else "its"
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
    function, name = wording.rng.choice([form for form in forms if form[0] != "SUM" or _may_be_added(measure)])
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
    if names and counted.link.startswith(_WHO) and wording.chance(0.3):
        text = f"Who {_verb_of_one(counted.link)} the {'fewest' if least else 'most'} {counted.many}?"
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
    function, what = draw_aggregate(measure, wording)
    owners = _one_or_more(reference.parent, condition, wording)
    whom = f"{wording.plural(reference.child)} {reference.column.words.parent} {owners}"
    sql = f"SELECT {function}({reference.child.sql(measure)}) {joined(reference)} WHERE {condition.alone}"
    return Question(wording.ask(what, whom, one=True), sql)


def number_with_children(database: DrawnDatabase, wording: Wording) -> Question | None:
    """How many different parents have children, or how many different values they have; COUNT(DISTINCT …)."""
    reference = draw_reference(database, wording)
    if reference is None:
        return None
    child, parent = reference.child, reference.parent
    condition = draw_condition(child, wording) if wording.chance(0.6) else None
    others = _one_or_more(child, condition, wording) if condition else wording.plural(child)
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


def along_a_chain(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Columns, the number or an aggregate of rows of one table where one that is two references away fits."""
    chain = draw_chain(database, wording, UP, DOWN, LINKING)
    condition = draw_condition(chain.end, wording) if chain else None
    if chain is None or condition is None:
        return None
    start, middles = chain.start, wording.plural(chain.middle)
    whom = f"{wording.plural(start)} {chain.near_link} {middles} {chain.far_link}"
    whom = f"{whom} {_one_or_more(chain.end, condition, wording)}"
    rest = f"{chain.source} WHERE {condition.alone}"
    if wording.chance(0.2):
        # A row of the first table has many rows of the second, unless it refers to one.
        what = "*" if chain.form == UP else f"DISTINCT {start.sql(start.key)}"
        return Question(wording.ask_number(whom), f"SELECT COUNT({what}) {rest}")
    measures = start.with_role("measure")
    if chain.form == UP and measures and wording.chance(0.3):
        function, number = draw_aggregate(measure := wording.rng.choice(measures), wording)
        return Question(wording.ask(number, whom, one=True), f"SELECT {function}({start.sql(measure)}) {rest}")
    if chain.form != UP:
        return _list(start, whom, rest, wording)
    columns = wording.shown(start, 2)
    return Question(wording.ask(wording.listings(columns, start), whom), f"SELECT {selected(start, columns)} {rest}")


def counted_along_a_chain(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Rows of one table by the number of rows two references away: of each, the most, or enough."""
    chain = draw_chain(database, wording, DOWN, LINKING)
    if chain is None:
        return None
    counted = _of_chain(chain, wording)
    return _number_of_each(counted, wording) if wording.chance(0.25) else _most_or_enough(counted, wording)


def linking_rows(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Columns, the number or an aggregate of rows whose two parents both satisfy conditions."""
    chain = draw_chain(database, wording, LINKING)
    conditions = [draw_condition(table, wording) for table in (chain.start, chain.end)] if chain else []
    if chain is None or None in conditions or not shown_columns(chain.middle):
        return None
    one, other = (condition for condition in conditions if condition)
    middle = chain.middle
    parts = [
        f"{chain.near.column.words.parent} {_one_or_more(chain.start, one, wording)}",
        f"{chain.far_link} {_one_or_more(chain.end, other, wording)}",
    ]
    whom = f"{wording.plural(middle)} {' and '.join(parts)}"
    rest = f"{chain.source} WHERE {one.sql} AND {other.sql}"
    if wording.chance(0.3):
        return Question(wording.ask_number(whom), f"SELECT COUNT(*) {rest}")
    if (measures := middle.with_role("measure")) and wording.chance(0.4):
        function, number = draw_aggregate(measure := wording.rng.choice(measures), wording)
        return Question(wording.ask(number, whom, one=True), f"SELECT {function}({middle.sql(measure)}) {rest}")
    columns = wording.shown(middle, 2)
    return Question(wording.ask(wording.listings(columns, middle), whom), f"SELECT {selected(middle, columns)} {rest}")


def both_parents(database: DrawnDatabase, wording: Wording) -> Question | None:
    """The names of the two rows that each row of a linking table refers to."""
    chain = draw_chain(database, wording, LINKING)
    names = [wording.names(table) for table in (chain.start, chain.end)] if chain else []
    if chain is None or not all(names):
        return None
    whose, of_other = (
        wording.listing(columns, table) for columns, table in zip(names, (chain.start, chain.end), strict=True)
    )
    one, other, link = wording.singular(chain.start), wording.singular(chain.end), wording.singular(chain.middle)
    condition = draw_condition(chain.middle, wording) if wording.chance(0.4) else None
    links = condition.of(wording.plural(chain.middle)) if condition else f"all {wording.plural(chain.middle)}"
    text = wording.pick(
        f"Show the {whose} of the {one} and the {of_other} of the {other} for {links}.",
        f"For {links}, list the {one} {whose} and the {other} {of_other}.",
        f"What are the {whose} of the {one} and the {of_other} of the {other} of {links}?",
    )
    if condition is None and wording.chance(0.5):
        text = f"List the {one} {whose} together with the {other} {of_other} of every {link}."
    where = f" WHERE {condition.alone}" if condition else ""
    return Question(
        text, f"SELECT {selected(chain.start, names[0])}, {selected(chain.end, names[1])} {chain.source}{where}"
    )


PATTERNS: tuple[tuple[Pattern, int], ...] = (
    (both_sides, 5),
    (children_of_parent, 7),
    (parents_of_child, 5),
    (children_per_parent, 4),
    (parent_with_most, 7),
    (aggregate_of_children, 2),
    (number_with_children, 1),
    (parent_of_extreme_child, 2),
    (along_a_chain, 16),
    (counted_along_a_chain, 5),
    (linking_rows, 7),
    (both_parents, 3),
)
