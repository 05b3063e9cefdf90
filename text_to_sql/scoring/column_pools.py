"""Values for columns of which nothing is known but name, type, and what golds compare them with."""

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, Final

from text_to_sql.schema import Schema
from text_to_sql.scoring.conditions import candidates
from text_to_sql.scoring.query_shape import QueryShape
from text_to_sql.scoring.union_find import UnionFind

_WORDS: Final = "amber birch cedar delta ember fjord grove haven inlet juniper knoll lotus maple north ocean".split()  # noqa: SIM905
_FIRST_DAY: Final = date(2008, 1, 1)
_SIZE: Final = 60
ColumnName = tuple[str, str]


class ColumnPools:
    """Values for each column; joined columns and columns of a foreign key share theirs.

    Args:
        schema: tables, columns, and the foreign keys that their names suggest.
        shapes: what the golds ask of rows, with both sides of each OR.
        rng: draws the values.
    """

    def __init__(self, schema: Schema, shapes: Sequence[QueryShape], rng: random.Random) -> None:
        self._rng = rng
        self._types = {
            (table.name.lower(), column.name.lower()): column.type
            for table in schema.tables
            for column in table.columns
        }
        self._types |= {shape.column(node): "number" for shape in shapes for node in shape.summed}
        self._classes = _joined_classes(schema, shapes)
        self._literals = self._literals_by_class(shapes)
        self._pools: dict[ColumnName, list[Any]] = {}
        self._fresh = 0
        self.keys = key_columns(schema)

    def pool(self, column: ColumnName) -> list[Any]:
        """Returns the different values of a column, those of the literals among them."""
        representative = self._classes.find(column)
        if representative not in self._pools:
            self._pools[representative] = self._new_pool(representative)
        return self._pools[representative]

    def draw(self, column: ColumnName) -> Any:
        """Returns a value; the first ones are drawn more often, so that some groups are large and some values alone."""
        values = self.pool(column)
        return values[min(int(self._rng.expovariate(3 / len(values))), len(values) - 1)]

    def is_joined(self, column: ColumnName) -> bool:
        """Returns whether a column shares its values with another one."""
        return self._classes.size(column) > 1

    def value_of(self, table: str, column: str, kind: str) -> Any:
        """Returns a value that is `usual`, `fresh`, `high` or `low`; fresh ones were never given before."""
        values = self.pool((table, column))
        if kind == "usual":
            return self.draw((table, column))
        numbers = [value for value in values if isinstance(value, int | float)]
        self._fresh += 1
        if not numbers:
            return f"{self._rng.choice(_WORDS)} {self._fresh}" if kind != "high" else f"zz {self._fresh}"
        if kind == "low":
            return min(numbers) - self._fresh
        return max(numbers) + self._fresh

    def _literals_by_class(self, shapes: Iterable[QueryShape]) -> dict[ColumnName, dict[Any, None]]:
        found: dict[ColumnName, dict[Any, None]] = defaultdict(dict)
        for shape in shapes:
            for node, condition in shape.conditions:
                representative = self._classes.find(shape.column(node))
                found[representative].update(dict.fromkeys(candidates(condition, other_case=False)))
        return found

    def _new_pool(self, column: ColumnName) -> list[Any]:
        literals = [value for value in self._literals.get(column, {}) if value is not None]
        invented = [self._invented(column, literals, index) for index in range(_SIZE)]
        # Literals among the first, which are drawn most often.
        front = literals + invented[: _SIZE // 4]
        self._rng.shuffle(front)
        return list(dict.fromkeys(front + invented))

    def _invented(self, column: ColumnName, literals: Sequence[Any], index: int) -> Any:
        numbers = [value for value in map(_as_number, literals) if value is not None]
        kind, name = self._types.get(column, "text"), column[1]
        if numbers and len(numbers) == len(literals):
            low, high = min(numbers), max(numbers)
            spread = max(20, (high - low) / 2)
            return round(self._rng.uniform(low - spread if low >= spread else 0, high + spread))
        if literals or kind == "text":
            dated = any(re.fullmatch(r"\d{4}-\d\d-\d\d.*", str(value)) for value in literals)
            return self._day() if dated or (not literals and "date" in name) else f"{_WORDS[index % 15]} {index}"
        if kind == "boolean":
            return index % 2
        if kind == "time" and "year" not in name:
            return self._day()
        return self._rng.randint(1980, 2020) if "year" in name else self._number(column, index)

    def _number(self, column: ColumnName, index: int) -> int:
        return index + 1 if column in self.keys or column[1].endswith("id") else self._rng.randint(1, 999)

    def _day(self) -> str:
        return (_FIRST_DAY + timedelta(days=self._rng.randrange(4_000))).isoformat()


def _as_number(value: Any) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _joined_classes(schema: Schema, shapes: Iterable[QueryShape]) -> UnionFind[ColumnName]:
    classes: UnionFind[ColumnName] = UnionFind()
    for key in schema.foreign_keys:
        child, parent = sorted(key.ends)[0], sorted(key.ends)[-1]
        classes.join(child, parent)
    for shape in shapes:
        for one, other in shape.equal:
            classes.join(shape.column(one), shape.column(other))
    return classes


def key_columns(schema: Schema) -> frozenset[ColumnName]:
    """Returns the columns that hold each value once: those that foreign keys refer to, and that refer to nothing."""
    parents = {(key.parent_table.lower(), key.parent_column.lower()) for key in schema.foreign_keys}
    children = {(key.table.lower(), key.column.lower()) for key in schema.foreign_keys}
    firsts = {(table.name.lower(), table.column_names[0].lower()) for table in schema.tables}
    named = {column for column in firsts if column[1] == "id" or column[1].endswith("_id")}
    return frozenset((parents | named) - children)
