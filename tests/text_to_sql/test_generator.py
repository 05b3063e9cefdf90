"""Generated questions: SQL that runs, words that fit, the same from the same seed."""

import random
import re
import sqlite3
from collections import Counter
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from text_to_sql import ReadOnlyDatabase, sample_database_path
from text_to_sql.data.canonical import canonical_sql
from text_to_sql.data.example import Example
from text_to_sql.data.kind import kind_of
from text_to_sql.generator.conditions import FILTERED_ROLES, condition_on
from text_to_sql.generator.database import draw_database
from text_to_sql.generator.domain import Domain, DomainColumn, load_domain, load_domains
from text_to_sql.generator.generate import fixed_domains, generate, split_domains
from text_to_sql.generator.naming import draw_naming
from text_to_sql.generator.wording import Wording, in_plural
from text_to_sql.schema import Schema, quoted

DOMAINS = load_domains()


@cache
def many_groups() -> list[list[Example]]:
    return generate(2_500, DOMAINS, 5)


def many_examples() -> list[Example]:
    return [example for group in many_groups() for example in group]


def create(connection: sqlite3.Connection, schema: Schema) -> None:
    for table in schema.tables:
        columns = ", ".join(f"{quoted(column.name)} {column.type}" for column in table.columns)
        connection.execute(f"CREATE TABLE {quoted(table.name)} ({columns})")


@given(seed=st.integers(0, 100_000))
@settings(max_examples=30, deadline=None)
def test_every_answer_runs_on_its_schema_in_canonical_spelling(seed: int) -> None:
    [examples] = generate(1, DOMAINS, seed)
    with closing(sqlite3.connect(":memory:")) as connection:
        create(connection, examples[0].schema)
        for example in examples:
            connection.execute(example.sql)
            assert canonical_sql(example.sql, example.schema) == example.sql
            assert example.kind == kind_of(example.sql)
            assert example.question[0].isupper()
            assert "  " not in example.question
            assert "{" not in example.question


def test_the_same_seed_gives_the_same_questions_and_another_one_others() -> None:
    assert generate(40, DOMAINS, 1) == generate(40, DOMAINS, 1)
    assert generate(40, DOMAINS, 1) != generate(40, DOMAINS, 2)


def test_all_kinds_and_clauses_occur_and_questions_do_not_repeat() -> None:
    groups, examples = many_groups(), many_examples()
    kinds = Counter(example.kind for example in examples)
    assert min(kinds["simple"], kinds["join"], kinds["nested/setop"]) > 150
    texts = " ".join(example.sql for example in examples)
    for clause in ("DISTINCT", "GROUP BY", "HAVING", "ORDER BY", "LIMIT", "BETWEEN", "LIKE", "INTERSECT", "EXCEPT"):
        assert clause in texts
    assert " UNION " in texts
    assert len({example.question for example in examples}) > 0.97 * len(examples)
    for group in groups:
        assert len({example.sql for example in group}) == len(group)


def test_people_have_one_name_or_two_and_are_asked_for_by_both() -> None:
    examples = many_examples()
    by_both = [
        one for one in examples if re.search(r"irst_?name = '\w+' AND \S+last_?name = '", one.sql, re.IGNORECASE)
    ]
    assert len(by_both) > 3
    for example in by_both:
        first, last = re.findall(r"(?:irst|ast)_?name = '(\w+)'", example.sql, re.IGNORECASE)[:2]
        assert first.lower() in example.question.lower()
        assert last.lower() in example.question.lower()
    columns = [column.name for one in examples for table in one.schema.tables for column in table.columns]
    assert {"name", "firstname", "lastname"} <= {name.lower().replace("_", "") for name in columns}


def test_keys_are_ids_or_codes_and_a_reference_is_of_the_kind_of_its_key() -> None:
    schemas = [group[0].schema for group in many_groups()]
    types = {"id": set(), "code": set()}
    for schema in schemas:
        columns = {(table.name, column.name): column.type for table in schema.tables for column in table.columns}
        for key in schema.foreign_keys:
            child, parent = columns[key.table, key.column], columns[key.parent_table, key.parent_column]
            assert child == parent
            types["code" if key.parent_column.lower().endswith("code") else "id"].add(parent)
    assert types == {"id": {"number"}, "code": {"text"}}


def test_keys_have_bare_names_in_some_databases_and_references_never() -> None:
    keys = {key for group in many_groups() for key in group[0].schema.foreign_keys}
    bare = {key.parent_column for key in keys if "_" not in key.parent_column} & {"id", "ID", "Id", "code", "Code"}
    assert {"id", "ID", "Id"} <= bare
    assert {key.column for key in keys}.isdisjoint(bare)


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)
def test_no_column_takes_the_name_of_a_key(domain: Domain) -> None:
    rng = random.Random(0)
    for _ in range(200):
        assert all(reference.parent.key for reference in draw_database(domain, rng).references)


def test_whole_rows_and_groups_of_references_need_no_join() -> None:
    examples = many_examples()
    whole = [one for one in examples if one.sql.startswith("SELECT *")]
    assert len(whole) > 10
    assert all(" about " in one.question or " all " in one.question for one in whole)
    keys = {f"{key.table}.{key.column}" for one in examples for key in one.schema.foreign_keys}
    grouped = [one for one in examples if re.search(r"GROUP BY (\S+)", one.sql) and "JOIN" not in one.sql]
    by_reference = [one for one in grouped if re.search(r"GROUP BY (\S+)", one.sql)[1] in keys]
    assert len(by_reference) > 20
    assert all(re.search(r"\b(ids?|codes?)\b", one.question) for one in by_reference)


def test_cells_that_a_question_names_are_those_that_its_answer_compares() -> None:
    examples = [example for group in generate(300, DOMAINS, 9) for example in group]
    for example in examples:
        for match in example.values:
            assert match.value.lower() in example.question.lower()
    named = [example for example in examples if example.values]
    assert sum(any(match.value in example.sql for match in example.values) for example in named) > 0.8 * len(named)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, DOMAINS, 1), "count must be at least 1, got 0"),
        ((1, [], 1), "domains must be one or more, got none"),
        ((1, DOMAINS, 1, 0), "questions_per_database must be at least 1, got 0"),
    ],
)
def test_bad_numbers_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate(*arguments)


def test_held_out_domains_are_never_trained_on() -> None:
    training, held_out = split_domains()
    assert {domain.name for domain in training}.isdisjoint(domain.name for domain in held_out)
    assert len(training) + len(held_out) + len(fixed_domains()) == len(DOMAINS)
    assert held_out


def test_the_bookshop_is_drawn_as_it_is() -> None:
    [bookshop] = fixed_domains()
    with ReadOnlyDatabase(sample_database_path()) as database:
        for seed in range(3):
            assert draw_database(bookshop, random.Random(seed)).schema == database.schema
        for [examples] in (generate(1, [bookshop], seed, 4) for seed in range(5)):
            for example in examples:
                database.execute(example.sql)


@given(seed=st.integers(0, 10_000))
@settings(deadline=None)
def test_a_drawn_database_is_connected_and_its_names_are_plain_and_distinct(seed: int) -> None:
    rng = random.Random(seed)
    database = draw_database(rng.choice(DOMAINS), rng)
    with closing(sqlite3.connect(":memory:")) as connection:
        create(connection, database.schema)
    names = {table.name for table in database.tables}
    reached = {database.tables[0].name}
    for _ in names:
        for reference in database.references:
            ends = {reference.child.name, reference.parent.name}
            reached |= ends if ends & reached else set()
    assert reached == names


def test_databases_are_named_in_many_ways() -> None:
    namings = [draw_naming(random.Random(seed)) for seed in range(200)]
    columns = {naming.column("birth_date", "horse") for naming in namings}
    assert {"birth_date", "Birth_Date", "BirthDate", "birthDate", "birthdate", "horse_birth_date"} <= columns
    assert {"horse", "Horses", "horses"} <= {naming.table("horse", "horses") for naming in namings}


@pytest.mark.parametrize("role", FILTERED_ROLES)
def test_conditions_hold_for_cells_of_their_column(role: str) -> None:
    """A condition of each role finds a row among rows of all the values that its column can have."""
    database = next(
        drawn
        for seed in range(500)
        if (drawn := draw_database(DOMAINS[seed % len(DOMAINS)], random.Random(seed))).tables[0].with_role(role)
    )
    table = database.tables[0]
    column = table.with_role(role)[0]
    with closing(sqlite3.connect(":memory:")) as connection:
        create(connection, database.schema)
        cells = column.words.values or _cells_between(column.words)
        connection.executemany(
            f"INSERT INTO {table.source} ({quoted(column.name)}) VALUES (?)", [(cell,) for cell in cells]
        )
        counts = []
        for seed in range(60):
            condition = condition_on(table, column, Wording(random.Random(seed)))
            [(count,)] = connection.execute(f"SELECT COUNT(*) FROM {table.source} WHERE {condition.sql}").fetchall()
            counts.append(count)
    assert sum(count > 0 for count in counts) > 20
    assert any(count < len(cells) for count in counts)


def _cells_between(words: DomainColumn) -> list[Any]:
    low, high = words.range
    if isinstance(low, str):
        return [f"{year}-06-15" for year in range(int(low[:4]), int(high[:4]) + 1)]
    steps = [low + (high - low) * step / 400 for step in range(401)]
    return steps if isinstance(low, float) else sorted(set(map(round, steps)))


def test_phrases_in_plural() -> None:
    assert [in_plural(phrase) for phrase in ("name", "date of birth", "country")] == [
        "names",
        "dates of birth",
        "countries",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tables.a]\n", "bad.toml: 'nouns'"),
        ('[tables.a]\nnouns = [["a", "as"]]\ncolumns.x = {role = "colour"}', "x: role must be one of key, name, "),
        ('[tables.a]\nnouns = [["a", "as"]]\ncolumns.x = {role = "name"}', "x: a column of role name needs phrases"),
        (
            '[tables.a]\nnouns = [["a", "as"]]\ncolumns.x = {role = "name", phrases = ["x"]}',
            "x: a column of role name needs two values or more",
        ),
        (
            '[tables.a]\nnouns = [["a", "as"]]\ncolumns.x = {role = "year", phrases = ["x"], range = [5, 4]}',
            r"x: a column of role year needs a range \[least, greatest\]",
        ),
        (
            '[tables.a]\nnouns = [["a", "as"]]\ncolumns.x = {role = "reference", to = "b", parent = "p", child = "c"}',
            "bad: a.x refers to b, which has no key",
        ),
        ('[tables.a]\nnouns = [["a", "as"]]\ncolumns.x = {role = "key", colour = 1}', "x: unknown colour"),
        ('[tables.a]\nnouns = [["a", "as"]]\ncolumns.x = {role = "reference"}', "x: a reference needs to, parent and"),
    ],
)
def test_a_bad_domain_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_domain(path)
