"""When two cells count as equal, and whether two bags of rows can be paired cell by cell."""

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Sequence
from typing import Any, Final

Row = tuple[Any, ...]

TOLERANCE: Final = 1e-6


def is_number(value: object) -> bool:
    """Returns whether a cell is a number; SQLite returns truth values as numbers too."""
    return isinstance(value, int | float)


def close(one: Any, other: Any) -> bool:
    """Returns whether two cells count as equal.

    NULL equals NULL; numbers may differ by `TOLERANCE`, relative above 1 and absolute below; text and bytes are exact;
    a text never equals a number.
    """
    if one == other:
        return True
    return is_number(one) and is_number(other) and math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def same_bag(one: Sequence[Row], other: Sequence[Row]) -> bool:
    """Returns whether the rows can be paired so that each pair is close in every cell.

    Closeness is not transitive, so rounding or sorting alone would fail rows at an edge. Rows are therefore put into
    groups that no pair can leave, and paired in each group.
    """
    if len(one) != len(other):
        return False
    if Counter(one) == Counter(other):
        return True
    neighbourhoods = [_neighbourhoods(column) for column in zip(*one, *other, strict=True)]
    left, right = _grouped(one, neighbourhoods), _grouped(other, neighbourhoods)
    return all(len(rows) == len(right.get(key, ())) and _can_be_paired(rows, right[key]) for key, rows in left.items())


def same_column_bag(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Returns whether the cells of two columns can be paired."""
    return same_bag([(cell,) for cell in one], [(cell,) for cell in other])


def _neighbourhoods(column: Sequence[Any]) -> dict[Any, Any]:
    """Returns for each number the smallest one that a chain of close numbers leads to."""
    numbers = sorted({cell for cell in column if is_number(cell)})
    start: dict[Any, Any] = {}
    for previous, number in zip([None, *numbers], numbers, strict=False):
        start[number] = start[previous] if previous is not None and close(previous, number) else number
    return start


def _grouped(rows: Sequence[Row], neighbourhoods: Sequence[dict[Any, Any]]) -> dict[Hashable, list[Row]]:
    groups = defaultdict(list)
    for row in rows:
        key = tuple(start.get(cell, cell) for cell, start in zip(row, neighbourhoods, strict=True))
        groups[key].append(row)
    return groups


def _can_be_paired(left: list[Row], right: list[Row]) -> bool:
    """Pairs in sorted order first, which is enough for one column and nearly always for more; then by Berge's paths."""
    numeric = [index for index, cell in enumerate(left[0]) if is_number(cell)]
    left = sorted(tuple(row[index] for index in numeric) for row in left)
    right = sorted(tuple(row[index] for index in numeric) for row in right)
    owner = {index: index for index in range(len(left)) if _close_rows(left[index], right[index])}
    if len(owner) == len(left):
        return True
    firsts = [row[0] for row in right]
    return all(_find_partner(index, left, right, firsts, owner) for index in range(len(left)) if index not in owner)


def _close_rows(one: Row, other: Row) -> bool:
    return all(map(close, one, other))


def _find_partner(start: int, left: list[Row], right: list[Row], firsts: list[Any], owner: dict[int, int]) -> bool:
    """Finds a partner for one more row of `left`, where others may change theirs (breadth first).

    `owner` maps a row of `right` to its row of `left`.
    """
    came_from: dict[int, int] = {}
    partners = {row: partner for partner, row in owner.items()}
    queue = deque([start])
    while queue:
        row = queue.popleft()
        for partner in _close_to(left[row], right, firsts):
            if partner in came_from:
                continue
            came_from[partner] = row
            if partner in owner:
                queue.append(owner[partner])
                continue
            _change_partners(partner, start, came_from, partners, owner)
            return True
    return False


def _change_partners(
    partner: int, start: int, came_from: dict[int, int], partners: dict[int, int], owner: dict[int, int]
) -> None:
    while True:
        row = came_from[partner]
        owner[partner] = row
        if row == start:
            return
        partner = partners[row]


def _close_to(row: Row, right: list[Row], firsts: list[Any]) -> list[int]:
    # Twice the tolerance, because that of the other value may be the larger one.
    reach = 2 * TOLERANCE * max(1, abs(row[0]))
    window = range(bisect_left(firsts, row[0] - reach), bisect_right(firsts, row[0] + reach))
    return [index for index in window if _close_rows(row, right[index])]
