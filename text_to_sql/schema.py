"""The tables of a database, as the model reads them: the columns of one table a line."""

import re
import sqlite3
import warnings
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sqlglot
from sqlglot.errors import SqlglotError

from text_to_sql.errors import DatabaseFileError
from text_to_sql.foreign_keys import ForeignKey, declared_keys, guessed_keys

# Spider's five types, which the adapter was trained on, by what a declared type contains; the first match counts.
_TYPES = (
    ("bool", "boolean"),
    ("date", "time"),
    ("time", "time"),
    ("char", "text"),
    ("clob", "text"),
    ("text", "text"),
    ("int", "number"),
    ("real", "number"),
    ("floa", "number"),
    ("doub", "number"),
    ("num", "number"),
    ("dec", "number"),
)
# A warning names the caller's line, not one of this package.
_PACKAGE = str(Path(__file__).parent)
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class SchemaWarning(UserWarning):
    """A part of the database cannot be offered to the model."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; its type is `text`, `number`, `time`, `boolean` or `others`."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view and its columns, in their order."""

    name: str
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in their order."""
        return tuple(column.name for column in self.columns)

    def render(self) -> str:
        """Returns `table.column type, …`; names that are no plain identifiers are quoted."""
        table = quoted(self.name)
        return ", ".join(f"{table}.{quoted(column.name)} {column.type}" for column in self.columns)


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables that questions may be about, and how they refer to each other."""

    tables: tuple[Table, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()

    @property
    def table_names(self) -> frozenset[str]:
        """Names of all tables in lower case, as SQLite compares them."""
        return frozenset(folded(table.name) for table in self.tables)

    def render(self) -> str:
        """Returns the columns of one table a line, then one `child.column = parent.column` a line.

        Names and conditions stand as the model is to write them: a small one copies better than it puts together.
        """
        return "\n".join([*(table.render() for table in self.tables), *map(_render_key, self.foreign_keys)])


def _render_key(key: ForeignKey) -> str:
    child = f"{quoted(key.table)}.{quoted(key.column)}"
    return f"{child} = {quoted(key.parent_table)}.{quoted(key.parent_column)}"


def read_schema(connection: sqlite3.Connection, tables: Iterable[str] | None = None, *, warn: bool = True) -> Schema:
    """Reads the user's tables and views of a database, in the order in which they were created.

    Foreign keys are those that the database declares; where it declares none, those that its names suggest. What
    SQLite cannot read is left out, such as a view of a table that was dropped.

    Args:
        connection: an open database.
        tables: the names to offer; None offers all.
        warn: whether a SchemaWarning says what was left out.

    Raises:
        DatabaseFileError: a name does not exist, or there is no table that can be read.
    """
    found = user_tables(connection)
    wanted = {folded(name) for name in (found if tables is None else tables)}
    missing = sorted(wanted - {folded(name) for name in found})
    if missing:
        raise DatabaseFileError(f"The database has no table {', '.join(missing)}; it has {', '.join(found) or 'none'}.")
    chosen = [_read_if_possible(connection, name, warn) for name in found if folded(name) in wanted]
    readable = tuple(table for table in chosen if table is not None)
    if not readable:
        raise DatabaseFileError("The database has no table to ask about.")
    return Schema(readable, declared_keys(connection, readable) or guessed_keys(readable))


def parse_schema(text: str) -> Schema:
    """Returns the schema of `CREATE TABLE` statements, one a line, as the training data has them.

    Raises:
        DatabaseFileError: a line is no such statement.
    """
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            for line in text.splitlines():
                connection.execute(line)
        except sqlite3.Error as error:
            raise DatabaseFileError(f"{line!r} is no CREATE TABLE statement: {error}.") from error
        return read_schema(connection)


def user_tables(connection: sqlite3.Connection) -> list[str]:
    """Returns the names of all tables and views that are not SQLite's own, in the order of their creation."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY rowid")
    return [name for (name,) in rows if not name.lower().startswith("sqlite_")]


def _read_if_possible(connection: sqlite3.Connection, name: str, warn: bool) -> Table | None:
    try:
        table = _read_table(connection, name)
    except sqlite3.Error as error:
        why = f"SQLite cannot read it ({error}). Repair it, or drop it if it is a view that is no longer needed"
    else:
        # A line break would let a name pass for the question that ends the prompt.
        if all(map(_is_one_line, (name, *table.column_names))):
            return table
        why = "its name or a column's has a line break. Rename it"
    if warn:
        warnings.warn(
            f"{quoted(name) if _is_one_line(name) else repr(name)} is left out, questions cannot be about it: {why}.",
            SchemaWarning,
            skip_file_prefixes=(_PACKAGE,),
        )
    return None


def _is_one_line(name: str) -> bool:
    return name.splitlines() in ([], [name])


def _read_table(connection: sqlite3.Connection, name: str) -> Table:
    rows = connection.execute("SELECT name, type FROM pragma_table_info(?) ORDER BY cid", (name,))
    return Table(name, tuple(Column(column, _spider_type(declared)) for column, declared in rows))


def _spider_type(declared: str) -> str:
    return next((ours for part, ours in _TYPES if part in declared.lower()), "others")


def folded(name: str) -> str:
    """Returns a name as SQLite compares it: only ASCII letters lose their case."""
    return name.encode(errors="surrogatepass").lower().decode(errors="surrogatepass")


@cache
def quoted(name: str) -> str:
    """Returns a name as it must stand in SQL: in double quotes unless SQLite and sqlglot take it bare."""
    return name if _is_plain(name) else '"' + name.replace('"', '""') + '"'


def _is_plain(name: str) -> bool:
    if not _PLAIN_NAME.fullmatch(name):
        return False
    try:
        sqlglot.parse_one(f"SELECT {name} FROM {name}", read="sqlite")  # noqa: S608 (matched a plain name above)
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute(f"CREATE TABLE {name} ({name})")
    except (SqlglotError, sqlite3.Error):
        return False
    return True
