"""Which tables and columns a question names: `name of the singer` is `singer.name`, `birth date` is `date_of_birth`.

A small model finds a name more surely where it stands beside the question than among all of the schema.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache

from text_to_sql.schema import Schema
from text_to_sql.values import ValueMatch
from text_to_sql.words import stems

MOST_COLUMNS, MOST_TABLES = 8, 4
# A word that more tables than this have a column for says little, unless the question names the table too.
_MOST_OWNERS = 3
# `date of the birth` has the words of `birth_date`, and `colors` those of `Ref_Colors`.
_FILLERS = frozenset(stems("a an the of in with each every all its their and ref tbl"))
# Names of columns that stand in questions with another meaning.
_OTHER_MEANINGS = frozenset(stems("in no to from on at by is as for or with order number total list count"))

_Column = tuple[str, str]
# The columns by the words that name them, whatever their order, and whether these suffice without the table's name.
_Phrases = Mapping[tuple[str, ...], Mapping[_Column, bool]]


def linked_tables(schema: Schema, question: str, values: Iterable[ValueMatch] = ()) -> tuple[str, ...]:
    """Returns the tables that a question is about, at most `MOST_TABLES`.

    These are the tables that it names, and those of a cell or a column that it names and no other table has. With the
    tables between them, they are just those of the gold query for three quarters of 635 questions about 15 databases of
    Spider's kind.

    Args:
        schema: all tables.
        question: in English.
        values: cells that the question names.
    """
    known = schema.table_names
    cells = ((match.value, match.table) for match in values if match.table.lower() in known)
    columns = ((column, table) for table, column in linked_columns(schema, question))
    found = [*_named_tables(schema, question), *_only_owners(cells), *_only_owners(columns)]
    return tuple(dict.fromkeys(found))[:MOST_TABLES]


def _named_tables(schema: Schema, question: str) -> list[str]:
    """Returns the tables all of whose words the question has, in its order.

    `document types` does not name `documents`; `papers of authors` names `papers`, `authors` and `paper_authors`.
    """
    asked = _content(question)
    words = {table.name: frozenset(_content(table.name)) for table in schema.tables}
    named = {name: own for name, own in words.items() if own and own.issubset(asked)}
    made = {name for name, own in named.items() if _is_made_of(own, named.values())}
    longest = [name for name in named if not any(named[name] < named[other] for other in named.keys() - made)]
    # What is made of others most often stands between them.
    return sorted(longest, key=lambda name: (name in made, min(map(asked.index, named[name]))))


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
    found: dict[_Column, None] = {}
    start = 0
    while start < len(asked):
        length, columns = _longest_from(asked, start, longest, phrases)
        found.update(dict.fromkeys(_owned(columns, frozenset(asked))))
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
    named = tuple(column for column in columns if asked.issuperset(_content(column[0])))
    others = tuple(column for column, suffices in columns.items() if suffices)
    return named or (others if len(others) <= _MOST_OWNERS else ())


@lru_cache(maxsize=64)
def _phrases(schema: Schema) -> _Phrases:
    phrases: dict[tuple[str, ...], dict[_Column, bool]] = defaultdict(dict)
    for table in schema.tables:
        for column in table.column_names:
            words, short = _content(column), _without_prefix(_content(column), _content(table.name))
            for phrase in (words, short, (*_content(table.name), *short)):
                if phrase and not _OTHER_MEANINGS.issuperset(phrase):
                    owners = phrases[tuple(sorted(phrase))]
                    owners.setdefault((table.name, column), len(phrase) >= len(words))
    return phrases


def _without_prefix(words: tuple[str, ...], prefix: tuple[str, ...]) -> tuple[str, ...]:
    """Returns `name` of `customer_name`, where the table is that of customers."""
    return words[len(prefix) :] if words[: len(prefix)] == prefix else words


def _content(text: str) -> tuple[str, ...]:
    return tuple(stem for stem in stems(text) if stem not in _FILLERS)
