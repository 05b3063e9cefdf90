"""Databases filled so that gold queries return rows."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text_to_sql.errors import DatabaseFileError
from text_to_sql.schema import parse_schema
from text_to_sql.scoring.conditions import Condition, candidates, holds, negated, neighbours, read_condition
from text_to_sql.scoring.gold_text import standard_strings
from text_to_sql.scoring.query_shape import qualified_tree, read_shape
from text_to_sql.scoring.synthetic_rows import build_case_database
from text_to_sql.scoring.variants import make_variants
from text_to_sql.scoring.witnesses import WitnessMaker

DDL = """CREATE TABLE city (city_id number, name text, country text, people number, founded time)
CREATE TABLE trip (trip_id number, city_id number, "Start Day" text, price number, guide text)"""
GOLDS = [
    "SELECT name FROM city WHERE country = 'Peru' AND people > 31999 AND name LIKE '%ville%'",
    "SELECT a.name FROM city AS a JOIN trip AS b ON a.city_id = b.city_id WHERE b.guide = 'Ann' AND b.price = 77",
    "SELECT a.name FROM city AS a JOIN trip AS b ON a.city_id = b.city_id GROUP BY a.city_id HAVING COUNT(*) > 20",
    "SELECT name FROM city WHERE NOT city_id IN (SELECT city_id FROM trip)",
    "SELECT country FROM city WHERE people > 900000 INTERSECT SELECT country FROM city WHERE people < 5",
    "SELECT country FROM city WHERE founded > '1990-05-05' EXCEPT SELECT country FROM city WHERE people = 77",
    "SELECT guide FROM trip WHERE price BETWEEN 12.5 AND 13.5 OR guide IN ('Bo', 'Cy')",
    "SELECT guide, AVG(price) FROM trip GROUP BY guide HAVING AVG(price) > 12345",
    'SELECT price FROM trip WHERE "Start Day" = "2020-02-29"',
    "SELECT name FROM city AS c WHERE EXISTS(SELECT 1 FROM trip AS t WHERE t.city_id = c.city_id AND t.price = 4242)",
    "WITH big AS (SELECT city_id FROM city WHERE people > 8000000) SELECT COUNT(*) FROM big AS b JOIN trip AS t "
    "ON b.city_id = t.city_id WHERE t.guide = 'Dee'",
    "SELECT name FROM city WHERE people = (SELECT MAX(people) FROM city) AND country = 'Chad'",
    "SELECT COUNT(*) FROM (SELECT guide FROM trip WHERE price < 0 GROUP BY guide)",
]


def rows_of(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


@pytest.mark.parametrize("seed", range(3))
def test_every_gold_returns_rows(tmp_path: Path, seed: int) -> None:
    built = build_case_database(DDL, GOLDS, tmp_path / "a.sqlite", seed)
    assert [gold for gold, found in zip(GOLDS, built.non_empty, strict=True) if not found] == []
    assert all(rows_of(built.path, gold) for gold in GOLDS)


def test_rows_depend_on_the_seed_only(tmp_path: Path) -> None:
    paths = [build_case_database(DDL, GOLDS, tmp_path / f"{index}", seed).path for index, seed in enumerate((1, 1, 2))]
    first, again, other = (rows_of(path, "SELECT * FROM trip") for path in paths)
    assert first == again != other


def test_rows_stand_on_the_literals_and_beside_them(tmp_path: Path) -> None:
    path = build_case_database(
        DDL, ["SELECT name FROM city WHERE people > 500 AND country = 'Peru'"], tmp_path / "a", 0
    )
    people = {row[0] for row in rows_of(path.path, "SELECT people FROM city")}
    assert {499, 500, 501} <= people
    assert rows_of(path.path, "SELECT 1 FROM city WHERE people <= 500 AND country = 'Peru'")
    assert rows_of(path.path, "SELECT 1 FROM city WHERE people > 500 AND country <> 'Peru'")


def test_keys_are_unique_and_joined_columns_share_values(tmp_path: Path) -> None:
    path = build_case_database(DDL, GOLDS, tmp_path / "a", 0).path
    assert rows_of(path, "SELECT city_id FROM city GROUP BY city_id HAVING COUNT(*) > 1") == []
    [(joined,)] = rows_of(path, "SELECT COUNT(*) FROM trip JOIN city USING (city_id)")
    [(trips,)] = rows_of(path, "SELECT COUNT(*) FROM trip")
    assert joined > trips / 2
    assert rows_of(path, "SELECT city_id FROM trip WHERE city_id IS NULL") == []


def test_a_gold_that_cannot_be_met_is_reported(tmp_path: Path) -> None:
    golds = ["SELECT name FROM city WHERE people > 5 AND people < 3", "SELECT nothing FROM city", GOLDS[0]]
    assert build_case_database(DDL, golds, tmp_path / "a", 0).non_empty == (False, False, True)


def test_a_schema_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseFileError, match=r"'no schema' is no CREATE TABLE statement"):
        build_case_database("no schema", GOLDS, tmp_path / "a", 0)


@pytest.mark.parametrize(
    ("sql", "standard"),
    [
        ('SELECT name FROM city WHERE country = "Peru"', "SELECT name FROM city WHERE country = 'Peru'"),
        ('SELECT name FROM city WHERE country = "Name"', 'SELECT name FROM city WHERE country = "Name"'),
        ('SELECT "Start Day" FROM trip', 'SELECT "Start Day" FROM trip'),
        ('SELECT "guide" FROM city', "SELECT 'guide' FROM city"),
        (
            'SELECT name FROM city WHERE EXISTS(SELECT 1 FROM trip WHERE guide = "people")',
            'SELECT name FROM city WHERE EXISTS(SELECT 1 FROM trip WHERE guide = "people")',
        ),
        ('SELECT people AS "n" FROM city ORDER BY "n"', 'SELECT people AS "n" FROM city ORDER BY "n"'),
        ('SELECT c."x" FROM city AS c', 'SELECT c."x" FROM city AS c'),
        ("SELECT '\"'", "SELECT '\"'"),
        ('SELECT "', 'SELECT "'),
    ],
)
def test_names_in_double_quotes_that_name_nothing_are_texts(sql: str, standard: str) -> None:
    assert standard_strings(sql, parse_schema(DDL)) == standard


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, (4, 6)),
        (0.5, (-0.5, 1.5)),
        ("09", ("08", "10")),
        ("2020-02-29", ("2020-02-28", "2020-03-01")),
        ("0001-01-01", ("0001-01-01s", "0001-01-01")),
        ("Ann", ("Anns", "aNN")),
    ],
)
def test_neighbours_stand_next_to_a_literal(value: Any, expected: tuple[Any, ...]) -> None:
    assert neighbours(value) == expected


CONDITIONS = st.one_of(
    st.builds(
        lambda operator, value: Condition(operator, (value,)),
        st.sampled_from(["=", "<>", "<", "<=", ">", ">="]),
        st.integers(-9, 9) | st.sampled_from(["a", "B", "2020-01-01", "7"]),
    ),
    st.builds(lambda low, high: Condition("between", (low, high)), st.integers(-5, 0), st.integers(0, 5)),
    st.builds(lambda *values: Condition("in", values), st.integers(-5, 0), st.integers(1, 5)),
    st.builds(lambda pattern: Condition("like", (pattern,)), st.text("a%_B", min_size=1, max_size=4)),
)


@given(CONDITIONS, st.booleans())
def test_a_condition_holds_where_sqlite_says_so(condition: Condition, negative: bool) -> None:
    condition = negated(condition) if negative else condition
    values = ", ".join(repr(value) for value in condition.values)
    operator = condition.operator.upper()
    right = {"IN": f"({values})", "NOT IN": f"({values})"}.get(operator, values)
    if operator.endswith("BETWEEN"):
        right = " AND ".join(map(repr, condition.values))
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE t (x {'number' if isinstance(condition.values[0], int) else 'text'})")
        for candidate in candidates(condition):
            connection.execute("DELETE FROM t")
            connection.execute("INSERT INTO t VALUES (?)", (candidate,))
            [(expected,)] = connection.execute(f"SELECT x {operator} {right} FROM t")
            assert holds(condition, candidate) == bool(expected), (condition, candidate)


def test_no_text_stands_there_in_another_case_than_the_literal(tmp_path: Path) -> None:
    golds = ["SELECT people FROM city WHERE name = 'Lyon'"]
    path = build_case_database(DDL, golds, tmp_path / "a", 0).path
    [variant] = make_variants(path, golds, tmp_path, 0, 1)
    spellings = []
    for file in (path, variant):
        with closing(sqlite3.connect(file)) as connection:
            spellings.append({name for (name,) in connection.execute("SELECT name FROM city WHERE name LIKE 'lyon'")})
    assert spellings == [{"Lyon"}, {"Lyon", "lYON"}]


def test_some_candidates_meet_a_condition_and_some_miss() -> None:
    for operator in ("=", "<>", "<", "<=", ">", ">="):
        condition = Condition(operator, (3,))
        assert {holds(condition, value) for value in candidates(condition)} == {True, False}


def test_of_or_one_side_is_taken_or_both() -> None:
    tree = qualified_tree("SELECT name FROM city WHERE people = 1 OR people = 2", parse_schema(DDL))
    assert tree is not None
    assert len(read_shape(tree).conditions) == 2
    chosen = {read_shape(tree, random.Random(seed)).conditions[0][1].values for seed in range(9)}
    assert chosen == {(1,), (2,)}


def test_what_is_not_a_literal_is_no_condition() -> None:
    tree = qualified_tree("SELECT name FROM city WHERE people > city_id + 1", parse_schema(DDL))
    assert tree is not None
    assert read_condition(tree.args["where"].this) is None
    assert read_shape(tree).conditions == []


def maker(sql: str) -> WitnessMaker:
    tree = qualified_tree(sql, parse_schema(DDL))
    assert tree is not None
    shape = read_shape(tree)
    return WitnessMaker(shape, frozenset({("city", "city_id")}), lambda *column: column[1], random.Random(0))


def test_a_witness_stands_twice_but_in_a_group() -> None:
    assert [row.twice for row in maker("SELECT name FROM city WHERE people = 3").witness()] == [True]
    assert {row.twice for row in maker("SELECT name, COUNT(*) FROM city GROUP BY name").witness()} == {False}


def test_groups_just_miss_the_size_that_is_asked_for() -> None:
    grouped = maker("SELECT name FROM city GROUP BY name HAVING COUNT(*) > 4")
    assert len(grouped.witness()) == 5
    assert [len(rows) for rows in grouped.near_misses()] == [4, 6]


def test_both_sides_of_an_intersection_share_a_value() -> None:
    tree = qualified_tree("SELECT name FROM city INTERSECT SELECT guide FROM trip", parse_schema(DDL))
    assert tree is not None
    assert read_shape(tree).equal == [((1, "city", "name"), (2, "trip", "guide"))]
