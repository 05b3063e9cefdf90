"""Gold queries that join as the prompt shows."""

import pytest

from text_to_sql.data.example import Example
from text_to_sql.schema import parse_schema
from text_to_sql.training.shown_joins import join_as_shown

SCHEMA = parse_schema(
    """CREATE TABLE "my singers" (id number, name text)
CREATE TABLE concerts (id number, singer number REFERENCES "my singers" (id), stadium number REFERENCES stadiums (id))
CREATE TABLE stadiums (id number, city text)"""
)
SHOWN = 'FROM "my singers" JOIN concerts ON "my singers".id = concerts.singer'
OTHER = 'FROM concerts JOIN "my singers" ON concerts.singer = "my singers".id'
QUESTION = "Which of my singers gave concerts?"


def shown(sql: str, question: str = QUESTION) -> str:
    return join_as_shown(Example("db", SCHEMA, question, sql, "join", "spider")).sql


@pytest.mark.parametrize("rest", ["", " WHERE concerts.id > 3", " GROUP BY concerts.singer ORDER BY COUNT(*) LIMIT 1"])
def test_the_same_join_gets_the_order_of_the_prompt(rest: str) -> None:
    assert shown(f"SELECT concerts.id {OTHER}{rest}") == f"SELECT concerts.id {SHOWN}{rest}"


def test_both_sides_of_a_set_operation_are_written_alike() -> None:
    sql = "SELECT concerts.id {0} WHERE concerts.id = 1 EXCEPT SELECT concerts.id {0}"
    assert shown(sql.format(OTHER)) == sql.format(SHOWN)


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT concerts.id {SHOWN}",
        # Other tables, and another condition.
        "SELECT concerts.id FROM concerts",
        f"SELECT concerts.id {OTHER} JOIN stadiums ON concerts.stadium = stadiums.id",
        'SELECT concerts.id FROM concerts JOIN "my singers" ON concerts.id = "my singers".id',
        f"SELECT concerts.id {OTHER} + 1",
    ],
)
def test_another_join_stays(sql: str) -> None:
    assert shown(sql) == sql


@pytest.mark.parametrize("question", ["How many?", "Which concerts?", "My singers and stadiums"])
def test_a_prompt_that_shows_another_join_changes_nothing(question: str) -> None:
    sql = f"SELECT concerts.id {OTHER}"
    assert shown(sql, question) == sql
