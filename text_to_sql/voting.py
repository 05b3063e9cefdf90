"""Which of several queries to believe: the one whose result most of them agree on."""

from collections import Counter
from collections.abc import Sequence

from text_to_sql.execution.read_only_database import QueryResult


def choose(results: Sequence[QueryResult | None]) -> tuple[int, int] | None:
    """Returns the index of the chosen candidate and how many have its result.

    Results are the same if they are the same bag of rows, whatever the columns are called. Among results with equally
    many votes, the candidate that stands first wins, which is the greedy one.

    Args:
        results: of each candidate; None where it could not be run.

    Returns:
        None if none could be run.
    """
    ballots = [None if result is None else _bag(result) for result in results]
    counts = Counter(ballot for ballot in ballots if ballot is not None)
    if not counts:
        return None
    most = max(counts.values())
    index = next(index for index, ballot in enumerate(ballots) if ballot is not None and counts[ballot] == most)
    return index, most


def _bag(result: QueryResult) -> frozenset[tuple[tuple[object, ...], int]]:
    return frozenset(Counter(result.rows).items())
