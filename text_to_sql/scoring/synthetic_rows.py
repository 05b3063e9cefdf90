"""A database for a schema without rows, filled so that its gold queries find something: seeded, never from a model.

Rows drawn at random leave most golds empty. So each gold also gets witness rows, which meet all of its conditions
together, and near misses, which tell it from a query with a condition less or with `>` for `>=`. No text stands there
in another case than the golds': a database has one spelling of it, which whoever asks may look up; variants have both.
"""

import random
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlglot import exp

from text_to_sql.schema import Schema, parse_schema, quoted
from text_to_sql.scoring.column_pools import ColumnPools
from text_to_sql.scoring.gold_text import standard_strings
from text_to_sql.scoring.query_shape import qualified_tree, read_shape
from text_to_sql.scoring.witnesses import WitnessMaker, WitnessRow

_FEWEST_ROWS, _MOST_ROWS = 30, 45
_NULL_SHARE = 0.02
_MOST_ATTEMPTS = 8
_ROWS_LOOKED_AT = 100
_STEPS_BETWEEN_CHECKS = 1_000
_MOST_CHECKS = 20_000


@dataclass(frozen=True, slots=True)
class CaseDatabase:
    """A database that was built for gold queries.

    Attributes:
        path: the file.
        non_empty: of each gold, in their order, whether it returns rows.
    """

    path: Path
    non_empty: tuple[bool, ...]


def build_case_database(schema_ddl: str, golds: Sequence[str], path: Path, seed: int) -> CaseDatabase:
    """Writes a SQLite file with rows that as many golds as possible return; an existing file is replaced.

    Args:
        schema_ddl: `CREATE TABLE` statements without keys, one a line.
        golds: gold queries over it, at least one that SQLite can run.
        path: the file to write.
        seed: the same schema, golds and seed give the same rows.

    Raises:
        DatabaseFileError: a line of `schema_ddl` is no such statement.
    """
    schema = parse_schema(schema_ddl)
    content = _Content(schema, golds, random.Random(seed))
    for _ in range(_MOST_ATTEMPTS):
        non_empty = _non_empty(schema_ddl, content.rows, content.golds)
        if all(non_empty):
            break
        content.add_witnesses([index for index, found in enumerate(non_empty) if not found])
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        _fill(connection, schema_ddl, content.rows)
        non_empty = [_returns_rows(connection, gold) for gold in content.golds]
    return CaseDatabase(path, tuple(non_empty))


class _Content:
    """The rows of all tables, as dictionaries by column in lower case."""

    def __init__(self, schema: Schema, golds: Sequence[str], rng: random.Random) -> None:
        self._schema, self._rng = schema, rng
        self.golds = [standard_strings(gold, schema) for gold in golds]
        self._trees: list[exp.Query | None] = [qualified_tree(gold, schema) for gold in self.golds]
        shapes = [read_shape(tree) for tree in self._trees if tree is not None]
        self._pools = ColumnPools(schema, shapes, rng)
        self._columns = {table.name.lower(): [name.lower() for name in table.column_names] for table in schema.tables}
        self.rows: dict[str, list[dict[str, Any]]] = {name: self._usual_rows(name) for name in self._columns}
        self.add_witnesses(range(len(golds)), near_misses=True)

    def _usual_rows(self, table: str) -> list[dict[str, Any]]:
        count = self._rng.randint(_FEWEST_ROWS, _MOST_ROWS)
        return [self._usual_row(table, index) for index in range(count)]

    def _usual_row(self, table: str, index: int | None = None) -> dict[str, Any]:
        return {column: self._usual_cell((table, column), index) for column in self._columns[table]}

    def _usual_cell(self, column: tuple[str, str], index: int | None) -> Any:
        if column in self._pools.keys:
            values = self._pools.pool(column)
            if index is not None and index < len(values):
                return values[index]
            return self._pools.value_of(*column, "fresh")
        # One NULL in a joined column would empty every `NOT IN (SELECT …)` over it.
        null = self._rng.random() < _NULL_SHARE and not self._pools.is_joined(column)
        return None if null else self._pools.draw(column)

    def add_witnesses(self, golds: Iterable[int], *, near_misses: bool = False) -> None:
        """Adds rows that the golds return, and those that just miss."""
        for index in golds:
            tree = self._trees[index]
            if tree is None:
                continue
            shape, values = read_shape(tree, self._rng), self._pools.value_of
            maker = WitnessMaker(shape, self._pools.keys, values, self._rng, other_case=False)
            for rows in [*(maker.near_misses() if near_misses else ()), maker.witness()]:
                for row in rows:
                    self._add(row)

    def _add(self, row: WitnessRow) -> None:
        """Adds a row, or changes the one that has its key."""
        rows = self.rows.get(row.table)
        # Such as `rowid`, which no table of a schema lists.
        if rows is None or not row.values.keys() <= set(self._columns[row.table]):
            return
        for column, value in row.values.items():
            if (row.table, column) in self._pools.keys:
                there = next((other for other in rows if other[column] == value), None)
                if there is not None:
                    there.update(row.values)
                    return
        new = {**self._usual_row(row.table), **row.values}
        rows.append(new)
        if row.twice:
            fresh = {column for table, column in self._pools.keys if table == row.table}
            rows.append(
                {
                    column: self._pools.value_of(row.table, column, "fresh") if column in fresh else cell
                    for column, cell in new.items()
                }
            )


def _non_empty(schema_ddl: str, rows: dict[str, list[dict[str, Any]]], golds: Sequence[str]) -> list[bool]:
    with closing(sqlite3.connect(":memory:")) as connection:
        _fill(connection, schema_ddl, rows)
        return [_returns_rows(connection, gold) for gold in golds]


def _fill(connection: sqlite3.Connection, schema_ddl: str, rows: dict[str, list[dict[str, Any]]]) -> None:
    for statement in schema_ddl.splitlines():
        connection.execute(statement)
    for table, content in rows.items():
        columns = ", ".join(map(quoted, content[0]))
        marks = ", ".join("?" * len(content[0]))
        connection.executemany(
            f"INSERT INTO {quoted(table)} ({columns}) VALUES ({marks})",  # noqa: S608 (names of the schema)
            [tuple(row.values()) for row in content],
        )


def _returns_rows(connection: sqlite3.Connection, gold: str) -> bool:
    """Returns whether the gold has rows, and in the first of them more than NULL and 0, as MAX and COUNT of nothing."""
    checks = iter(range(_MOST_CHECKS))
    connection.set_progress_handler(lambda: next(checks, None) is None, _STEPS_BETWEEN_CHECKS)
    try:
        rows = connection.execute(gold).fetchmany(_ROWS_LOOKED_AT)
    except sqlite3.Error:
        return False
    return bool(rows) and any(cell not in (None, 0) for row in rows for cell in row)
