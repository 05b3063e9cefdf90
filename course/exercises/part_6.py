"""Part 6: when two results are the same answer."""

from collections import Counter
from typing import Any

from course.exercise import Exercise
from text_to_sql.execution.query_result import QueryResult
from text_to_sql.scoring.compare import same_result

Rows = list[tuple[Any, ...]]


def same_rows(gold: Rows, predicted: Rows, ordered: bool) -> bool:
    """What the project's scorer says, for columns in the gold's order."""
    ranks = list(range(len(gold))) if ordered else None
    return same_result(_result(gold), _result(predicted), ranks)


def _result(rows: Rows) -> QueryResult:
    columns = tuple(f"column {number}" for number in range(len(rows[0]) if rows else 0))
    return QueryResult(columns, tuple(rows), truncated=False)


def _cases() -> list[tuple[Rows, Rows, bool]]:
    a, b, nothing = ("Ada", 3), ("Bo", 5), ("Bo", None)
    return [
        ([a, b], [a, b], True), ([a, b], [b, a], True), ([a, b], [b, a], False), ([a, a, b], [a, b, b], False),
        ([a, a, b], [a, b], False), ([a], [("Ada", 4)], False), ([a, b, a], [a, a, b], False), ([a], [], False),
        ([b, nothing], [nothing, b], False),
    ]  # fmt: skip


EXERCISES = {
    "same_rows": Exercise(
        oracle=same_rows,
        source="the project's scorer",
        cases=_cases,
        mistakes={
            "Where no order is asked for, rows may come in any.": lambda gold, predicted, ordered: gold == predicted,
            "Rows may occur several times: a set forgets how often.": lambda gold, predicted, ordered: (
                gold == predicted if ordered else set(gold) == set(predicted)
            ),
            "None has no order, so sorted() fails on it: count the rows instead.": lambda gold, predicted, ordered: (
                gold == predicted if ordered else sorted(gold) == sorted(predicted)
            ),
            "Where ORDER BY is asked for, the order counts.": lambda gold, predicted, ordered: (
                Counter(gold) == Counter(predicted)
            ),
        },
    ),
}
