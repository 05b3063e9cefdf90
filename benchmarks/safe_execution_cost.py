"""What safe execution costs: `ReadOnlyDatabase.execute` against plain sqlite3, on the bundled bookshop.

python -m benchmarks.safe_execution_cost [--record FILE]
"""

import argparse
import json
import os
import platform
import sqlite3
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from text_to_sql.execution.read_only_database import ReadOnlyDatabase
from text_to_sql.execution.sql_text import check_select
from text_to_sql.sample_database import sample_database_path

COUNT = "SELECT COUNT(*) FROM customers WHERE country = 'South Korea'"
JOIN = (
    "SELECT c.name, COUNT(*) FROM customers AS c JOIN orders AS o ON c.customer_id = o.customer_id "
    "WHERE o.status <> 'cancelled' GROUP BY c.customer_id ORDER BY COUNT(*) DESC LIMIT 5"
)
ROWS = "SELECT a.title, b.title, a.price, b.book_id FROM books AS a, books AS b LIMIT 10000"
QUERIES = {"count": COUNT, "join": JOIN, "10,000 rows": ROWS}

Samples = dict[str, dict[str, list[float]]]


def main() -> None:
    """Measures and prints; with `--record`, writes the raw samples too."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.safe_execution_cost", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--repeats", type=int, default=500, help="counted repeats (default: %(default)s)")
    parser.add_argument("--starts", type=int, default=20, help="counted starts (default: %(default)s)")
    parser.add_argument("--record", type=Path, help="JSON file for the raw samples")
    options = parser.parse_args()
    for name in ("repeats", "starts"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(options, name)}")
    samples = measure(sample_database_path(), options.repeats)
    starts = measure_starts(sample_database_path(), options.starts)
    report(samples, starts)
    if options.record:
        write_record(options.record, samples, starts)


def measure(path: Path, repeats: int) -> Samples:
    """Returns milliseconds of each query and each way to run it, the ways in turn, after one uncounted round."""
    with ReadOnlyDatabase(path) as database, closing(sqlite3.connect(path)) as connection:
        return {
            name: alternated(
                {
                    "safe": lambda sql=sql: database.execute(sql),
                    "plain": lambda sql=sql: connection.execute(sql).fetchall(),
                    "check alone": lambda sql=sql: check_select(sql, database.schema),
                },
                repeats,
            )
            for name, sql in QUERIES.items()
        }


def measure_starts(path: Path, repeats: int) -> list[float]:
    """Returns milliseconds from opening a database to its first answer: reading the schema, and starting a process."""

    def start() -> None:
        with ReadOnlyDatabase(path) as database:
            database.execute(COUNT)

    return alternated({"start": start}, repeats)["start"]


def alternated(jobs: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Returns milliseconds of each job in each round, after one uncounted round; every second round is reversed."""
    samples: dict[str, list[float]] = {name: [] for name in jobs}
    for index in range(repeats + 1):
        for name in jobs if index % 2 else reversed(list(jobs)):
            start = time.perf_counter()
            jobs[name]()
            if index:
                samples[name].append(round(1_000 * (time.perf_counter() - start), 4))
    return samples


def report(samples: Samples, starts: list[float]) -> None:
    """Prints medians, and what safety adds to each query."""
    for name, ways in samples.items():
        middle = {way: statistics.median(values) for way, values in ways.items()}
        added = middle["safe"] - middle["plain"]
        figures = ", ".join(f"{way} {value:.3f}" for way, value in middle.items())
        print(f"{name:12} median ms: {figures}; safety adds {added:.3f}")
    print(f"open, start and first answer: median {statistics.median(starts):.1f} ms, worst {max(starts):.1f} ms")


def write_record(path: Path, samples: Samples, starts: list[float]) -> None:
    """Writes raw samples, host and versions as JSON; the file appears complete or not at all."""
    record = {
        "command": "python -m benchmarks.safe_execution_cost",
        "host": {
            "cores": len(os.sched_getaffinity(0)),
            "machine": platform.machine(),
            "python": platform.python_version(),
        },
        "versions": {"sqlite": sqlite3.sqlite_version, "sqlglot": version("sqlglot")},
        "queries": QUERIES,
        "milliseconds": samples,
        "start_milliseconds": starts,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        partial = Path(folder) / path.name
        partial.write_text(json.dumps(record) + "\n")
        os.replace(partial, path)


if __name__ == "__main__":
    main()
