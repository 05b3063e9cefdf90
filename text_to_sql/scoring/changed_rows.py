"""Other rows for a database: fewer, permuted, doubled, and new ones at the literals of its golds."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from text_to_sql.scoring.query_shape import QueryShape
from text_to_sql.scoring.table_content import Reference, TableContent
from text_to_sql.scoring.witnesses import WitnessMaker, WitnessRow

_DROPPED: Final = (0.1, 0.4)
_DOUBLED: Final = 0.15
_PERMUTED: Final = 0.5
_WITNESSES: Final = 2


class ChangedRows:
    """The rows of one variant; keys and references are kept as far as single rows tell.

    Args:
        tables: of the database; they are not changed.
        shapes: what the golds ask of rows.
        keys: (table, column) that hold each value once, declared or by their names; lower case.
        rng: draws everything.
    """

    def __init__(
        self,
        tables: Sequence[TableContent],
        shapes: Sequence[QueryShape],
        keys: frozenset[tuple[str, str]],
        rng: random.Random,
    ) -> None:
        self._rng, self._shapes, self._keys = rng, shapes, keys
        self._tables = {table.name.lower(): table for table in tables}
        self._places = {
            name: {column.lower(): place for place, column in enumerate(table.columns)}
            for name, table in self._tables.items()
        }
        self._joined = {shape.column(node) for shape in shapes for pair in shape.equal for node in pair}
        self._referring = {
            (name, column.lower())
            for name, table in self._tables.items()
            for reference in table.references
            for column in reference.columns
        }
        self._known_edges: dict[tuple[str, str], tuple[float, float] | None] = {}
        self._fresh: dict[tuple[str, str], int] = defaultdict(int)
        self.rows = {name: [list(row) for row in table.rows] for name, table in self._tables.items()}
        for name in self.rows:
            self._change(name)
        for name, table in self._tables.items():
            for reference in table.references:
                self._point_elsewhere(name, reference)
        self._add_witnesses()
        for rows in self.rows.values():
            rng.shuffle(rows)

    def _change(self, name: str) -> None:
        rows = self.rows[name]
        dropped = self._rng.uniform(*_DROPPED)
        rows[:] = [row for row in rows if self._rng.random() >= dropped] or rows[:1]
        for column, place in self._places[name].items():
            if self._may_permute(name, column) and self._rng.random() < _PERMUTED:
                cells = [row[place] for row in rows]
                self._rng.shuffle(cells)
                for row, cell in zip(rows, cells, strict=True):
                    row[place] = cell
        rows += [self._with_fresh_keys(name, row) for row in rows if self._rng.random() < _DOUBLED]

    def _point_elsewhere(self, name: str, reference: Reference) -> None:
        """Lets rows whose parent is gone refer to another one."""
        own = [self._places[name][column.lower()] for column in reference.columns]
        parent = reference.parent.lower()
        if parent not in self.rows:
            return
        others = [self._places[parent][column.lower()] for column in reference.parent_columns]
        keys = {tuple(row[place] for place in others): None for row in self.rows[parent]}
        choices = list(keys)
        for row in self.rows[name]:
            key = tuple(row[place] for place in own)
            if None not in key and key not in keys and choices:
                for place, cell in zip(own, self._rng.choice(choices), strict=True):
                    row[place] = cell

    def _may_permute(self, name: str, column: str) -> bool:
        table = self._tables[name]
        key = table.is_key(column) or (name, column) in self._keys or (name, column) in self._joined
        # A row that breaks a condition of the table could not be written.
        return not key and not table.has_checks

    def _with_fresh_keys(self, name: str, row: Sequence[Any]) -> list[Any]:
        return [
            self._fresh_value(name, column) if (name, column) in self._keys else row[place]
            for column, place in self._places[name].items()
        ]

    def _fresh_value(self, name: str, column: str, step: int = 1) -> Any:
        """Returns a value beyond all others of a column, upwards or downwards."""
        self._fresh[name, column] += 1
        count = self._fresh[name, column]
        edges = self._edges(name, column)
        if edges:
            return edges[step > 0] + step * count
        text = self._rng.choice(self._tables[name].rows)[self._places[name][column]]
        return f"{'zz' if step > 0 else ' '}{text} {count}"

    def _edges(self, name: str, column: str) -> tuple[float, float] | None:
        """Returns the smallest and largest number of a column; None where it has texts only."""
        if (name, column) not in self._known_edges:
            cells = [row[self._places[name][column]] for row in self._tables[name].rows]
            numbers = [cell for cell in cells if isinstance(cell, int | float)]
            texts_only = cells and not numbers
            self._known_edges[name, column] = None if texts_only else (min(numbers, default=0), max(numbers, default=0))
        return self._known_edges[name, column]

    def value_of(self, name: str, column: str, kind: str) -> Any:
        """Returns a value for a witness row: a usual one of the column, or one beyond if it refers to no other row."""
        if (kind == "usual" or (name, column) in self._referring) and (rows := self.rows[name]):
            return self._rng.choice(rows)[self._places[name][column]]
        return self._fresh_value(name, column, -1 if kind == "low" else 1)

    def _add_witnesses(self) -> None:
        for shape in self._shapes:
            if not all(column in self._places.get(table, {}) for table, column in map(shape.column, _nodes(shape))):
                continue
            maker = WitnessMaker(shape, self._keys, self.value_of, self._rng)
            found = [*maker.near_misses(), *(maker.witness() for _ in range(_WITNESSES))]
            for row in (row for rows in found for row in rows):
                self._add(row)

    def _add(self, witness: WitnessRow) -> None:
        """Adds a row like an existing one, with fresh keys; or changes the one that has the witness's key."""
        rows, places = self.rows.get(witness.table), self._places.get(witness.table, {})
        if rows is None:
            return
        for column, value in witness.values.items():
            if (witness.table, column) in self._keys:
                there = next((row for row in rows if row[places[column]] == value), None)
                if there is not None:
                    _set(there, places, witness)
                    return
        like = self._rng.choice(rows) if rows else [None] * len(places)
        new = self._with_fresh_keys(witness.table, like)
        _set(new, places, witness)
        rows.append(new)
        if witness.twice:
            rows.append(self._with_fresh_keys(witness.table, new))


def _set(row: list[Any], places: dict[str, int], witness: WitnessRow) -> None:
    for column, value in witness.values.items():
        row[places[column]] = value


def _nodes(shape: QueryShape) -> Iterable[Any]:
    yield from (node for node, _ in shape.conditions)
    yield from (node for pair in shape.equal for node in pair)
    yield from shape.grouped
