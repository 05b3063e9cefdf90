"""Foreign keys: declared, or guessed from names."""

import sqlite3
from contextlib import closing

import pytest

from text_to_sql.foreign_keys import ForeignKey
from text_to_sql.schema import Schema, parse_schema, read_schema


def keys(schema: Schema) -> list[str]:
    return [f"{key.table}.{key.column} = {key.parent_table}.{key.parent_column}" for key in schema.foreign_keys]


def read(*statements: str) -> Schema:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in statements:
            connection.execute(statement)
        return read_schema(connection)


def test_declared_keys_are_taken_as_they_are() -> None:
    schema = read(
        "CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT)",
        "CREATE TABLE book (id INTEGER PRIMARY KEY, writer INT REFERENCES author, editor INT REFERENCES author (id))",
    )
    assert keys(schema) == ["book.writer = author.id", "book.editor = author.id"]


def test_declared_keys_to_tables_that_are_not_offered_are_left_out() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE author (id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE book (id INTEGER PRIMARY KEY, writer INT REFERENCES author)")
        assert keys(read_schema(connection, ["book"])) == []


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        (
            ("author (author_id number)", "book (book_id number, author_id number)"),
            ["book.author_id = author.author_id"],
        ),
        (("city (City_ID number)", "farm (Farm_ID number, Host_city_ID number)"), ["farm.Host_city_ID = city.City_ID"]),
        (("author (id number)", "book (id number, author_id number)"), ["book.author_id = author.id"]),
        (("authors (id number)", "book (id number, authorId number)"), ["book.authorId = authors.id"]),
        (("categories (code text)", "book (id number, category_code text)"), ["book.category_code = categories.code"]),
        (("party (Party_ID number)", "election (id number, party number)"), ["election.party = party.Party_ID"]),
        # Common names refer to nothing.
        (("author (name text)", "book (id number, name text)"), []),
        (("author (id number)", "book (id number, title text)"), []),
        # Two that refer to the same third one do not refer to each other.
        (
            ("person (person_id number)", "pupil (person_id number)", "teacher (person_id number)"),
            ["pupil.person_id = person.person_id", "teacher.person_id = person.person_id"],
        ),
    ],
)
def test_keys_are_guessed_from_names(tables: tuple[str, ...], expected: list[str]) -> None:
    assert keys(parse_schema("\n".join(f"CREATE TABLE {table}" for table in tables))) == expected


def test_nothing_is_guessed_where_a_database_declares_keys() -> None:
    schema = read(
        "CREATE TABLE author (author_id INTEGER PRIMARY KEY)",
        "CREATE TABLE book (book_id INTEGER PRIMARY KEY, author_id INT, shop INT REFERENCES shop (shop_id))",
        "CREATE TABLE shop (shop_id INTEGER PRIMARY KEY)",
    )
    assert keys(schema) == ["book.shop = shop.shop_id"]


def test_the_ends_are_the_same_from_both_sides() -> None:
    assert ForeignKey("A", "x", "B", "y").ends == ForeignKey("b", "Y", "a", "X").ends
