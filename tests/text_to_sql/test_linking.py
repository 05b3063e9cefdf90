"""Tables and columns that a question names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text_to_sql.linking import MOST_COLUMNS, MOST_TABLES, linked_columns, linked_tables
from text_to_sql.schema import parse_schema
from text_to_sql.values import ValueMatch

SCHEMA = parse_schema(
    """CREATE TABLE singer (id number, name text, birth_date time, OpeningYear number, no text)
CREATE TABLE customers (customer_id number, customer_name text, name text, "net worth" number)
CREATE TABLE stadium (id number, name text, capacity number)
CREATE TABLE shows (id number, name text, capacity number, total number)"""
)


def found(question: str) -> list[str]:
    return [f"{table}.{column}" for table, column in linked_columns(SCHEMA, question)]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is the birth date of X?", ["singer.birth_date"]),
        ("Dates of birth", ["singer.birth_date"]),
        ("Which opened in the years", ["singer.OpeningYear"]),
        ("In which opening years?", ["singer.OpeningYear"]),
        ("Show the net worth", ["customers.net worth"]),
        # The table's name may stand in the column's, or beside it.
        ("the names of all singers", ["singer.name"]),
        ("List the ids of the customers", ["customers.customer_id"]),
        # Two tables have the column: the one that is named, else both.
        ("the capacity of each stadium", ["stadium.capacity"]),
        ("Which capacity is largest?", ["stadium.capacity", "shows.capacity"]),
        # More tables than a few have it, and none is named.
        ("Which name is longest?", []),
        # Words that stand in questions without being meant.
        ("no, the total of it", []),
        ("", []),
    ],
)
def test_columns_are_found_by_their_words(question: str, expected: list[str]) -> None:
    assert found(question) == expected


def test_of_overlapping_phrases_the_longest_counts() -> None:
    assert found("the customer name") == ["customers.customer_name", "customers.name"]
    assert found("the birth date, then the name, of the singer") == ["singer.birth_date", "singer.name"]


def test_the_number_of_columns_is_limited() -> None:
    wide = parse_schema("CREATE TABLE t (" + ", ".join(f"color{'abcdefghijkl'[i]} text" for i in range(12)) + ")")
    question = " ".join(column for column in wide.tables[0].column_names)
    assert len(linked_columns(wide, question)) == MOST_COLUMNS


@given(st.text())
def test_any_question_names_only_columns_of_the_schema(question: str) -> None:
    columns = {(table.name, column) for table in SCHEMA.tables for column in table.column_names}
    assert columns.issuperset(linked_columns(SCHEMA, question))


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Which customers saw a singer?", ["customers", "singer"]),
        ("How many colors are there?", ["Ref_Colors"]),
        ("papers by the authors", ["papers", "authors", "paper_authors"]),
        ("Which document types?", ["document_types"]),
        ("authors of books", ["authors", "books"]),
        ("Which paper is it?", ["papers"]),
        ("", []),
    ],
)
def test_tables_are_found_by_all_of_their_words(question: str, expected: list[str]) -> None:
    names = ["singer", "customers", "Ref_Colors", "paper_authors", "papers", "authors", "books", "of"]
    names += ["documents", "document_types"]
    schema = parse_schema("\n".join(f'CREATE TABLE "{name}" (id number)' for name in names))
    assert list(linked_tables(schema, question)) == expected


SHOP = parse_schema(
    """CREATE TABLE products (product_id number, product_name text)
CREATE TABLE features (feature_id number, feature_name text, shade text)
CREATE TABLE shops (shop_id number, city text)"""
)


@pytest.mark.parametrize(
    ("question", "cells", "expected"),
    [
        # A column that no other table has, and a cell of one table.
        ("products by shade", [], ["products", "features"]),
        ("products that are red", [("features", "red")], ["products", "features"]),
        # A cell of two tables tells nothing, nor does one of a table that is not shown.
        ("products that are red", [("features", "red"), ("shops", "Red")], ["products"]),
        ("products that are red", [("colors", "red")], ["products"]),
        ("What is red?", [], []),
    ],
)
def test_cells_and_columns_tell_tables_too(question: str, cells: list[tuple[str, str]], expected: list[str]) -> None:
    matches = [ValueMatch(table, "color", cell) for table, cell in cells]
    assert list(linked_tables(SHOP, question, matches)) == expected


def test_the_number_of_tables_is_limited() -> None:
    names = ["red", "green", "blue", "white", "black"]
    schema = parse_schema("\n".join(f"CREATE TABLE {name} (id number)" for name in names))
    assert len(linked_tables(schema, " ".join(names))) == MOST_TABLES


def test_a_name_shortened_by_its_table_needs_the_table() -> None:
    schema = parse_schema("CREATE TABLE region (region_id number)\nCREATE TABLE wine (label text)")
    assert linked_columns(schema, "the ids of regions with wine") == (("region", "region_id"),)
    assert linked_columns(schema, "the id of the wine") == ()


def test_names_without_english_words_are_no_hint() -> None:
    schema = parse_schema(
        'CREATE TABLE singer (id number, "이름" text, "나이" number)\nCREATE TABLE "가수" (name text)\n'
        'CREATE TABLE "the" (name text)'
    )
    assert linked_columns(schema, "How many singers?") == ()
    assert linked_tables(schema, "How many singers?") == ("singer",)
    assert linked_columns(schema, "Which name is longest?") == (("가수", "name"), ("the", "name"))
    assert linked_tables(schema, "가수 이름?") == ("가수", "singer")


def test_a_table_is_spelt_as_in_the_schema() -> None:
    schema = parse_schema('CREATE TABLE "Ärzte" (name text)\nCREATE TABLE Fields (name text)')
    values = [ValueMatch("Ärzte", "name", "Ann"), ValueMatch("fields", "name", "surgery")]
    assert linked_tables(schema, "Is Ann in surgery?", values) == ("Ärzte", "Fields")
