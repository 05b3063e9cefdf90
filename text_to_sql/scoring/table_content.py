"""The tables of a SQLite file in memory: rows, keys, and the statements that make them again."""

import random
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from text_to_sql.schema import quoted

# Of larger tables, a seeded sample is enough to tell queries apart.
MOST_ROWS: Final = 20_000
_SAMPLING_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Reference:
    """A declared foreign key.

    Attributes:
        columns: of the table that refers.
        parent: the table that is referred to.
        parent_columns: its columns, in the same order.
    """

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


@dataclass(slots=True)
class TableContent:
    """One table; names as in the database.

    Attributes:
        name: of the table.
        statement: its `CREATE TABLE`.
        columns: those that can be written, so no generated ones.
        rows: at most `MOST_ROWS`, lists in the order of `columns`.
        unique: sets of columns that no two rows share, the primary key among them.
        references: foreign keys that hold in the file.
    """

    name: str
    statement: str
    columns: tuple[str, ...]
    rows: list[list[Any]]
    unique: tuple[tuple[str, ...], ...]
    references: tuple[Reference, ...]

    @property
    def has_checks(self) -> bool:
        """Whether the table has conditions that a changed row may break."""
        return "check" in self.statement.lower()

    def is_key(self, column: str) -> bool:
        """Returns whether a column is part of a key or of a reference to one."""
        keys = [*self.unique, *(reference.columns for reference in self.references)]
        return any(column.lower() in map(str.lower, key) for key in keys)


@dataclass(frozen=True, slots=True)
class DatabaseContent:
    """All that a variant is made from.

    Attributes:
        tables: ordinary tables; virtual ones are left out.
        statements: that make indexes and views; triggers are left out.
    """

    tables: tuple[TableContent, ...]
    statements: tuple[str, ...]


def read_content(connection: sqlite3.Connection) -> DatabaseContent:
    """Returns the content of an open database."""
    # Texts that are no UTF-8 would stop the reading.
    connection.text_factory = lambda data: data.decode(errors="replace")
    virtual = {name for name, kind in connection.execute("SELECT name, type FROM pragma_table_list") if kind != "table"}
    tables = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
        "ORDER BY rowid"
    ).fetchall()
    others = connection.execute(
        "SELECT sql FROM sqlite_master WHERE type IN ('index', 'view') AND sql IS NOT NULL ORDER BY rowid"
    ).fetchall()
    content = tuple(_read_table(connection, name, sql) for name, sql in tables if name not in virtual)
    return DatabaseContent(content, tuple(sql for (sql,) in others))


def _read_table(connection: sqlite3.Connection, name: str, statement: str) -> TableContent:
    information = connection.execute(
        "SELECT name, pk FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid", (name,)
    ).fetchall()
    columns = tuple(column for column, _ in information)
    primary = tuple(column for column, place in sorted(information, key=lambda row: row[1]) if place)
    unique = [primary] if primary else []
    indexes = connection.execute(
        'SELECT name FROM pragma_index_list(?) WHERE "unique" AND NOT partial', (name,)
    ).fetchall()
    for (index,) in indexes:
        parts = [part for (part,) in connection.execute("SELECT name FROM pragma_index_info(?)", (index,))]
        if None not in parts and tuple(parts) not in unique:
            unique.append(tuple(parts))
    rows = _sampled_rows(connection, name, columns)
    return TableContent(name, statement, columns, rows, tuple(unique), _references(connection, name))


def _sampled_rows(connection: sqlite3.Connection, table: str, columns: Sequence[str]) -> list[list[Any]]:
    """Returns all rows, or as many as allowed, each with the same chance (reservoir sampling)."""
    rng, rows = random.Random(_SAMPLING_SEED), []
    names = ", ".join(map(quoted, columns))
    for index, row in enumerate(connection.execute(f"SELECT {names} FROM {quoted(table)}")):  # noqa: S608 (its names)
        if len(rows) < MOST_ROWS:
            rows.append(list(row))
        elif (place := rng.randint(0, index)) < MOST_ROWS:
            rows[place] = list(row)
    return rows


def _references(connection: sqlite3.Connection, table: str) -> tuple[Reference, ...]:
    rows = connection.execute(
        'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq', (table,)
    ).fetchall()
    found = []
    for number in dict.fromkeys(row[0] for row in rows):
        parts = [row for row in rows if row[0] == number]
        parent = parts[0][1]
        targets = tuple(row[3] for row in parts)
        if None in targets:
            keys = connection.execute("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", (parent,))
            targets = tuple(name for (name,) in keys)
        reference = Reference(tuple(row[2] for row in parts), parent, targets)
        if len(targets) == len(parts) and _holds(connection, table, reference):
            found.append(reference)
    return tuple(found)


def _holds(connection: sqlite3.Connection, table: str, reference: Reference) -> bool:
    try:
        query = f"SELECT 1 FROM {quoted(table)} WHERE {orphans(reference)} LIMIT 1"  # noqa: S608 (names of the schema)
        return connection.execute(query).fetchone() is None
    except sqlite3.Error:
        return False


def orphans(reference: Reference) -> str:
    """Returns the condition, in SQL, of rows that refer to a row that is not there."""
    own, others = (", ".join(map(quoted, names)) for names in (reference.columns, reference.parent_columns))
    given = " AND ".join(f"{quoted(column)} IS NOT NULL" for column in reference.columns)
    there = " AND ".join(f"{quoted(column)} IS NOT NULL" for column in reference.parent_columns)
    return f"{given} AND ({own}) NOT IN (SELECT {others} FROM {quoted(reference.parent)} WHERE {there})"  # noqa: S608
