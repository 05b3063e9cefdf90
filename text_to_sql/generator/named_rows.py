"""Questions about a single row, by its name or its key."""

from text_to_sql.generator.composed import is_people
from text_to_sql.generator.conditions import whole_name
from text_to_sql.generator.database import DrawnColumn, DrawnDatabase, DrawnTable
from text_to_sql.generator.joined_tables import joined
from text_to_sql.generator.single_table import Pattern, selected
from text_to_sql.generator.wording import SHOWN_ROLES, Question, Wording, capital

_GREATEST_KEY = 900


def one_by_name(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Columns of the row of a name."""
    table = wording.rng.choice(database.tables)
    named, columns = whole_name(table, wording), _other_columns(table, wording)
    if named is None or not columns:
        return None
    name, condition = named
    what, one = wording.listing(columns, table), wording.singular(table)
    shown = wording.literal(name)
    text = wording.pick(
        f"What is the {what} of {shown}?",
        f"What is the {what} of the {one} {shown}?",
        f"Which {what} does the {one} {shown} have?",
        f"{capital(what)} of {shown}",
        f"{capital(name)}: {what}",
        f"Show the {what} of {shown}.",
        f"What {what} does {shown} have?",
    )
    return Question(text, f"SELECT {selected(table, columns)} FROM {table.source} WHERE {condition}")


def one_by_key(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Columns of the row of a key."""
    tables = [table for table in database.tables if table.key and table.key.type == "number"]
    if not tables:
        return None
    table = wording.rng.choice(tables)
    columns = _other_columns(table, wording)
    if not columns:
        return None
    key, what, one = wording.rng.randint(1, _GREATEST_KEY), wording.listing(columns, table), wording.singular(table)
    text = wording.pick(
        f"What is the {what} of {one} {key}?",
        f"Show the {what} of the {one} with the id {key}.",
        f"{capital(one)} {key}: {what}",
        f"What is the {what} of {one} number {key}?",
    )
    return Question(text, f"SELECT {selected(table, columns)} FROM {table.source} WHERE {table.sql(table.key)} = {key}")


def _other_columns(table: DrawnTable, wording: Wording) -> list[DrawnColumn]:
    columns = [column for column in table.with_role(*SHOWN_ROLES) if column.words.role != "name"]
    return wording.rng.sample(columns, min(len(columns), wording.rng.choice((1, 1, 1, 2))))


def owner_of_one(database: DrawnDatabase, wording: Wording) -> Question | None:
    """What a named row refers to, such as the author of a book."""
    references = [one for one in database.references if whole_name(one.child, wording) and one.parent.with_role("name")]
    if not references:
        return None
    reference = wording.rng.choice(references)
    child, parent = reference.child, reference.parent
    name, condition = whole_name(child, wording) or ("", "")
    shown, owner, one = wording.literal(name), wording.singular(parent), wording.singular(child)
    columns = wording.shown(parent, 2) if wording.chance(0.5) else wording.names(parent)
    what = wording.listing(columns, parent)
    texts = [
        f"What is the {what} of the {owner} of {shown}?",
        f"Show the {what} of the {owner} of the {one} {shown}.",
        f"Which {what} does the {owner} of {shown} have?",
    ]
    if columns == wording.names(parent):
        texts += [f"{capital(owner)} of {shown}", f"Which {owner} belongs to the {one} {shown}?"]
        link = reference.column.words.child
        texts += (
            [f"Who {link.removeprefix('who ')} {shown}?"] * 2 if is_people(database, parent) and "who " in link else []
        )
    return Question(wording.pick(*texts), f"SELECT {selected(parent, columns)} {joined(reference)} WHERE {condition}")


PATTERNS: tuple[tuple[Pattern, int], ...] = (
    (one_by_name, 4),
    (one_by_key, 1),
    (owner_of_one, 4),
)
