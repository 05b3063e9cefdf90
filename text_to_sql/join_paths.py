"""How tables that do not refer to each other are joined: through the tables between them."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence

from text_to_sql.foreign_keys import ForeignKey

# A longer way is no join that people ask for.
_MOST_BETWEEN = 2


def connected(tables: Sequence[str], keys: Iterable[ForeignKey]) -> tuple[str, ...]:
    """Returns tables and those between them, by the shortest ways along foreign keys.

    A table that no short way leads to stands at the end of those before it.

    Args:
        tables: names, spelt as in the keys.
        keys: of the schema; of ways of equal length the first one counts.
    """
    neighbours: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        neighbours[key.table].append(key.parent_table)
        neighbours[key.parent_table].append(key.table)
    joined: dict[str, None] = {}
    for table in tables:
        joined.update(dict.fromkeys(_way(joined, table, neighbours)))
    return tuple(joined)


def _way(start: Collection[str], end: str, neighbours: Mapping[str, Sequence[str]]) -> list[str]:
    """Returns the shortest way from any of `start` to a table, without its first; the table alone if there is none."""
    ways = {table: [table] for table in start}
    waiting = deque(start)
    while waiting and end not in ways:
        table = waiting.popleft()
        for neighbour in neighbours.get(table, ()):
            if neighbour not in ways:
                ways[neighbour] = [*ways[table], neighbour]
                waiting.append(neighbour)
    way = ways.get(end, [])
    return way[1:] if 0 < len(way) <= _MOST_BETWEEN + 2 else [end]
