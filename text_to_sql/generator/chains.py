"""Questions over three tables: rows along a chain of references, linking rows, and rows with both their parents."""

from dataclasses import dataclass

from text_to_sql.generator.conditions import draw_condition
from text_to_sql.generator.database import DrawnDatabase, DrawnTable, Reference
from text_to_sql.generator.joined_tables import list_question, one_or_more, shown_columns
from text_to_sql.generator.single_table import Pattern, aggregate_words, selected
from text_to_sql.generator.wording import Question, Wording

# Forms of a chain of tables: each refers to the next, each is referred to by the next, or the one in the middle refers
# to both others. But for the first form, a join repeats the rows of the first table.
UP, DOWN, LINKING = "up", "down", "linking"


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


def along_a_chain(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Columns, the number or an aggregate of rows of one table where one that is two references away fits."""
    chain = draw_chain(database, wording, UP, DOWN, LINKING)
    condition = draw_condition(chain.end, wording) if chain else None
    if chain is None or condition is None:
        return None
    start, middles = chain.start, wording.plural(chain.middle)
    whom = f"{wording.plural(start)} {chain.near_link} {middles} {chain.far_link}"
    whom = f"{whom} {one_or_more(chain.end, condition, wording)}"
    rest = f"{chain.source} WHERE {condition.alone}"
    if wording.chance(0.2):
        # A row of the first table has many rows of the second, unless it refers to one.
        what = "*" if chain.form == UP else f"DISTINCT {start.sql(start.key)}"
        return Question(wording.ask_number(whom), f"SELECT COUNT({what}) {rest}")
    measures = start.with_role("measure")
    if chain.form == UP and measures and wording.chance(0.3):
        function, number = aggregate_words(wording, measure := wording.rng.choice(measures))
        return Question(wording.ask(number, whom, one=True), f"SELECT {function}({start.sql(measure)}) {rest}")
    if chain.form != UP:
        return list_question(start, whom, rest, wording)
    columns = wording.shown(start, 2)
    return Question(wording.ask(wording.listings(columns, start), whom), f"SELECT {selected(start, columns)} {rest}")


def linking_rows(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Columns, the number or an aggregate of rows whose two parents both satisfy conditions."""
    chain = draw_chain(database, wording, LINKING)
    conditions = [draw_condition(table, wording) for table in (chain.start, chain.end)] if chain else []
    if chain is None or None in conditions or not shown_columns(chain.middle):
        return None
    one, other = (condition for condition in conditions if condition)
    middle = chain.middle
    parts = [
        f"{chain.near.column.words.parent} {one_or_more(chain.start, one, wording)}",
        f"{chain.far_link} {one_or_more(chain.end, other, wording)}",
    ]
    whom = f"{wording.plural(middle)} {' and '.join(parts)}"
    rest = f"{chain.source} WHERE {one.sql} AND {other.sql}"
    if wording.chance(0.3):
        return Question(wording.ask_number(whom), f"SELECT COUNT(*) {rest}")
    if (measures := middle.with_role("measure")) and wording.chance(0.4):
        function, number = aggregate_words(wording, measure := wording.rng.choice(measures))
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
    (along_a_chain, 16),
    (linking_rows, 7),
    (both_parents, 3),
)
