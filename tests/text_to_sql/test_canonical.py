"""One spelling of gold SQL, with the result of the original."""

import random
import sqlite3
from collections import Counter
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from text_to_sql.data.canonical import canonical_sql
from text_to_sql.data.kind import kind_of
from text_to_sql.data.quotes import in_single_quotes
from text_to_sql.schema import parse_schema

DDL = (
    "CREATE TABLE Author (Author_ID number, Name text, Country text)\n"
    "CREATE TABLE Book (Book_ID number, Title text, Author_ID number, Price number)\n"
    'CREATE TABLE "Sold At" (Book_ID number, Shop text, "From" text)'
)
SCHEMA = parse_schema(DDL)
JOIN = "FROM Book JOIN Author ON Book.Author_ID = Author.Author_ID"

CASES = [
    ("SELECT title FROM book", "SELECT Book.Title FROM Book"),
    ("SELECT b.title FROM BOOK AS b ORDER BY B.PRICE", "SELECT Book.Title FROM Book ORDER BY Book.Price"),
    (
        "SELECT title FROM book ORDER BY price ASC, title DESC",
        "SELECT Book.Title FROM Book ORDER BY Book.Price, Book.Title DESC",
    ),
    ("select T1.Title from Book as T1 where T1.Price>3", "SELECT Book.Title FROM Book WHERE Book.Price > 3"),
    (
        "SELECT T2.Title, T1.Name FROM Author AS T1 JOIN Book AS T2 ON T1.Author_ID = T2.Author_ID",
        f"SELECT Book.Title, Author.Name {JOIN}",
    ),
    ("SELECT COUNT(*), Country FROM Author GROUP BY Country", None),
    (
        "SELECT COUNT(*), Author.Country FROM Author GROUP BY Author.Country",
        "SELECT Author.Country, COUNT(*) FROM Author GROUP BY Author.Country",
    ),
    (
        f"SELECT Author.Name {JOIN} GROUP BY Book.Author_ID",
        "SELECT Author.Name FROM Author JOIN Book ON Author.Author_ID = Book.Author_ID GROUP BY Author.Author_ID",
    ),
    (
        f"SELECT COUNT(*) {JOIN} WHERE Country = 'Chile'",
        f"SELECT COUNT(*) {JOIN} WHERE Author.Country = 'Chile'",
    ),
    (
        "SELECT Name FROM Author WHERE Author_ID NOT IN (SELECT Author_ID FROM Book)",
        "SELECT Author.Name FROM Author WHERE NOT Author.Author_ID IN (SELECT Book.Author_ID FROM Book)",
    ),
    (
        'SELECT T1.Title, T2."From" FROM Book T1 JOIN "Sold At" T2 ON T2.Book_ID = T1.Book_ID',
        'SELECT Book.Title, "Sold At"."From" FROM Book JOIN "Sold At" ON Book.Book_ID = "Sold At".Book_ID',
    ),
    (
        "SELECT T1.Title FROM Book AS T1 JOIN Book AS T2 ON T1.Price = T2.Price WHERE T2.Title = 'A'",
        "SELECT T1.Title FROM Book AS T1 JOIN Book AS T2 ON T1.Price = T2.Price WHERE T2.Title = 'A'",
    ),
    (
        "SELECT Title FROM Book AS T1 WHERE Price > "
        "(SELECT AVG(Price) FROM Book AS T2 WHERE T2.Author_ID = T1.Author_ID)",
        "SELECT T1.Title FROM Book AS T1 WHERE T1.Price > (SELECT AVG(T2.Price) FROM Book AS T2 "
        "WHERE T2.Author_ID = T1.Author_ID)",
    ),
]


@pytest.mark.parametrize(("sql", "expected"), [case for case in CASES if case[1]])
def test_every_query_has_one_spelling(sql: str, expected: str) -> None:
    assert canonical_sql(sql, SCHEMA) == expected


def rows(sql: str, seed: int) -> Counter[tuple[object, ...]]:
    """The bag of rows on drawn tables, whose cells repeat often so that joins and groups find some."""
    rng = random.Random(seed)
    with closing(sqlite3.connect(":memory:")) as connection:
        for line in DDL.splitlines():
            connection.execute(line)
        for _ in range(12):
            connection.execute("INSERT INTO Author VALUES (?, ?, ?)", draw(rng, 3))
            connection.execute("INSERT INTO Book VALUES (?, ?, ?, ?)", draw(rng, 4))
            connection.execute('INSERT INTO "Sold At" VALUES (?, ?, ?)', draw(rng, 3))
        # Columns may change places, so a row counts as a bag of cells.
        return Counter(tuple(sorted(map(repr, row))) for row in connection.execute(sql))


def draw(rng: random.Random, count: int) -> list[object]:
    return [rng.choice([1, 2, 3, 4, "A", "Chile"]) for _ in range(count)]


@pytest.mark.parametrize(("sql", "expected"), CASES)
def test_the_result_stays_and_a_second_time_changes_nothing(sql: str, expected: str | None) -> None:
    once = canonical_sql(sql, SCHEMA)
    assert canonical_sql(once, SCHEMA) == once
    for seed in range(30):
        assert rows(once, seed) == rows(sql, seed) or "GROUP BY" in sql


TABLES = {"Author": ("Author_ID", "Name", "Country"), "Book": ("Book_ID", "Title", "Author_ID", "Price")}


@st.composite
def joined_queries(draw: st.DrawFn) -> str:
    order = draw(st.permutations(["Author", "Book"]))
    aliases = dict(zip(order, ("T1", "T2"), strict=True))
    columns = draw(st.lists(st.sampled_from([(t, c) for t in TABLES for c in TABLES[t]]), min_size=1, max_size=3))
    shown = ", ".join(f"{aliases[table]}.{column}" for table, column in columns)
    sides = draw(st.permutations([f"{alias}.Author_ID" for alias in aliases.values()]))
    where = draw(st.sampled_from(["", " WHERE Price > 2", " WHERE Country = 'A' OR Title = 'A'"]))
    source = f"{order[0]} AS T1 JOIN {order[1]} AS T2 ON {sides[0]} = {sides[1]}"
    return f"SELECT {shown} FROM {source}{where}"


@given(sql=joined_queries(), seed=st.integers(0, 50))
@settings(max_examples=150)
def test_joins_give_the_same_rows_in_every_order(sql: str, seed: int) -> None:
    canonical = canonical_sql(sql, SCHEMA)
    assert rows(canonical, seed) == rows(sql, seed)
    assert " AS " not in canonical


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('SELECT Name FROM Author WHERE Country = "Chile"', "SELECT Name FROM Author WHERE Country = 'Chile'"),
        ('SELECT "Name" FROM Author', 'SELECT "Name" FROM Author'),
        ('SELECT T1."Name" FROM Author AS T1', 'SELECT T1."Name" FROM Author AS T1'),
        # A column of a table that the query does not read.
        ('SELECT Name FROM Author WHERE Country = "Shop"', "SELECT Name FROM Author WHERE Country = 'Shop'"),
        (
            'SELECT COUNT(*) AS "n" FROM Author GROUP BY Country ORDER BY "n"',
            'SELECT COUNT(*) AS "n" FROM Author GROUP BY Country ORDER BY "n"',
        ),
        (
            'SELECT Name FROM Author WHERE Country IN ("It\'s", "B")',
            "SELECT Name FROM Author WHERE Country IN ('It''s', 'B')",
        ),
    ],
)
def test_strings_in_double_quotes_become_strings(sql: str, expected: str) -> None:
    assert in_single_quotes(sql, SCHEMA) == expected


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT a FROM t", "simple"),
        ("SELECT a FROM t JOIN u ON t.x = u.x", "join"),
        ("SELECT a FROM t UNION SELECT a FROM u", "nested/setop"),
        ("SELECT a FROM t JOIN u ON t.x = u.x WHERE a IN (SELECT b FROM u)", "nested/setop"),
    ],
)
def test_the_kind_follows_the_tree(sql: str, kind: str) -> None:
    assert kind_of(sql) == kind
