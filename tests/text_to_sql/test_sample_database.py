"""The bookshop: reproducible, whole or absent, and with content that makes sense."""

import hashlib
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from text_to_sql import sample_content, sample_database
from text_to_sql.errors import DatabaseFileError
from text_to_sql.sample_database import SAMPLE_SEED, build_sample_database, row_counts

OTHER_SEED = 7
# Gold answers in the course depend on the content, so a change must be seen: raise CONTENT_VERSION, then this.
CONTENT_DIGEST = {1: "fecce031fc8396ab22a8c033a91cfc87ad879d5681496b78d55cd3d27584a30e"}

TABLES = ["publishers", "authors", "books", "customers", "orders", "order_items", "reviews"]

# Each query finds rows that must not exist.
IMPOSSIBLE = {
    "ordered before joining": "SELECT * FROM orders JOIN customers USING (customer_id) WHERE ordered_on < joined_on",
    "ordered outside 2023 to 2025": "SELECT * FROM orders WHERE ordered_on NOT BETWEEN '2023-01-01' AND '2025-12-31'",
    "shipped before it was ordered": "SELECT * FROM orders WHERE shipped_on < ordered_on OR shipped_on > '2025-12-31'",
    "status and shipping disagree": """SELECT * FROM orders
        WHERE (shipped_on IS NULL) <> (status IN ('cancelled', 'processing'))""",
    "order without items": "SELECT * FROM orders WHERE order_id NOT IN (SELECT order_id FROM order_items)",
    "order ids not in the order of dates": """SELECT * FROM orders AS a JOIN orders AS b
        ON b.order_id = a.order_id + 1 WHERE b.ordered_on < a.ordered_on""",
    "sold before it was published": """SELECT * FROM order_items JOIN orders USING (order_id) JOIN books USING (book_id)
        WHERE CAST(SUBSTR(ordered_on, 1, 4) AS INTEGER) < published_year""",
    "review without an earlier delivered order": """SELECT * FROM reviews WHERE NOT EXISTS (
        SELECT * FROM orders JOIN order_items USING (order_id)
        WHERE status = 'delivered' AND shipped_on < reviewed_on
        AND orders.customer_id = reviews.customer_id AND order_items.book_id = reviews.book_id)""",
    "review from the future": "SELECT * FROM reviews WHERE reviewed_on > '2025-12-31'",
    "rating that is no number of stars": "SELECT * FROM reviews WHERE rating NOT IN (1, 2, 3, 4, 5)",
    "price out of range": "SELECT * FROM books WHERE price NOT BETWEEN 4 AND 60",
    "price with fractions of a cent": "SELECT * FROM books WHERE price <> ROUND(price, 2)",
    "paid more than the price, or next to nothing": """SELECT * FROM order_items JOIN books USING (book_id)
        WHERE unit_price > price OR unit_price < 0.69 * price OR unit_price <> ROUND(unit_price, 2)""",
    "published by a child": """SELECT * FROM books JOIN authors USING (author_id)
        WHERE published_year < birth_year + 25""",
    "published before the publisher existed": """SELECT * FROM books JOIN publishers USING (publisher_id)
        WHERE published_year < founded_year OR published_year > 2025""",
    "author without a book": "SELECT * FROM authors WHERE author_id NOT IN (SELECT author_id FROM books)",
    "city in two countries": "SELECT city FROM customers GROUP BY city HAVING COUNT(DISTINCT country) > 1",
    "customer with the name of another person": """SELECT name FROM (
        SELECT name FROM customers UNION ALL SELECT name FROM authors) GROUP BY name HAVING COUNT(*) > 1""",
}


@pytest.fixture(scope="module", params=[SAMPLE_SEED, OTHER_SEED])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_sample_database(tmp_path_factory.mktemp("sample") / "bookshop.sqlite", request.param)


@pytest.fixture
def connection(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(database)) as connection:
        yield connection


def rows(connection: sqlite3.Connection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql).fetchall()


def dump(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump())


def shares(connection: sqlite3.Connection, table: str, column: str) -> dict[Any, float]:
    counts = dict(rows(connection, f"SELECT {column}, COUNT(*) FROM {table} GROUP BY {column}"))
    return {value: count / sum(counts.values()) for value, count in counts.items()}


def test_the_same_seed_gives_the_same_content(database: Path, tmp_path: Path) -> None:
    first, second = build_sample_database(tmp_path / "a.sqlite", 3), build_sample_database(tmp_path / "b.sqlite", 3)
    assert dump(first) == dump(second)
    assert dump(first) != dump(database)


def test_building_leaves_the_global_random_state_alone(tmp_path: Path) -> None:
    before = random.getstate()
    build_sample_database(tmp_path / "bookshop.sqlite")
    assert random.getstate() == before


def test_the_default_content_belongs_to_its_version(tmp_path: Path) -> None:
    path = build_sample_database(tmp_path / "bookshop.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        content = [(table, rows(connection, f"SELECT * FROM {table} ORDER BY 1, 2")) for table in TABLES]
    digest = hashlib.sha256(repr(content).encode()).hexdigest()
    assert {sample_content.CONTENT_VERSION: digest} == CONTENT_DIGEST, "the content changed: raise CONTENT_VERSION"


def test_sqlite_finds_nothing_wrong(connection: sqlite3.Connection) -> None:
    assert rows(connection, "PRAGMA integrity_check") == [("ok",)]
    assert rows(connection, "PRAGMA foreign_key_check") == []


def test_tables_are_few_narrow_and_related(connection: sqlite3.Connection) -> None:
    assert list(row_counts(Path(rows(connection, "PRAGMA database_list")[0][2]))) == TABLES
    related = set()
    for table in TABLES:
        columns = [name for _, name, *_ in rows(connection, f"PRAGMA table_info({table})")]
        assert 4 <= len(columns) <= 9
        assert all(name.isidentifier() and name == name.lower() for name in columns)
        targets = {target for _, _, target, *_ in rows(connection, f"PRAGMA foreign_key_list({table})")}
        related |= {table, *targets} if targets else set()
    assert related == set(TABLES)


def test_row_counts_are_in_range(database: Path) -> None:
    counts = row_counts(database)
    assert 3_000 <= sum(counts.values()) <= 6_000
    assert min(counts.values()) >= 20
    assert counts["order_items"] > counts["orders"] > counts["customers"] > counts["books"] > counts["authors"]


@pytest.mark.parametrize("impossible", IMPOSSIBLE)
def test_nothing_impossible_happens(connection: sqlite3.Connection, impossible: str) -> None:
    assert rows(connection, IMPOSSIBLE[impossible]) == []


def test_text_is_ascii_and_trimmed(connection: sqlite3.Connection) -> None:
    for table in TABLES:
        for row in rows(connection, f"SELECT * FROM {table}"):
            for text in (value for value in row if isinstance(value, str)):
                assert text.isascii(), (table, row)
                assert text.isprintable(), (table, row)
                assert text == " ".join(text.split()) != "", (table, row)


def test_titles_differ(connection: sqlite3.Connection) -> None:
    titles = [title.lower() for (title,) in rows(connection, "SELECT title FROM books")]
    assert len(titles) == len(set(titles)) >= 200


def test_only_meaningful_columns_have_null(connection: sqlite3.Connection) -> None:
    with_null = {
        (table, name)
        for table in TABLES
        for _, name, *_ in rows(connection, f"PRAGMA table_info({table})")
        if rows(connection, f"SELECT 1 FROM {table} WHERE {name} IS NULL LIMIT 1")
    }
    assert with_null == {("orders", "shipped_on"), ("reviews", "comment")}


def test_dates_are_iso_text_in_date_columns(connection: sqlite3.Connection) -> None:
    found = 0
    for table in TABLES:
        for _, name, kind, *_ in rows(connection, f"PRAGMA table_info({table})"):
            if kind == "DATE":
                found += 1
                assert rows(connection, f"SELECT {name} FROM {table} WHERE {name} <> DATE({name})") == []
    assert found == 4


def test_cities_belong_to_their_country(connection: sqlite3.Connection) -> None:
    for city, country in rows(connection, "SELECT DISTINCT city, country FROM customers"):
        assert city in sample_content.COUNTRIES[country].cities.split("; ")
    assert {country for (country,) in rows(connection, "SELECT country FROM customers")} == {*sample_content.COUNTRIES}


def test_shares_are_realistic(connection: sqlite3.Connection) -> None:
    status = shares(connection, "orders", "status")
    assert 0.8 < status["delivered"] < 0.95
    assert set(status) >= {"delivered", "shipped", "cancelled", "returned"}
    assert all(0.002 < status[name] < 0.1 for name in ("shipped", "cancelled", "returned"))
    rating = shares(connection, "reviews", "rating")
    assert rating[4] + rating[5] > 0.6
    assert all(rating[stars] > 0.01 for stars in range(1, 6))
    discounted = "order_items JOIN books USING (book_id)"
    assert 0.7 < shares(connection, discounted, "unit_price = price")[1] < 0.9


def test_few_books_are_bestsellers(connection: sqlite3.Connection) -> None:
    sold = [count for (count,) in rows(connection, "SELECT SUM(quantity) FROM order_items GROUP BY book_id ORDER BY 1")]
    assert sum(sold[-len(sold) // 10 :]) > 0.4 * sum(sold)
    assert sold[len(sold) // 2] <= 10
    assert rows(connection, "SELECT * FROM books WHERE book_id NOT IN (SELECT book_id FROM order_items)")


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "bookshop.sqlite"
    path.write_text("precious")
    with pytest.raises(FileExistsError) as error:
        build_sample_database(path)
    assert str(error.value) == f"{path} exists already: choose another path, or pass overwrite=True (--overwrite)."
    assert path.read_text() == "precious"
    assert build_sample_database(path, overwrite=True) == path
    assert row_counts(path)["publishers"] > 0


def test_bad_arguments_are_explained(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=r"is a folder: name a file, such as .*bookshop\.sqlite"):
        build_sample_database(tmp_path, overwrite=True)
    with pytest.raises(ValueError, match=r"^seed must be at least 0, got -1$"):
        build_sample_database(tmp_path / "bookshop.sqlite", -1)
    assert list(tmp_path.iterdir()) == []


def test_missing_folders_are_created_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = build_sample_database(str(tmp_path / "new" / "bookshop.sqlite"))
    assert path == tmp_path / "new" / "bookshop.sqlite"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("existing", [None, "the file before"])
def test_a_failure_in_the_middle_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: str | None
) -> None:
    path = tmp_path / "bookshop.sqlite"
    if existing:
        path.write_text(existing)

    def fail(*_: object) -> None:
        raise RuntimeError("out of ideas")

    monkeypatch.setattr(sample_database, "_add_reviews", fail)
    with pytest.raises(RuntimeError, match="out of ideas"):
        build_sample_database(path, overwrite=True)
    assert list(tmp_path.iterdir()) == ([path] if existing else [])
    assert not existing or path.read_text() == existing


def test_the_cached_database_is_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = sample_database.sample_database_path()
    assert path.is_relative_to(tmp_path)
    assert path.name == f"bookshop-{SAMPLE_SEED}-{sample_content.CONTENT_VERSION}.sqlite"
    built = path.stat()
    assert sample_database.sample_database_path() == path
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (built.st_mtime_ns, built.st_ino)
    assert dump(path) == dump(build_sample_database(tmp_path / "direct.sqlite"))


def test_a_cache_folder_that_cannot_be_written_is_explained(
    ordinary_user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = ordinary_user / "cache"
    cache.mkdir(mode=0o500)
    monkeypatch.setattr(sample_database, "cache_folder", lambda: cache)
    message = (
        rf"The sample database cannot be kept in the cache folder: \[Errno 13\] Permission denied: '{cache}/.*'\. "
        r"Set XDG_CACHE_HOME to a folder that you may write to, or ask about a database of your own \(--database FILE\)"
    )
    with pytest.raises(DatabaseFileError, match=message):
        sample_database.sample_database_path()


def test_command_line_builds_and_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bookshop.sqlite"
    assert sample_database.main(["--output", str(path), "--seed", str(OTHER_SEED)]) == 0
    title, *table = capsys.readouterr().out.splitlines()
    assert title == f"Built {path}"
    counts = row_counts(path)
    assert [line.split() for line in table] == [
        [name, f"{count:,}"] for name, count in [*counts.items(), ("total", sum(counts.values()))]
    ]
    assert dump(path) == dump(build_sample_database(tmp_path / "again.sqlite", OTHER_SEED))


def test_command_line_refuses_to_overwrite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bookshop.sqlite"
    path.touch()
    assert sample_database.main(["--output", str(path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"error: {path} exists already: choose another path, or pass overwrite=True (--overwrite).\n"
    assert sample_database.main(["--output", str(path), "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: --output"),
        (["--output", "x.sqlite", "--seed", "many"], "argument --seed: invalid int value: 'many'"),
        (["--output", "x.sqlite", "--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_command_line_explains_bad_usage(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        sample_database.main(arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_command_line_refuses_what_it_cannot_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.touch()
    for arguments in (
        ["--output", str(tmp_path)],
        ["--output", str(file / "b.sqlite")],
        ["--output", "b", "--seed", "-1"],
    ):
        assert sample_database.main(arguments) == 2
        assert capsys.readouterr().err.startswith("error: ")


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        sample_database.main(["--help"])
    assert exit_.value.code == 0
    printed = capsys.readouterr().out
    assert all(option in printed for option in ("--output", "--seed", "--overwrite", str(SAMPLE_SEED)))
