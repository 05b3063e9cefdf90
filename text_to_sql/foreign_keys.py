"""Which columns of a database refer to which: as it declares, or guessed from names where it declares nothing."""

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

# A column of such a name is no sign of a reference to another table's column of the same name.
_COMMON_NAMES = frozenset(
    "id name code title type year date description status address number first_name last_name email phone age "  # noqa: SIM905
    "gender sex country city state price location position rank value amount comment note".split()
)
_SHORTEST_SUFFIX = 4


class _NamedTable(Protocol):
    name: str
    column_names: Sequence[str]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A column that holds a value of another table's column.

    Attributes:
        table: the table that refers.
        column: its column.
        parent_table: the table that is referred to.
        parent_column: its column, most often its primary key.
    """

    table: str
    column: str
    parent_table: str
    parent_column: str

    @property
    def ends(self) -> frozenset[tuple[str, str]]:
        """The two columns in lower case, whichever refers to the other."""
        child = (self.table.lower(), self.column.lower())
        return frozenset((child, (self.parent_table.lower(), self.parent_column.lower())))


def declared_keys(connection: sqlite3.Connection, tables: Sequence[_NamedTable]) -> tuple[ForeignKey, ...]:
    """Returns the foreign keys that a database declares between `tables`, in the order of tables and columns."""
    offered = {table.name.lower(): table for table in tables}
    keys = []
    for table in tables:
        rows = connection.execute(
            'SELECT "from", "table", "to" FROM pragma_foreign_key_list(?) ORDER BY id DESC, seq', (table.name,)
        )
        for column, parent_name, parent_column in rows:
            parent = offered.get(parent_name.lower())
            if parent is not None:
                # Without a column, the reference is to the primary key, which stands first in most tables.
                keys.append(ForeignKey(table.name, column, parent.name, parent_column or parent.column_names[0]))
    return tuple(keys)


def guessed_keys(tables: Sequence[_NamedTable]) -> tuple[ForeignKey, ...]:
    """Returns the foreign keys that the names suggest.

    A column is taken to refer to the first column of another table if it has the same name (`author_id`), ends with
    it (`host_city_id` for `city_id`), or is made of the table's name (`author`, or `author_id` for `id`). Measured on
    Spider's training databases: see `tests/text_to_sql/test_foreign_keys.py` for what it finds.
    """
    found: dict[frozenset[tuple[str, str]], ForeignKey] = {}
    # Later tables first: where two tables begin with the same column, the later one most often refers to the earlier.
    for table in reversed(tables):
        for column in table.column_names:
            for parent in tables:
                if parent is not table and _looks_like_reference(column, parent):
                    key = ForeignKey(table.name, column, parent.name, parent.column_names[0])
                    found.setdefault(key.ends, key)
    order = [table.name for table in tables]
    return tuple(sorted(_without_detours(list(found.values())), key=lambda key: order.index(key.table)))


def _looks_like_reference(column: str, parent: _NamedTable) -> bool:
    key = parent.column_names[0]
    name, key_name = _letters(column), _letters(key)
    if column.lower() not in _COMMON_NAMES and key.lower() not in _COMMON_NAMES:
        if name == key_name and len(name) > 1:
            return True
        if len(key_name) >= _SHORTEST_SUFFIX and name.endswith(key_name):
            return True
    owners = {_letters(parent.name), _singular(_letters(parent.name))}
    if name in owners:
        return True
    return key_name in ("id", "code") and any(name.endswith(owner + key_name) for owner in owners)


def _without_detours(keys: Sequence[ForeignKey]) -> Iterator[ForeignKey]:
    """Leaves out a key from one table to another where both refer to the same third one by the same columns."""
    parents = defaultdict(set)
    for key in keys:
        parents[key.table, key.column].add((key.parent_table, key.parent_column))
    for key in keys:
        further = parents[key.parent_table, key.parent_column]
        if not further & parents[key.table, key.column]:
            yield key


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word
