"""What safety costs: `ReadOnlyDatabase.execute` against plain sqlite3, the same small queries in turn.

python -m benchmarks.safe_execution_cost [--record FILE]
"""

import argparse
import json
import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from benchmarks.side_by_side import host
from text_to_sql import ReadOnlyDatabase, sample_database_path

QUERIES = {
    "one row": "SELECT COUNT(*) FROM customers WHERE customers.country = 'Japan'",
    "join of three": (
        "SELECT authors.name, SUM(order_items.quantity) FROM authors JOIN books ON authors.author_id = books.author_id "
        "JOIN order_items ON books.book_id = order_items.book_id WHERE books.genre = 'poetry' "
        "GROUP BY authors.author_id ORDER BY SUM(order_items.quantity) DESC LIMIT 5"
    ),
    "300 rows": "SELECT customers.name, customers.city, customers.country FROM customers",
}


def main() -> None:
    """Measures and prints; with `--record`, writes the raw samples too."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.safe_execution_cost", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--repeats", type=int, default=500, help="calls of each kind (default: %(default)s)")
    parser.add_argument("--record", type=Path, help="JSON file for the raw samples")
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error(f"--repeats must be at least 1, got {options.repeats}")
    samples = measure(options.repeats)
    for name, kinds in samples.items():
        middle = {kind: 1e3 * statistics.median(values) for kind, values in kinds.items()}
        difference = middle["safe"] - middle["plain"]
        print(f"{name:14} plain {middle['plain']:.3f} ms, safe {middle['safe']:.3f} ms, difference {difference:.3f} ms")
    if options.record:
        record = {"command": "python -m benchmarks.safe_execution_cost", "host": host(), "seconds": samples}
        options.record.write_text(json.dumps(record) + "\n")


def measure(repeats: int) -> dict[str, dict[str, list[float]]]:
    """Returns the seconds of each call, by query and by kind (`plain` or `safe`), after one uncounted call."""
    path = sample_database_path()
    samples: dict[str, dict[str, list[float]]] = {name: {"plain": [], "safe": []} for name in QUERIES}
    with ReadOnlyDatabase(path) as safe, closing(sqlite3.connect(path)) as plain:
        for name, sql in QUERIES.items():
            calls = {"plain": lambda sql=sql: plain.execute(sql).fetchall(), "safe": lambda sql=sql: safe.execute(sql)}
            for index in range(repeats + 1):
                for kind, call in calls.items():
                    seconds = _seconds(call)
                    if index:
                        samples[name][kind].append(round(seconds, 7))
    return samples


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
