"""How tables are joined: along foreign keys, and through the tables between those that do not refer to each other."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from text_to_sql.foreign_keys import ForeignKey

# A longer way is no join that people ask for.
_MOST_BETWEEN = 2


@dataclass(frozen=True, slots=True)
class Joined:
    """A table of a FROM clause.

    Attributes:
        table: its name.
        key: what joins it to a table before it; None for the first, and for one that no key leads to.
    """

    table: str
    key: ForeignKey | None = None


def join_tables(tables: Sequence[str], keys: Iterable[ForeignKey]) -> tuple[Joined, ...]:
    """Returns tables and those between them, by the shortest ways along foreign keys, in an order to join them.

    A table that no short way leads to stands after those before it, without a key.

    Args:
        tables: names, spelt as in the keys.
        keys: of the schema; of ways of equal length the first one counts.
    """
    neighbours: dict[str, list[Joined]] = defaultdict(list)
    for key in keys:
        neighbours[key.table].append(Joined(key.parent_table, key))
        neighbours[key.parent_table].append(Joined(key.table, key))
    joined: dict[str, Joined] = {}
    for table in tables:
        if table not in joined:
            joined |= {step.table: step for step in _way(joined, table, neighbours)}
    return tuple(joined.values())


def _way(start: Collection[str], end: str, neighbours: Mapping[str, Sequence[Joined]]) -> list[Joined]:
    """Returns the shortest way from any of `start` to a table, or the table alone if there is no short one."""
    ways: dict[str, list[Joined]] = {table: [] for table in start}
    waiting = deque(start)
    while waiting and end not in ways:
        table = waiting.popleft()
        for step in neighbours.get(table, ()):
            if step.table not in ways:
                ways[step.table] = [*ways[table], step]
                waiting.append(step.table)
    way = ways.get(end, [])
    return way if 0 < len(way) <= _MOST_BETWEEN + 1 else [Joined(end)]
