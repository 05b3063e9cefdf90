"""The training set: packs of one schema, forms that vary, mistakes that are real ones."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from text_to_sql.data.example import Example
from text_to_sql.foreign_keys import guessed_keys
from text_to_sql.prompt import FailedAttempt
from text_to_sql.schema import parse_schema
from text_to_sql.training import collection
from text_to_sql.training.collection import packs_by_database
from text_to_sql.training.mistakes import why_it_fails, with_mistake
from text_to_sql.training.recipe import Recipe
from text_to_sql.training.variation import MAX_SCHEMA_CHARACTERS, vary
from text_to_sql.values import ValueMatch

SCHEMA = parse_schema(
    "CREATE TABLE author (author_id number, name text)\n"
    "CREATE TABLE book (book_id number, title text, author_id number)"
)
DECLARED = replace(SCHEMA, foreign_keys=guessed_keys(SCHEMA.tables))
SQL = "SELECT book.title FROM book JOIN author ON book.author_id = author.author_id WHERE author.name = 'Ann'"
EXAMPLE = Example(
    "shop", SCHEMA, "Which titles did Ann write?", SQL, "join", "test", (ValueMatch("author", "name", "Ann"),)
)


def test_packs_are_of_one_database_and_no_larger_than_asked() -> None:
    examples = [replace(EXAMPLE, database=name, question=str(n)) for n, name in enumerate("aaaaabb")]
    packs = packs_by_database(examples, 3, random.Random(0))
    assert sorted((pack[0].database, len(pack)) for pack in packs) == [("a", 2), ("a", 3), ("b", 2)]
    assert sorted(example.question for pack in packs for example in pack) == list("0123456")


def test_a_schema_is_shown_with_its_keys_with_guessed_ones_and_with_none() -> None:
    own = replace(SCHEMA, foreign_keys=SCHEMA.foreign_keys * 2)
    rng = random.Random(0)
    shown = Counter(vary([replace(EXAMPLE, schema=own)], rng)[0].schema.foreign_keys for _ in range(400))
    assert set(shown) == {own.foreign_keys, guessed_keys(SCHEMA.tables), ()}
    assert shown[own.foreign_keys] > shown[guessed_keys(SCHEMA.tables)] > shown[()]


def test_all_of_a_pack_see_the_same_schema_in_changing_order() -> None:
    rng = random.Random(0)
    orders = set()
    for _ in range(50):
        pack = vary([EXAMPLE, replace(EXAMPLE, question="How many?")], rng)
        assert pack[0].schema == pack[1].schema
        orders.add(tuple(table.name for table in pack[0].schema.tables))
    assert orders == {("author", "book"), ("book", "author")}


def test_cells_are_hidden_now_and_then_and_misleading_ones_are_words_of_the_question() -> None:
    rng = random.Random(0)
    seen = Counter(vary([EXAMPLE], rng)[0].values for _ in range(500))
    assert seen[EXAMPLE.values] > 250
    assert seen[()] > 20
    misleading = {match for values in seen for match in values} - set(EXAMPLE.values)
    assert {match.value for match in misleading} == {"Which", "titles", "did", "Ann", "write"}
    assert {(match.table, match.column) for match in misleading} == {("author", "name"), ("book", "title")}
    assert all(len(values) == len(set(values)) for values in seen)


def test_the_cell_that_is_meant_may_stand_before_or_behind_the_same_one_elsewhere() -> None:
    rng = random.Random(0)
    meant, elsewhere = EXAMPLE.values[0], ValueMatch("book", "title", "Ann")
    seen = Counter(vary([EXAMPLE], rng)[0].values for _ in range(500))
    assert seen[meant, elsewhere] > 10
    assert seen[elsewhere, meant] > 10


def test_columns_change_their_order_now_and_then_and_stay_the_same_ones() -> None:
    rng = random.Random(0)
    orders = Counter(
        next(table.column_names for table in vary([EXAMPLE], rng)[0].schema.tables if table.name == "book")
        for _ in range(300)
    )
    assert {frozenset(order) for order in orders} == {frozenset({"book_id", "title", "author_id"})}
    assert len(orders) == 6
    assert orders["book_id", "title", "author_id"] > 200


def test_tables_that_nobody_asks_for_are_left_out_now_and_then_with_their_keys() -> None:
    rng = random.Random(0)
    schema = parse_schema(
        "CREATE TABLE author (author_id number, name text)\n"
        "CREATE TABLE book (book_id number, title text, author_id number)\n"
        "CREATE TABLE loan (book_id number, day time)"
    )
    shown = [vary([replace(EXAMPLE, schema=schema)], rng)[0].schema for _ in range(300)]
    without = [one for one in shown if "loan" not in one.table_names]
    assert 10 < len(without) < 60
    assert all({"author", "book"} <= one.table_names for one in shown)
    assert {key.table for one in without for key in one.foreign_keys} == {"book"}


def test_a_wide_schema_is_pruned_to_the_limit_and_keeps_the_tables_of_its_answers() -> None:
    wide = "\n".join(f"CREATE TABLE extra_{n} (some_long_column_{n} text, another_one_{n} text)" for n in range(90))
    schema = parse_schema(f"{wide}\nCREATE TABLE author (author_id number, name text)\nCREATE TABLE book (title text)")
    [varied] = vary([replace(EXAMPLE, schema=schema)], random.Random(1))
    assert len(varied.schema.render()) <= MAX_SCHEMA_CHARACTERS
    assert {"author", "book"} <= varied.schema.table_names


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT book.title FROM book", None),
        ("SELECT book.name FROM book", "SQLite cannot run this: no such column: book.name."),
        ("SELECT a.x FROM books AS a", "Refused (table): there is no table books AS a here; there are author, book."),
    ],
)
def test_a_wrong_query_gets_the_error_that_inference_would_give(sql: str, error: str | None) -> None:
    assert why_it_fails(sql, SCHEMA) == error


def test_mistakes_are_real_ones_and_the_answer_stays_right() -> None:
    rng = random.Random(0)
    spoilt = [with_mistake(EXAMPLE, rng) for _ in range(60)]
    assert sum(bool(example.failed) for example in spoilt) > 28
    for example in spoilt:
        assert example.sql == SQL
        for attempt in example.failed:
            assert isinstance(attempt, FailedAttempt)
            assert why_it_fails(attempt.sql, SCHEMA) == attempt.error


def test_what_the_reference_set_asks_is_not_trained_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = replace(EXAMPLE, question="How many books are in the catalogue")
    monkeypatch.setattr(collection, "load_spider", lambda *_, **__: [])
    monkeypatch.setattr(collection, "split_spider", lambda _: ([], []))
    monkeypatch.setattr(collection, "generate", lambda *_: [[asked], [asked, EXAMPLE]])
    monkeypatch.setattr(collection, "vary", lambda pack, _: pack)
    recipe = Recipe(wikisql_examples=0, bookshop_examples=0, template_examples=0, spider_passes=0)
    packs, _ = collection.collect_packs(tmp_path, recipe)
    assert [[one.question for one in pack] for pack in packs] == [[EXAMPLE.question]]


def test_golds_join_as_the_prompt_shows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    example = replace(EXAMPLE, question="Which author wrote which book?", values=())
    monkeypatch.setattr(collection, "load_spider", lambda *_, **__: [])
    monkeypatch.setattr(collection, "split_spider", lambda _: ([], []))
    monkeypatch.setattr(collection, "generate", lambda *_: [[example]])
    monkeypatch.setattr(collection, "vary", lambda pack, _: [replace(one, schema=DECLARED) for one in pack])
    recipe = Recipe(wikisql_examples=0, bookshop_examples=0, template_examples=0, spider_passes=0)
    ((shown,),) = collection.collect_packs(tmp_path, recipe)[0]
    assert " FROM author JOIN book ON author.author_id = book.author_id WHERE " in shown.sql
