"""Whether two results are the same answer: rows as a bag or in order, columns in any order."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from text_to_sql.execution.read_only_database import QueryResult
from text_to_sql.scoring.close_values import Row, same_bag, same_column_bag

# With more columns than this, they must stand in the order of the gold.
MOST_PERMUTED_COLUMNS: Final = 8


def same_result(gold: QueryResult, predicted: QueryResult, ranks: Sequence[int] | None = None) -> bool:
    """Returns whether a prediction's result is the gold's; the names of columns do not matter.

    Args:
        gold: the right result.
        predicted: the result to judge.
        ranks: of each gold row, where its order counts: rows of equal rank tie and may swap. None where order does not
            count. See `scoring.order.row_ranks`.

    Raises:
        ValueError: there is not one rank for each gold row.
    """
    if ranks is not None and len(ranks) != len(gold.rows):
        raise ValueError(f"ranks must have one number for each of the {len(gold.rows)} gold rows, got {len(ranks)}")
    if len(gold.columns) != len(predicted.columns) or len(gold.rows) != len(predicted.rows):
        return False
    if not gold.rows:
        return True
    permutations = _column_permutations(gold.rows, predicted.rows)
    return any(_same_rows(gold.rows, _permuted(predicted.rows, columns), ranks) for columns in permutations)


def _same_rows(gold: Sequence[Row], predicted: Sequence[Row], ranks: Sequence[int] | None) -> bool:
    if ranks is None:
        return same_bag(gold, predicted)
    tied = [[index for index, _ in group] for _, group in groupby(enumerate(ranks), key=lambda pair: pair[1])]
    return all(same_bag([gold[index] for index in group], [predicted[index] for index in group]) for group in tied)


def _permuted(rows: Sequence[Row], columns: Sequence[int]) -> list[Row]:
    return [tuple(row[column] for column in columns) for row in rows]


def _column_permutations(gold: Sequence[Row], predicted: Sequence[Row]) -> Iterator[tuple[int, ...]]:
    """Yields for each gold column the predicted one that may stand for it, in all ways that the columns' bags allow."""
    gold_columns, predicted_columns = list(zip(*gold, strict=True)), list(zip(*predicted, strict=True))
    if len(gold_columns) > MOST_PERMUTED_COLUMNS:
        yield tuple(range(len(gold_columns)))
        return
    fitting = [
        [index for index, column in enumerate(predicted_columns) if same_column_bag(wanted, column)]
        for wanted in gold_columns
    ]
    yield from _choices(gold, predicted, fitting, predicted_columns, ())


def _choices(
    gold: Sequence[Row],
    predicted: Sequence[Row],
    fitting: Sequence[Sequence[int]],
    columns: Sequence[tuple[Any, ...]],
    chosen: tuple[int, ...],
) -> Iterator[tuple[int, ...]]:
    """Extends a choice column by column, as long as the rows of the chosen columns are the same bag."""
    if len(chosen) == len(fitting):
        yield chosen
        return
    tried: list[tuple[Any, ...]] = []
    for index in fitting[len(chosen)]:
        # Equal columns are interchangeable: eight columns of NULL would otherwise be tried in 40,320 ways.
        if index in chosen or columns[index] in tried:
            continue
        tried.append(columns[index])
        longer = (*chosen, index)
        if same_bag([row[: len(longer)] for row in gold], _permuted(predicted, longer)):
            yield from _choices(gold, predicted, fitting, columns, longer)
