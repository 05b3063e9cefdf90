"""Hand-written templates about the bookshop: what they draw runs, is spelt as all golds, and is no reference one."""

import random
import re
from functools import cache

import pytest
import xgrammar

from text_to_sql import ReadOnlyDatabase, sample_database_path
from text_to_sql.data.canonical import canonical_sql
from text_to_sql.data.example import Example
from text_to_sql.generator.bookshop.slots import draw_fillings, slots_of
from text_to_sql.generator.bookshop.templates import Template, draw_from_templates, load_templates
from text_to_sql.grammar import sql_grammar


@cache
def drawn() -> list[Example]:
    return [example for pack in draw_from_templates(len(load_templates()), seed=3) for example in pack]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def test_every_template_has_several_wordings_and_a_query_of_its_own() -> None:
    assert len(load_templates()) > 500
    assert all(len(set(template.questions)) >= 4 for template in load_templates())
    assert len({template.sql for template in load_templates()}) == len(load_templates())


def test_every_query_runs_and_almost_every_one_finds_something() -> None:
    empty = 0
    with ReadOnlyDatabase(sample_database_path()) as database:
        for example in drawn():
            empty += not database.execute(example.sql).rows
            assert canonical_sql(example.sql, example.schema) == example.sql
    assert empty < 0.08 * len(drawn())


def test_questions_are_whole() -> None:
    for example in drawn():
        assert not re.search(r"[\[\]{}|]|  |^ | $", example.question), example.question


def test_most_questions_name_what_the_query_looks_for() -> None:
    silent = [example for example in drawn() if not names_its_cells(example)]
    # Such as `crime and thrillers`, or `Spanish readers` for customers from Spain.
    assert len(silent) < 0.06 * len(drawn()), silent


def names_its_cells(example: Example) -> bool:
    shown = {word[:4] for word in words(example.question)}
    literals = re.findall(r"'((?:[^']|'')*)'", example.sql)
    cells = [literal for literal in literals if not re.fullmatch(r"\d{4}-\d\d-\d\d", literal)]
    return all(shown & {word[:4] for word in words(cell)} for cell in cells)


def test_dates_and_years_of_question_and_query_agree() -> None:
    template = Template(
        "SELECT COUNT(*) FROM orders WHERE orders.ordered_on BETWEEN {month_start} AND {month_end}",
        ("How many orders in {month}?",),
    )
    question, sql = template.draw(random.Random(0))
    assert (question, sql) == (
        "How many orders in January 2025?",
        "SELECT COUNT(*) FROM orders WHERE orders.ordered_on BETWEEN '2025-01-01' AND '2025-01-31'",
    )


@pytest.mark.parametrize("name", ["price", "published", "rating", "count", "order_id"])
def test_the_second_of_two_numbers_is_the_larger(name: str) -> None:
    for seed in range(50):
        fillings = draw_fillings(f"{{{name}}} {{{name}2}}", random.Random(seed))
        assert float(fillings[name].literal) < float(fillings[f"{name}2"].literal)


def test_a_count_can_be_said_as_a_word() -> None:
    assert slots_of("the {count_word} longest") == slots_of("LIMIT {count}") == {"count"}
    fillings = draw_fillings("{count}", random.Random(1))
    assert (fillings["count_word"].shown, fillings["count"].literal) == ("four", "4")


def test_a_wording_without_a_slot_of_its_query_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'Which books\?' has the slots \[\], its SQL \['genre'\]"):
        Template("SELECT title FROM books WHERE genre = {genre}", ("Which books?",))


def test_an_unknown_slot_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown slot 'colour': known are author, .*, year"):
        draw_fillings("SELECT {colour}", random.Random(0))


@pytest.mark.parametrize(("slot", "values"), [("year", {"2023", "2024", "2025"}), ("rating", set("12345"))])
def test_a_lone_slot_takes_every_value(slot: str, values: set[str]) -> None:
    sql = "{year_start}" if slot == "year" else f"{{{slot}}}"
    assert {draw_fillings(sql, random.Random(seed))[slot].shown for seed in range(100)} == values


def test_days_of_one_column_are_its_own() -> None:
    fillings = draw_fillings("customers.joined_on < {day} OR customers.joined_on > {day2}", random.Random(5))
    assert fillings["day"].literal < fillings["day2"].literal
    assert fillings["day"].literal[1:5] in {"2021", "2022", "2023", "2024", "2025"}


def test_the_same_seed_draws_the_same_and_another_one_others() -> None:
    assert draw_from_templates(30, 1) == draw_from_templates(30, 1)
    assert draw_from_templates(30, 1) != draw_from_templates(30, 2)
    assert [len(pack) for pack in draw_from_templates(30, 1)] == [8, 8, 8, 6]


@pytest.mark.parametrize("name", ["count", "questions_per_pack"])
def test_numbers_below_one_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        draw_from_templates(**{"count": 5, "seed": 0, name: 0})


def test_almost_all_queries_are_within_the_grammar() -> None:
    schema = drawn()[0].schema
    vocabulary = [chr(code) for code in range(32, 127)]
    compiler = xgrammar.GrammarCompiler(xgrammar.TokenizerInfo(vocabulary))
    compiled = compiler.compile_grammar(sql_grammar(schema))
    outside = {example.sql for example in drawn() if example.sql.isascii() and not _accepts(compiled, example.sql)}
    # Self joins, joins of five tables, sums and counts over groups.
    assert len(outside) < 0.04 * len(drawn()), outside


def _accepts(compiled: xgrammar.CompiledGrammar, sql: str) -> bool:
    return xgrammar.GrammarMatcher(compiled, terminate_without_stop_token=True).accept_string(sql)
