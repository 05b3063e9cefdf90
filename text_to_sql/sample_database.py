"""The sample database of the course, an online bookshop: `python -m text_to_sql.sample_database --output FILE`.

One SQLite file, drawn from a seed: the same seed gives the same rows. The shop sells in eight countries. Prices are in
US dollars, dates are ISO text, and everything is as it stood in the evening of 2025-12-31.
"""

import argparse
import os
import random
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from inference.cache import cache_folder
from text_to_sql.errors import DatabaseFileError
from text_to_sql.sample_books import add_books, add_publishers, draw_comment
from text_to_sql.sample_content import CONTENT_VERSION, COUNTRIES, SCHEMA
from text_to_sql.sample_people import Names, add_customers

SAMPLE_SEED = 20261123

_ORDERS = 1_000
_FIRST_DAY = date(2023, 1, 1)
_LAST_DAY = date(2025, 12, 31)
_FREE_SHIPPING_FROM = 60.0

# How often a book gets 1, 2, 3, 4 and 5 stars, for a disappointing, an average and an excellent book.
_RATING_WEIGHTS = ((15, 20, 28, 25, 12), (3, 6, 16, 40, 35), (1, 2, 6, 31, 60))

# The (book_id, price) of books on sale, and the demand for each, relative to the others.
_Shelf = tuple[list[tuple[int, float]], list[float]]


def build_sample_database(path: Path | str, seed: int = SAMPLE_SEED, *, overwrite: bool = False) -> Path:
    """Builds the bookshop as a SQLite file, which appears complete or not at all.

    Args:
        path: the file to write. Its folder is created if missing.
        seed: any integer from 0; the same seed gives the same content.
        overwrite: whether an existing file is replaced. It stays whole until the new one is complete.

    Returns:
        `path`.

    Raises:
        FileExistsError: `path` exists and `overwrite` is False.
        IsADirectoryError: `path` is a folder.
        ValueError: `seed` is negative.
    """
    path = Path(path)
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file, such as {path / 'bookshop.sqlite'}.")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already: choose another path, or pass overwrite=True (--overwrite).")
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        partial = Path(folder) / path.name
        with closing(sqlite3.connect(partial)) as connection, connection:
            _fill(connection, random.Random(seed))
        os.replace(partial, path)
    return path


def sample_database_path() -> Path:
    """Returns the bookshop of `SAMPLE_SEED` in the cache folder, built on first use (less than a second).

    Raises:
        DatabaseFileError: the cache folder cannot be read or written.
    """
    try:
        path = cache_folder() / f"bookshop-{SAMPLE_SEED}-{CONTENT_VERSION}.sqlite"
        # Another process may finish the same file meanwhile; replacing it by an equal one does no harm.
        return path if path.exists() else build_sample_database(path, overwrite=True)
    except (OSError, sqlite3.Error) as error:
        raise DatabaseFileError(
            f"The sample database cannot be kept in the cache folder: {error}. Set XDG_CACHE_HOME to a folder that "
            "you may write to, or ask about a database of your own (--database FILE)."
        ) from error


def row_counts(path: Path | str) -> dict[str, int]:
    """Returns the number of rows of each table of a SQLite file, in the order in which the tables were created."""
    with closing(sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid").fetchall()
        count = 'SELECT COUNT(*) FROM "{}"'
        return {name: connection.execute(count.format(name)).fetchone()[0] for (name,) in names}


def _fill(connection: sqlite3.Connection, rng: random.Random) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.executescript(SCHEMA)
    names = Names(rng)
    add_publishers(connection)
    add_books(connection, rng, names)
    add_customers(connection, rng, names)
    _add_orders(connection, rng)
    _add_reviews(connection, rng)


def _add_orders(connection: sqlite3.Connection, rng: random.Random) -> None:
    customers = connection.execute(
        "SELECT customer_id, country, joined_on FROM customers ORDER BY customer_id"
    ).fetchall()
    # Some people read a lot more than others, and who joined late had less time to order.
    zeal = [rng.lognormvariate(0, 0.7) * (_LAST_DAY - _first_day(joined_on)).days for _, _, joined_on in customers]
    buyers = rng.choices(customers, zeal, k=_ORDERS)
    placed = sorted((_draw_day(rng, joined_on), customer_id, country) for customer_id, country, joined_on in buyers)
    shelves = _shelves(connection, rng)
    for order_id, (ordered_on, customer_id, country) in enumerate(placed, start=1):
        items = _draw_items(rng, shelves[ordered_on.year, country])
        goods = sum(quantity * unit_price for _, quantity, unit_price in items)
        shipping_cost = 0.0 if goods >= _FREE_SHIPPING_FROM else COUNTRIES[country].shipping_cost
        order = (order_id, customer_id, ordered_on.isoformat(), *_draw_progress(rng, ordered_on), shipping_cost)
        connection.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", order)
        connection.executemany("INSERT INTO order_items VALUES (?, ?, ?, ?)", [(order_id, *item) for item in items])


def _first_day(joined_on: str) -> date:
    return max(_FIRST_DAY, date.fromisoformat(joined_on))


def _draw_day(rng: random.Random, joined_on: str) -> date:
    """Draws a day of an order; one in November or December is twice as likely as another."""
    first = _first_day(joined_on)
    while True:
        day = first + timedelta(days=rng.randint(0, (_LAST_DAY - first).days))
        if day.month >= 11 or rng.random() < 0.5:
            return day


def _shelves(connection: sqlite3.Connection, rng: random.Random) -> dict[tuple[int, str], _Shelf]:
    """Returns what sells in each year and country: a few bestsellers, a long tail, few books in foreign languages."""
    books = connection.execute("SELECT book_id, price, published_year, language FROM books ORDER BY book_id").fetchall()
    rng.shuffle(books)
    shelves = {}
    for year, (name, country) in product(range(_FIRST_DAY.year, _LAST_DAY.year + 1), COUNTRIES.items()):
        appeal = {"English": 1.0, country.language: 5.0}
        on_sale = [(rank, book) for rank, book in enumerate(books) if book[2] <= year]
        demand = [appeal.get(book[3], 0.03) * (rank + 5) ** -1.2 for rank, book in on_sale]
        shelves[year, name] = ([(book[0], book[1]) for _, book in on_sale], demand)
    return shelves


def _draw_items(rng: random.Random, shelf: _Shelf) -> list[tuple[int, int, float]]:
    """Draws (book_id, quantity, unit_price) of one order; one item in five is sold at a discount."""
    size = rng.choices((1, 2, 3, 4, 5), (42, 29, 16, 8, 5))[0]
    items = []
    for book_id, price in sorted(set(rng.choices(*shelf, k=size))):
        discount = rng.choices((0, 0.1, 0.2, 0.3), (80, 10, 7, 3))[0]
        items.append((book_id, rng.choices((1, 2, 3), (86, 11, 3))[0], round(price * (1 - discount), 2)))
    return items


def _draw_progress(rng: random.Random, ordered_on: date) -> tuple[str | None, str]:
    """Draws (shipped_on, status) of an order, as known on the last day."""
    shipped_on = ordered_on + timedelta(days=rng.randint(0, 4))
    if rng.random() < 0.06:
        return None, "cancelled"
    if shipped_on > _LAST_DAY:
        return None, "processing"
    if shipped_on + timedelta(days=rng.randint(3, 12)) > _LAST_DAY:
        return shipped_on.isoformat(), "shipped"
    return shipped_on.isoformat(), "returned" if rng.random() < 0.05 else "delivered"


def _add_reviews(connection: sqlite3.Connection, rng: random.Random) -> None:
    read = connection.execute(
        "SELECT book_id, customer_id, MIN(shipped_on) FROM order_items JOIN orders USING (order_id) "
        "WHERE status = 'delivered' GROUP BY book_id, customer_id ORDER BY book_id, customer_id"
    ).fetchall()
    weights = {book_id: rng.choices(_RATING_WEIGHTS, (2, 5, 4))[0] for book_id in sorted({row[0] for row in read})}
    reviews = []
    for book_id, customer_id, shipped_on in read:
        # A parcel takes 12 days at most.
        reviewed_on = date.fromisoformat(shipped_on) + timedelta(days=rng.randint(13, 90))
        rating = rng.choices((1, 2, 3, 4, 5), weights[book_id])[0]
        if reviewed_on <= _LAST_DAY and rng.random() < 0.4:
            reviews.append((reviewed_on.isoformat(), book_id, customer_id, rating, draw_comment(rng, rating)))
    connection.executemany(
        "INSERT INTO reviews (reviewed_on, book_id, customer_id, rating, comment) VALUES (?, ?, ?, ?, ?)",
        sorted(reviews),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0 built, 2 not built, with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m text_to_sql.sample_database", description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="SQLite file to write, such as bookshop.sqlite")
    parser.add_argument("--seed", type=int, default=SAMPLE_SEED, help="what the content is drawn from (%(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    options = parser.parse_args(arguments)
    try:
        path = build_sample_database(options.output, options.seed, overwrite=options.overwrite)
    except (OSError, ValueError, sqlite3.Error) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    counts = row_counts(path)
    print(f"Built {path}")
    for table, rows in [*counts.items(), ("total", sum(counts.values()))]:
        print(f"{table:<12}{rows:>7,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
