"""Rows that a query returns: one for each table of its joins, with values that meet all of its conditions together."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from text_to_sql.scoring.conditions import Condition, candidates, holds
from text_to_sql.scoring.query_shape import Node, QueryShape
from text_to_sql.scoring.union_find import UnionFind

# Gives a value for a column: (table, column, kind), where kind is `usual`, `fresh`, `high` or `low`.
ValueSource = Callable[[str, str, str], Any]


@dataclass(frozen=True, slots=True)
class WitnessRow:
    """Values that a new row of a table must have; the other columns do not matter.

    Attributes:
        table: in lower case.
        values: by column, in lower case.
        twice: whether to add two such rows that differ in their keys alone: they tell DISTINCT from none.
    """

    table: str
    values: Mapping[str, Any]
    twice: bool = False


class WitnessMaker:
    """Makes rows that a query with a given shape returns.

    Args:
        shape: what the query asks of rows.
        keys: (table, column) of columns that hold each value once.
        value_of: gives values for columns that no literal decides.
        rng: decides among several values that would do.
        other_case: whether near misses have texts in another case than the literals'.
    """

    def __init__(
        self,
        shape: QueryShape,
        keys: frozenset[tuple[str, str]],
        value_of: ValueSource,
        rng: random.Random,
        *,
        other_case: bool = True,
    ) -> None:
        self._other_case = other_case
        self._shape, self._keys, self._value_of, self._rng = shape, keys, value_of, rng
        self._classes: UnionFind[Node] = UnionFind()
        for one, other in shape.equal:
            self._classes.join(one, other)
        self._conditions: dict[Node, list[Condition]] = defaultdict(list)
        for node, condition in shape.conditions:
            self._conditions[self._classes.find(node)].append(condition)
        self._members = self._nodes_by_class()
        self._fixed = self._fixed_classes()

    def witness(self) -> list[WitnessRow]:
        """Returns rows that meet all conditions, as many copies as a group needs."""
        rows = self._rows(self._shape.copies, {})
        # In a group, another row would be one too many.
        return rows if self._shape.grouped else [replace(row, twice=True) for row in rows]

    def near_misses(self) -> Iterator[list[WitnessRow]]:
        """Yields rows that meet all conditions but one: at each of its literals and next to; and groups of other sizes.

        They tell the query from one with a condition less, with `>` for `>=`, or with another number.
        """
        for representative, conditions in self._conditions.items():
            for value in dict.fromkeys(self._candidates(conditions)):
                yield self._rows(1, {representative: value})
        if self._shape.limits_groups:
            yield self._rows(self._shape.copies - 1, {})
            yield self._rows(self._shape.copies + 1, {})

    def _candidates(self, conditions: Iterable[Condition]) -> list[Any]:
        return [value for one in conditions for value in candidates(one, other_case=self._other_case)]

    def _nodes_by_class(self) -> dict[Node, list[Node]]:
        members = defaultdict(list)
        nodes = [node for pair in self._shape.equal for node in pair] + [node for node, _ in self._shape.conditions]
        for node in dict.fromkeys([*nodes, *self._shape.grouped]):
            members[self._classes.find(node)].append(node)
        return members

    def _fixed_classes(self) -> set[Node]:
        """Returns the classes that all copies share: those of GROUP BY, and the key of a row that is grouped by."""
        fixed = {self._classes.find(node) for node in self._shape.grouped}
        grouped_rows = {node[:2] for node in self._shape.grouped}
        for representative, nodes in self._members.items():
            if len(nodes) > 1 and any(self._is_key(node) and node[:2] in grouped_rows for node in nodes):
                fixed.add(representative)
        return fixed

    def _is_key(self, node: Node) -> bool:
        return self._shape.column(node) in self._keys

    def _rows(self, copies: int, given: Mapping[Node, Any]) -> list[WitnessRow]:
        shared = dict(given)
        rows: dict[Any, WitnessRow] = {}
        for copy in range(copies):
            values = {
                representative: shared[representative] if representative in shared else self._choose(representative)
                for representative in self._members
            }
            shared.update({node: value for node, value in values.items() if node in self._fixed})
            for occurrence, table in self._shape.tables.items():
                row = WitnessRow(table, self._values_of(occurrence, values))
                key = next((value for column, value in row.values.items() if (table, column) in self._keys), None)
                rows.setdefault((occurrence, copy if key is None else ("key", key)), row)
        return list(rows.values())

    def _values_of(self, occurrence: tuple[int, str], values: Mapping[Node, Any]) -> dict[str, Any]:
        return {
            node[2]: values[representative]
            for representative, nodes in self._members.items()
            for node in nodes
            if node[:2] == occurrence
        }

    def _choose(self, representative: Node) -> Any:
        conditions = self._conditions.get(representative, [])
        possible = self._candidates(conditions)
        usual = [self._draw(representative, "usual") for _ in range(3)]
        meeting = [value for value in possible or usual if all(holds(condition, value) for condition in conditions)]
        meeting = meeting or [value for value in usual if all(holds(condition, value) for condition in conditions)]
        for kind in ("fresh", "high", "low"):
            if any(condition.operator == kind for condition in conditions) and not possible:
                return self._draw(representative, kind)
        if not conditions:
            return self._draw(representative, self._kind(representative))
        return self._rng.choice(meeting or possible or usual)

    def _kind(self, representative: Node) -> str:
        if any(map(self._is_key, self._members[representative])):
            return "fresh"
        # Rows that are there already would change the size of the group; a fresh value may break a reference.
        limited = representative in self._fixed and self._shape.limits_groups
        return self._rng.choice(("fresh", "usual")) if limited else "usual"

    def _draw(self, representative: Node, kind: str) -> Any:
        nodes = self._members[representative]
        node = next(filter(self._is_key, nodes), nodes[0])
        return self._value_of(*self._shape.column(node), kind)
