"""Questions about two or three tables that refer to each other."""

from text_to_sql.generator.conditions import condition_on, draw_condition
from text_to_sql.generator.database import DrawnDatabase, DrawnTable, Reference
from text_to_sql.generator.single_table import Pattern, aggregate_words, extreme, selected
from text_to_sql.generator.wording import Condition, Question, Wording


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
    own, other = wording.shown(child, 2), wording.shown(parent, 1)
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
    if wording.chance(0.25) and (condition := draw_condition(child, wording)):
        where = f" WHERE {condition.sql}"
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
    owners = _one_or_more(reference.parent, condition, wording)
    whom = f"{wording.plural(child)} {link} {wording.pick('the ', '')}{owners}"
    rest = f"{joined(reference)} WHERE {condition.sql}"
    if wording.chance(0.3):
        return Question(wording.ask_number(whom), f"SELECT COUNT(*) {rest}")
    columns = wording.shown(child)
    return Question(wording.ask(wording.listings(columns, child), whom), f"SELECT {selected(child, columns)} {rest}")


def _one_or_more(table: DrawnTable, condition: Condition, wording: Wording) -> str:
    is_one = condition.text.startswith(("named", "called"))
    return condition.of(wording.singular(table) if is_one else wording.plural(table))


def parents_of_child(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Columns of the parents of children that satisfy a condition, each parent once."""
    reference = draw_reference(database, wording)
    condition = draw_condition(reference.child, wording) if reference else None
    if reference is None or condition is None:
        return None
    parent = reference.parent
    columns = wording.shown(parent, 2)
    others = _one_or_more(reference.child, condition, wording)
    whom = f"{wording.plural(parent)} {reference.column.words.child} {others}"
    distinct = wording.chance(0.5)
    what = wording.listing(columns, parent)
    once = ""
    if distinct and wording.chance(0.6):
        what = f"{wording.pick('distinct', 'different', 'unique')} {what}"
    elif distinct:
        once = wording.pick(f" Each {wording.singular(parent)} once.", " List each one once.", " No repetition.")
    sql = (
        f"SELECT {'DISTINCT ' if distinct else ''}{selected(parent, columns)} {joined(reference)} WHERE {condition.sql}"
    )
    text = wording.ask(what, whom)
    end = "" if text[-1] in ".?" or not once else "."
    return Question(f"{text}{end}{once}", sql)


def children_per_parent(database: DrawnDatabase, wording: Wording) -> Question | None:
    """For each parent, the number of its children or an aggregate of theirs."""
    reference = draw_reference(database, wording)
    if reference is None:
        return None
    child, parent = reference.child, reference.parent
    columns = wording.shown(parent, 1)
    measures = child.with_role("measure")
    others, one = wording.plural(child), wording.singular(parent)
    if measures and wording.chance(0.35):
        measure = wording.rng.choice(measures)
        function, what = aggregate_words(wording, measure)
        call, what = f"{function}({child.sql(measure)})", f"{what} of the {others}"
    else:
        call, what = "COUNT(*)", wording.pick(f"number of {others}", f"total number of {others}", f"count of {others}")
    shown = wording.listing(columns, parent)
    text = wording.pick(
        f"What is the {what} for each {one}? Show the {shown} too.",
        f"Show the {shown} of each {one} and the {what} it has.",
        f"For each {one}, find its {shown} and the {what}.",
        f"List the {shown} of every {one} along with the {what}.",
        f"Find the {what} {reference.column.words.parent} each {one}, with the {shown} of the {one}.",
    )
    key = parent.sql(parent.key)
    return Question(text, f"SELECT {selected(parent, columns)}, {call} {joined(reference)} GROUP BY {key}")


def parent_with_most(database: DrawnDatabase, wording: Wording) -> Question | None:
    """The parent with the most or the fewest children, or those with at least a number of them."""
    reference = draw_reference(database, wording)
    if reference is None:
        return None
    parent, key = reference.parent, reference.parent.sql(reference.parent.key)
    columns = wording.shown(parent, 2)
    shown, others = wording.listing(columns, parent), wording.plural(reference.child)
    select = f"SELECT {selected(parent, columns)} {joined(reference)} GROUP BY {key}"
    if (measures := reference.child.with_role("measure")) and wording.chance(0.25):
        measure = wording.rng.choice(measures)
        function, name = wording.rng.choice((("SUM", "total"), ("AVG", "average"), ("SUM", "combined")))
        text = _request_by_measure(reference, shown, f"{name} {wording.phrase(measure)}", wording)
        return Question(text, f"{select} ORDER BY {function}({reference.child.sql(measure)}) DESC LIMIT 1")
    if wording.chance(0.55):
        least = wording.chance(0.2)
        text = _request_for_extreme_parent(reference, shown, others, least, wording)
        return Question(text, f"{select} ORDER BY COUNT(*) {'ASC' if least else 'DESC'} LIMIT 1")
    number = wording.rng.randint(1, 12)
    words, operator = wording.rng.choice([("at least", ">="), ("more than", ">"), ("exactly", "=")])
    link = wording.pick("with", "that have", reference.column.words.child)
    whom = f"{wording.plural(parent)} {link} {words} {wording.amount(number)} {others}"
    return Question(wording.ask(shown, whom), f"{select} HAVING COUNT(*) {operator} {number}")


def _request_for_extreme_parent(reference: Reference, shown: str, others: str, least: bool, wording: Wording) -> str:
    most = (
        ("fewest", "least number of") if least else ("most", "largest number of", "most number of", "highest number of")
    )
    amount, one = wording.pick(*most), wording.singular(reference.parent)
    return wording.pick(
        f"What is the {shown} of the {one} with the {amount} {others}?",
        f"Find the {shown} of the {one} that has the {amount} {others}.",
        f"Which {one} has the {amount} {others}? Give its {shown}.",
        f"Show the {shown} of the {one} with the {amount} {others}.",
        f"Which {one} {wording.pick('has', 'comes with')} the {amount} {others}? Return its {shown}.",
    )


def _request_by_measure(reference: Reference, shown: str, what: str, wording: Wording) -> str:
    one, others = wording.singular(reference.parent), wording.plural(reference.child)
    highest = wording.pick("highest", "largest", "greatest")
    return wording.pick(
        f"What is the {shown} of the {one} with the {highest} {what} of {others}?",
        f"Which {one} has the {highest} {what} over all its {others}? Give its {shown}.",
        f"Find the {shown} of the {one} whose {others} have the {highest} {what}.",
    )


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
    owners = _one_or_more(reference.parent, condition, wording)
    whom = f"{wording.plural(reference.child)} {reference.column.words.parent} {owners}"
    sql = f"SELECT {function}({reference.child.sql(measure)}) {joined(reference)} WHERE {condition.sql}"
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


def along_a_chain(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Columns of one table where one that is two references away satisfies a condition."""
    chains = [(one, other) for one in database.references for other in database.references if _is_chain(one, other)]
    if not chains:
        return None
    near, far = wording.rng.choice(chains)
    if near.child is far.child:
        # Two parents of one linking table.
        start, middle, end = near.parent, near.child, far.parent
        link = f"{near.column.words.child} {wording.plural(middle)} {far.column.words.parent}"
        source = f"FROM {start.source} JOIN {middle.source} ON {near.condition} JOIN {end.source} ON {far.condition}"
    else:
        start, middle, end = near.child, near.parent, far.parent
        link = f"{near.column.words.parent} {wording.plural(middle)} {far.column.words.parent}"
        source = f"FROM {start.source} JOIN {middle.source} ON {near.condition} JOIN {end.source} ON {far.condition}"
    columns = end.with_role("name", "category", "flag", "measure", "year")
    if not shown_columns(start) or not columns:
        return None
    condition = condition_on(end, wording.rng.choice(columns), wording)
    whom = f"{wording.plural(start)} {link} {_one_or_more(end, condition, wording)}"
    if wording.chance(0.25):
        return Question(wording.ask_number(whom), f"SELECT COUNT(*) {source} WHERE {condition.sql}")
    shown = wording.shown(start, 2)
    return Question(
        wording.ask(wording.listings(shown, start), whom),
        f"SELECT {selected(start, shown)} {source} WHERE {condition.sql}",
    )


def _is_chain(one: Reference, other: Reference) -> bool:
    ends = [one.child.name, one.parent.name, other.parent.name]
    if one.child is other.child:
        return one.column is not other.column and len(set(ends)) == 3
    return one.parent is other.child and len(set(ends)) == 3


PATTERNS: tuple[tuple[Pattern, int], ...] = (
    (both_sides, 5),
    (children_of_parent, 7),
    (parents_of_child, 5),
    (children_per_parent, 4),
    (parent_with_most, 5),
    (aggregate_of_children, 2),
    (parent_of_extreme_child, 2),
    (along_a_chain, 5),
)
