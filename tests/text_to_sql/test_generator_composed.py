"""Questions of several conditions, of groups and of single rows: what they show, sort and group by makes sense."""

import random
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import cache

import pytest

from text_to_sql.generator import aggregates, composed, composed_groups, counted_rows, foremost, named_rows
from text_to_sql.generator.aggregates import aggregate_of_some, sum_of_products
from text_to_sql.generator.composed import list_of_some, owners_of_some, rows_of_either
from text_to_sql.generator.composed_groups import number_per_group, share_of_rows
from text_to_sql.generator.counted_rows import number_of_some
from text_to_sql.generator.database import DrawnColumn, DrawnDatabase, DrawnTable, draw_database
from text_to_sql.generator.domain import load_domains
from text_to_sql.generator.foremost import foremost_of_some
from text_to_sql.generator.named_rows import owner_of_one
from text_to_sql.generator.people import FIRST, LAST
from text_to_sql.generator.single_table import Pattern
from text_to_sql.generator.wording import Question, Wording
from text_to_sql.schema import quoted

DOMAINS = load_domains()
MODULES = (composed, foremost, counted_rows, composed_groups, aggregates, named_rows)
MAKERS = [maker for module in MODULES for maker, _ in module.PATTERNS]


@cache
def databases() -> list[DrawnDatabase]:
    rng = random.Random(7)
    return [draw_database(rng.choice(DOMAINS), rng) for _ in range(2_500)]


@cache
def made(maker: Pattern) -> list[tuple[DrawnDatabase, Question]]:
    """What a maker asks about many databases."""
    wording = Wording(random.Random(8))
    asked = [(database, maker(database, wording)) for database in databases()]
    return [(database, question) for database, question in asked if question]


def columns_of(database: DrawnDatabase) -> dict[str, tuple[DrawnTable, DrawnColumn]]:
    return {table.sql(column): (table, column) for table in database.tables for column in table.columns}


def where_of(sql: str) -> str:
    found = re.search(r" WHERE .*?(?= GROUP BY | ORDER BY |$)", sql)
    return found[0] if found else ""


def is_fixed(column: str, sql: str) -> bool:
    return bool(re.search(rf" (?:WHERE|AND) {re.escape(column)} (?:= |IS NULL)", where_of(sql)))


def shown(sql: str) -> list[str]:
    return re.match(r"SELECT (?:DISTINCT )?(.*?) FROM ", sql)[1].split(", ")


def names_a_row(table: DrawnTable, sql: str) -> bool:
    return any(is_fixed(table.sql(column), sql) for column in table.with_role("name", "key"))


def asked(*makers: Pattern) -> Sequence[tuple[DrawnDatabase, Question]]:
    return [pair for maker in makers for pair in made(maker)]


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_every_query_runs_on_its_database(maker: Pattern) -> None:
    pairs = made(maker)
    assert len(pairs) > 20
    for database, question in pairs[:150]:
        with closing(sqlite3.connect(":memory:")) as connection:
            for table in database.schema.tables:
                columns = ", ".join(f"{quoted(column.name)} {column.type}" for column in table.columns)
                connection.execute(f"CREATE TABLE {quoted(table.name)} ({columns})")
            connection.execute(question.sql)


def test_most_databases_have_two_to_five_tables() -> None:
    rng = random.Random(1)
    domains = [domain for domain in DOMAINS if len(domain.tables) > 3 and not domain.fixed]
    sizes = [len(draw_database(rng.choice(domains), rng).tables) for _ in range(1_000)]
    assert 0.87 < sum(2 <= size <= 5 for size in sizes) / len(sizes) < 0.99
    assert sum(size > 2 for size in sizes) > 0.6 * len(sizes)
    assert 1 in sizes


def test_no_group_is_of_a_row_or_a_value_that_a_condition_fixes() -> None:
    with_conditions = 0
    for database, question in made(number_per_group):
        by = re.search(r"GROUP BY (\S+)", question.sql)[1]
        owner, column = columns_of(database)[by]
        source = next(table for table in database.tables if f" FROM {table.source}" in f"{question.sql} ")
        assert not is_fixed(by, question.sql), question
        assert not names_a_row(owner, question.sql), question
        assert not names_a_row(source, question.sql) or source.with_role("name") == [], question
        assert column.words.role in ("category", "year", "flag", "name", "key")
        with_conditions += " WHERE " in question.sql
    assert with_conditions > 100


def test_owners_that_a_condition_names_are_not_counted() -> None:
    counted = 0
    for database, question in made(number_of_some):
        for reference in database.references:
            if f"COUNT(DISTINCT {reference.child.sql(reference.column)})" in question.sql:
                counted += 1
                assert not names_a_row(reference.parent, question.sql), question
                assert not is_fixed(reference.child.sql(reference.column), question.sql), question
        assert "By how many" not in question.text
    assert counted > 50


def test_an_order_is_alphabetical_only_by_a_name_that_is_shown() -> None:
    alphabetical = [one.sql for _, one in made(list_of_some) if "in alphabetical order" in one.text]
    assert len(alphabetical) > 10
    for sql in alphabetical:
        assert re.search(r"ORDER BY (\S+)", sql)[1] in shown(sql)


@pytest.mark.parametrize("maker", [list_of_some, foremost_of_some], ids=lambda maker: maker.__name__)
def test_nothing_is_sorted_by_what_is_the_same_in_all_rows(maker: Pattern) -> None:
    ordered = [one.sql for _, one in made(maker) if "ORDER BY" in one.sql and " WHERE " in one.sql]
    assert len(ordered) > 50
    for sql in ordered:
        assert not is_fixed(re.search(r"ORDER BY (\S+)", sql)[1], sql), sql


@pytest.mark.parametrize("maker", [list_of_some, foremost_of_some, owners_of_some, number_per_group])
def test_no_column_is_shown_that_a_condition_fixes(maker: Pattern) -> None:
    pairs = made(maker)
    assert sum(" WHERE " in question.sql for _, question in pairs) > 100
    for _, question in pairs:
        assert not any(is_fixed(column, question.sql) for column in shown(question.sql)), question


def test_either_condition_leaves_what_is_shown_open() -> None:
    pairs = made(rows_of_either)
    for _, question in pairs:
        assert question.sql.count(" OR ") == 1
        assert " or " in question.text
        assert not any(f"{column} " in where_of(question.sql) for column in shown(question.sql)), question
    assert any(" JOIN " in question.sql for _, question in pairs)


def test_people_of_two_names_are_shown_by_both_and_always_where_the_question_says_who() -> None:
    both, who = [], 0
    for database, question in asked(list_of_some, foremost_of_some, owners_of_some, owner_of_one):
        columns = [columns_of(database)[one][1] for one in shown(question.sql) if one in columns_of(database)]
        names = {column.words.name for column in columns} & {FIRST, LAST}
        if names:
            both.append(names == {FIRST, LAST})
            is_whole = question.text.startswith("Who ") or re.match(r"^[A-Z]\w+ of ['\"]?[A-Z]", question.text)
            assert both[-1] or not (is_whole and FIRST in names), question
            who += question.text.startswith("Who ")
    assert who > 3
    assert 0.4 < sum(both) / len(both) < 0.95


def test_all_groups_name_the_number_that_they_show() -> None:
    texts = []
    for _, question in made(number_per_group):
        assert not question.text.startswith("Show every ") or " and its " in question.text, question
        if re.search(r"SELECT .*(?:SUM|AVG|MIN|MAX)\(.* FROM", question.sql):
            texts.append(question.text)
            assert not re.search(r"and (?:the )?number(?:, please|\.|,|$)", question.text), question
            assert not re.search(r"\b(?:most|fewest) first", question.text), question
    assert len(texts) > 50


def test_large_groups_have_few_rows_or_a_number_in_the_range_of_the_column() -> None:
    counts, aggregated = [], 0
    for database, question in made(number_per_group):
        found = re.search(r"HAVING (\w+)\((\S+)\) (\S+) ([\d.-]+)$", question.sql)
        if found and found[1] == "COUNT":
            counts.append(int(found[4]))
            assert counts[-1] > 1 or found[3] in (">", "="), question
        elif found:
            aggregated += 1
            low, high = columns_of(database)[found[2]][1].words.range
            # Round numbers may lie a little outside.
            assert low - 10 <= float(found[4]) <= high + 10, question
            assert found[3] != "=", question
    assert sum(count <= 3 for count in counts) > 0.7 * len(counts)
    assert max(counts) <= 10
    assert aggregated > 20


def test_foremost_groups_are_by_a_sum_an_average_or_a_number_of_rows() -> None:
    orders = [
        re.search(r"ORDER BY (\w+)\(.* LIMIT", one.sql)[1] for _, one in made(number_per_group) if " LIMIT " in one.sql
    ]
    assert set(orders) == {"COUNT", "SUM", "AVG"}
    assert orders.count("COUNT") > 0.6 * len(orders)


def test_conditions_on_a_single_row_are_in_singular() -> None:
    singular = 0
    for database, question in made(foremost_of_some):
        if not re.search(r" LIMIT 1\b(?! OFFSET \d\d)", question.sql):
            continue
        source = next(table for table in database.tables if f" FROM {table.source} " in question.sql)
        for one, _ in source.words.nouns:
            assert not re.search(rf"\b{one} (?:that|who) (?:are|have)\b", question.text), question
            singular += bool(re.search(rf"\b{one} (?:that|who) (?:is|has) (?!the )", question.text))
    assert singular > 10


def test_percentages_are_asked_for_as_people_do() -> None:
    texts = [question.text for _, question in made(share_of_rows)]
    assert not any("How many percent" in text for text in texts)
    assert any(text.startswith("What percent of the ") for text in texts)


def test_nobody_adds_up_places_or_ages() -> None:
    summed = {
        columns_of(database)[found[1]][1].words.name
        for database, question in [*made(aggregate_of_some), *made(number_per_group)]
        if (found := re.search(r"SUM\(([^)* ]+)\)", question.sql))
    }
    assert len(summed) > 20
    assert summed.isdisjoint({"place", "ranking", "bib_number", "wind_speed", "age", "rating"})


def test_products_are_added_up_in_several_domains() -> None:
    pairs = made(sum_of_products)
    assert len({database.domain for database, _ in pairs}) >= 3
    assert all(re.search(r"SELECT SUM\(\S+ \* \S+\) FROM", question.sql) for _, question in pairs)


def test_composed_questions_have_the_forms_of_spider() -> None:
    rows = [question.sql for _, question in asked(list_of_some, number_of_some, foremost_of_some, owners_of_some)]
    groups = [question.sql for _, question in made(number_per_group)]
    for queries, share in ((rows, 0.05), (groups, 0.08)):
        assert sum(sql.count(" JOIN ") > 1 for sql in queries) > share * len(queries)
    assert sum("COUNT(DISTINCT" in sql for sql in rows) > 0.08 * len(rows)
    assert sum(bool(re.search(r"ORDER BY COUNT\(\*\) \w+ LIMIT 1$", sql)) for sql in groups) > 0.2 * len(groups)
    assert 0.2 < sum(" WHERE " not in sql for sql in rows) / len(rows) < 0.7
