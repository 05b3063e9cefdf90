"""Which tables and columns a question names: `name of the singer` is `singer.name`, `birth date` is `date_of_birth`.

A small model finds a name more surely where it stands beside the question than among all of the schema.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache

from text_to_sql.schema import Schema, Table, folded
from text_to_sql.values import ValueMatch
from text_to_sql.words import stems

MOST_COLUMNS, MOST_TABLES = 8, 4
# A word that more tables than this have a column for says little, unless the question names the table too.
_MOST_OWNERS = 3
# `date of the birth` has the words of `birth_date`, and `colors` those of `Ref_Colors`.
_FILLERS = frozenset(stems("a an the of in with each every all its their and ref tbl"))
# Words of questions that mean no column; one whose name has only such words is not found.
_OTHER_MEANINGS = frozenset(stems("in no to from on at by is as for or with order number total list count"))

_Column = tuple[str, str]
# The columns by the words that name them, whatever their order, and whether these suffice without the table's name.
_Phrases = Mapping[tuple[str, ...], Mapping[_Column, bool]]


def linked_tables(schema: Schema, question: str, values: Iterable[ValueMatch] = ()) -> tuple[str, ...]:
    """Returns the tables that a question is about, at most `MOST_TABLES`.

    These are the tables that it names, and those of a cell or a column that it names, where those found of the same
    spelling are of one table only.

    Args:
        schema: all tables.
        question: in English.
        values: cells that the question names.
    """
    names = {folded(table.name): table.name for table in schema.tables}
    cells = ((match.value, names[folded(match.table)]) for match in values if folded(match.table) in names)
    columns = ((column, table) for table, column in linked_columns(schema, question))
    found = [*_named_tables(schema, question), *_only_owners(cells), *_only_owners(columns)]
    return tuple(dict.fromkeys(found))[:MOST_TABLES]


def _named_tables(schema: Schema, question: str) -> list[str]:
    """Returns the tables all of whose words the question has, in its order.

    `document types` does not name `documents`; `papers of authors` names `papers`, `authors` and `paper_authors`.
    """
    asked = _content(question)
    words = frozenset(asked)
    named = {table.name: frozenset(_content(table.name)) for table in schema.tables if _is_named(table.name, words)}
    made = {name for name, own in named.items() if _is_made_of(own, named.values())}
    longest = [name for name in named if not any(named[name] < named[other] for other in named.keys() - made)]
    # What is made of others most often stands between them.
    return sorted(longest, key=lambda name: (name in made, min(map(asked.index, named[name]))))


def _is_named(table: str, asked: frozenset[str]) -> bool:
    words = _content(table)
    return bool(words) and asked.issuperset(words)


def _is_made_of(words: frozenset[str], others: Iterable[frozenset[str]]) -> bool:
    """Whether smaller names have all of a name's words between them."""
    return words == frozenset().union(*(other for other in others if other < words))


def _only_owners(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Returns the tables of (what is owned, table) pairs that are the only owners of something."""
    owners: dict[str, list[str]] = defaultdict(list)
    for owned, table in pairs:
        owners[owned.lower()].append(table)
    return [tables[0] for tables in owners.values() if len(set(tables)) == 1]


def linked_columns(schema: Schema, question: str) -> tuple[_Column, ...]:
    """Returns the (table, column) pairs that a question names, in its order, at most `MOST_COLUMNS`.

    Of phrases that overlap the longest counts. A name that several tables have is taken of those tables that the
    question names, too.
    """
    asked = _content(question)
    phrases = _phrases(schema)
    longest = max(map(len, phrases), default=0)
    words = frozenset(asked)
    found: dict[_Column, None] = {}
    start = 0
    while start < len(asked):
        length, columns = _longest_from(asked, start, longest, phrases)
        found.update(dict.fromkeys(_owned(columns, words)))
        start += max(1, length)
    return tuple(found)[:MOST_COLUMNS]


def _longest_from(
    asked: tuple[str, ...], start: int, longest: int, phrases: _Phrases
) -> tuple[int, Mapping[_Column, bool]]:
    for length in range(min(longest, len(asked) - start), 0, -1):
        if columns := phrases.get(tuple(sorted(asked[start : start + length]))):
            return length, columns
    return 0, {}


def _owned(columns: Mapping[_Column, bool], asked: frozenset[str]) -> tuple[_Column, ...]:
    """Keeps the columns of tables that the question names; where it names none of them, all unless they are many."""
    named = tuple(column for column in columns if _is_named(column[0], asked))
    others = tuple(column for column, suffices in columns.items() if suffices)
    return named or (others if len(others) <= _MOST_OWNERS else ())


@lru_cache(maxsize=64)
def _phrases(schema: Schema) -> _Phrases:
    merged: dict[tuple[str, ...], dict[_Column, bool]] = defaultdict(dict)
    for table in schema.tables:
        for phrase, columns in _phrases_of_table(table).items():
            merged[phrase].update(columns)
    return dict(merged)


# A schema that is too wide is tried with fewer tables, which stay the same.
@lru_cache(maxsize=1024)
def _phrases_of_table(table: Table) -> _Phrases:
    phrases: dict[tuple[str, ...], dict[_Column, bool]] = defaultdict(dict)
    own = _content(table.name)
    for column in filter(_content, table.column_names):
        words = _content(column)
        short = _without_prefix(words, own)
        for phrase in (words, short, (*own, *short)):
            if phrase and not _OTHER_MEANINGS.issuperset(phrase):
                phrases[tuple(sorted(phrase))].setdefault((table.name, column), len(phrase) >= len(words))
    return dict(phrases)


def _without_prefix(words: tuple[str, ...], prefix: tuple[str, ...]) -> tuple[str, ...]:
    """Returns `name` of `customer_name`, where the table is that of customers."""
    return words[len(prefix) :] if words[: len(prefix)] == prefix else words


def _content(text: str) -> tuple[str, ...]:
    return tuple(stem for stem in stems(text) if stem not in _FILLERS)
