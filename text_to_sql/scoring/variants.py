"""Seeded variants of a database: other rows under the same keys, on which a wrong query gives itself away.

One database says little: 62 % of queries with `>` for `>=` return the right rows on it, and 55 % still do on variants
whose rows are only shuffled and dropped. Hence new rows at the literals of the golds, and next to them.
"""

import hashlib
import os
import random
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from threading import get_ident
from typing import Any

from text_to_sql.errors import DatabaseFileError
from text_to_sql.schema import Schema, quoted, read_schema
from text_to_sql.scoring.changed_rows import ChangedRows
from text_to_sql.scoring.column_pools import key_columns
from text_to_sql.scoring.gold_text import standard_strings
from text_to_sql.scoring.query_shape import qualified_tree, read_shape
from text_to_sql.scoring.table_content import DatabaseContent, orphans, read_content


def make_variants(database: Path, golds: Sequence[str], folder: Path, seed: int, count: int = 3) -> list[Path]:
    """Returns variants of a SQLite file; those that are in `folder` already are not made again.

    Rows are dropped, permuted within columns that are no keys, doubled, and added at the literals of the golds; their
    order is new. Declared keys, references and conditions hold. Triggers and virtual tables are left out.

    Args:
        database: any SQLite file; it is only read.
        golds: the gold queries about it. Variants depend on the database, its golds and the seed, on nothing else.
        folder: where to write.
        seed: of everything that is drawn.
        count: how many, at least 0.

    Raises:
        DatabaseFileError: the file cannot be read.
    """
    golds = sorted(set(golds))
    paths = [folder / f"{_digest(database, golds, seed)}-{index}.sqlite" for index in range(count)]
    if all(path.exists() for path in paths):
        return paths
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            schema = read_schema(connection, warn=False)
            content = read_content(connection)
    except sqlite3.Error as error:
        raise DatabaseFileError(f"{database} cannot be read to make variants of it: {error}.") from error
    trees = [qualified_tree(standard_strings(gold, schema), schema) for gold in golds]
    for path in paths:
        rng = random.Random(path.name)
        shapes = [read_shape(tree, rng) for tree in trees if tree is not None]
        rows = ChangedRows(content.tables, shapes, _single_keys(schema, content), rng).rows
        _write(path, content, rows)
    return paths


def _digest(database: Path, golds: Iterable[str], seed: int) -> str:
    digest = hashlib.sha256(repr((seed, list(golds))).encode())
    for path in (database, database.with_name(f"{database.name}-wal")):
        if path.exists():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:20]


def _single_keys(schema: Schema, content: DatabaseContent) -> frozenset[tuple[str, str]]:
    """Returns the columns that hold each value once and refer to nothing: a new row needs a new value there."""
    declared = {
        (table.name.lower(), key[0].lower()) for table in content.tables for key in table.unique if len(key) == 1
    }
    referring = {
        (table.name.lower(), column.lower())
        for table in content.tables
        for reference in table.references
        for column in reference.columns
    }
    return frozenset((declared | key_columns(schema)) - referring)


def _write(path: Path, content: DatabaseContent, rows: Mapping[str, list[list[Any]]]) -> None:
    # Two databases of the same content have the same variants, and may be scored at the same time.
    partial = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}")
    partial.unlink(missing_ok=True)
    with closing(sqlite3.connect(partial)) as connection, connection:
        # A file that is not complete is never renamed, so nothing has to reach the disk in order.
        connection.execute("PRAGMA synchronous = OFF")
        for table in content.tables:
            connection.execute(table.statement)
        for table in content.tables:
            _insert(connection, table.name, table.columns, rows[table.name.lower()])
        _remove_orphans(connection, content)
        for statement in content.statements:
            _try(connection, statement)
    os.replace(partial, path)


def _insert(connection: sqlite3.Connection, table: str, columns: Sequence[str], rows: Iterable[list[Any]]) -> None:
    names, marks = ", ".join(map(quoted, columns)), ", ".join("?" * len(columns))
    for row in rows:
        # A row that breaks a key or a condition of the table is left out.
        _try(connection, f"INSERT INTO {quoted(table)} ({names}) VALUES ({marks})", row)  # noqa: S608 (its names)


def _try(connection: sqlite3.Connection, statement: str, values: Sequence[Any] = ()) -> None:
    try:
        connection.execute(statement, values)
    except sqlite3.Error:
        return


def _remove_orphans(connection: sqlite3.Connection, content: DatabaseContent) -> None:
    removed = True
    while removed:
        removed = False
        for table in content.tables:
            for reference in table.references:
                condition = orphans(reference)
                query = f"DELETE FROM {quoted(table.name)} WHERE {condition}"  # noqa: S608 (names of the schema)
                removed |= connection.execute(query).rowcount > 0
