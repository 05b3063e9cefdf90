"""The grammar against xgrammar itself: canonical queries are allowed, names that the schema lacks are not."""

from functools import cache
from typing import Any

import pytest
import xgrammar
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from inference.bundled_model import bundled_model_path
from text_to_sql.generator.generate import fixed_domains, generate, split_domains
from text_to_sql.grammar import MOST_SOURCES, sql_grammar
from text_to_sql.schema import Schema, parse_schema

SCHEMA = parse_schema(
    "CREATE TABLE Author (Author_ID number, Name text)\n"
    'CREATE TABLE "old book" (Book_ID number, Author_ID number, "From" text)\n'
    "CREATE TABLE sale (sale_id number, Book_ID number, price number)\n"
    "CREATE TABLE island (sand number)"
)


@cache
def compiler() -> xgrammar.GrammarCompiler:
    tokenizer = AutoTokenizer.from_pretrained(bundled_model_path())
    return xgrammar.GrammarCompiler(xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=49_152))


@cache
def compiled(schema: Schema) -> Any:
    return compiler().compile_grammar(sql_grammar(schema))


def allows(schema: Schema, sql: str) -> bool:
    matcher = xgrammar.GrammarMatcher(compiled(schema))
    return matcher.accept_string(sql) and matcher.is_completed()


JOIN = 'FROM Author JOIN "old book" ON Author.Author_ID = "old book".Author_ID'


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM Author",
        "SELECT DISTINCT Author.Name FROM Author ORDER BY Author.Name DESC LIMIT 10",
        "SELECT Author.Name FROM Author WHERE NOT Author.Name LIKE '%it''s%' AND Author.Author_ID BETWEEN 1 AND -2.5",
        'SELECT "old book"."From", COUNT(DISTINCT "old book".Book_ID) FROM "old book" GROUP BY "old book"."From"',
        f"SELECT Author.Name {JOIN} GROUP BY Author.Author_ID HAVING COUNT(*) >= 2 ORDER BY COUNT(*) DESC LIMIT 1",
        f'SELECT Author.Name {JOIN} JOIN sale ON "old book".Book_ID = sale.Book_ID WHERE sale.price > 3',
        "SELECT AVG(sale.price) FROM sale WHERE sale.price > (SELECT AVG(sale.price) FROM sale)",
        "SELECT Author.Name FROM Author WHERE NOT Author.Author_ID IN (SELECT sale.price FROM sale)",
        "SELECT Author.Name FROM Author EXCEPT SELECT Author.Name FROM Author WHERE Author.Name IN ('a', 'b')",
        "SELECT sale.price FROM sale WHERE NOT sale.price IS NULL",
        "SELECT sale.price, sale.Book_ID FROM sale INTERSECT SELECT sale.price, sale.Book_ID FROM sale",
        "SELECT sale.price FROM sale WHERE sale.price = (SELECT sale.price FROM sale ORDER BY sale.price DESC LIMIT 1)",
        "SELECT sale.price FROM sale ORDER BY sale.price LIMIT 1 OFFSET 2",
        "SELECT AVG(number) FROM (SELECT COUNT(*) AS number FROM sale GROUP BY sale.Book_ID)",
        "SELECT MAX(sale.price) - MIN(sale.price), SUM(sale.price * sale.Book_ID) FROM sale",
        "SELECT 100.0 * COUNT(*) / (SELECT COUNT(*) FROM sale) FROM sale WHERE sale.price > sale.Book_ID",
        "SELECT sale.price FROM sale WHERE NOT (sale.price = 1 AND sale.Book_ID = 2)",
        "SELECT sale.price FROM sale WHERE (sale.price = 3 OR sale.price = 4) AND sale.Book_ID > 5",
        "SELECT sale.Book_ID FROM sale GROUP BY sale.Book_ID HAVING COUNT(*) > 2 AND AVG(sale.price) < 9",
    ],
)
def test_canonical_queries_are_allowed(sql: str) -> None:
    assert allows(SCHEMA, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT Author.price FROM Author",
        "SELECT sale.price FROM Author",
        "SELECT Name FROM Author",
        "SELECT Author.Name FROM Author JOIN island ON Author.Author_ID = island.sand",
        "SELECT Author.Name FROM Author JOIN sale ON Author.Author_ID = sale.Book_ID",
        "SELECT Author.Name FROM Author WHERE sale.price = 1",
        "DROP TABLE Author",
        "SELECT Author.Name FROM Author; SELECT 1",
        "SELECT Author.Name FROM sqlite_master",
        "SELECT load_extension('x') FROM Author",
        # What SQLite refuses though all names are right.
        "SELECT Author.Name FROM Author ORDER BY COUNT(*)",
        "SELECT Author.Name, Author.Author_ID FROM Author UNION SELECT sale.price FROM sale",
        "SELECT Author.Name FROM Author ORDER BY Author.Name UNION SELECT sale.price FROM sale",
        "SELECT sale.price FROM sale WHERE sale.price IN (SELECT sale.price, sale.sale_id FROM sale)",
        "SELECT sale.price FROM sale WHERE sale.price IN (SELECT * FROM sale)",
        f"SELECT Author.Name FROM Author WHERE Author.Name = '{'x' * 61}'",
        "SELECT Author.Name FROM Author OFFSET 1",
        "SELECT number FROM (SELECT COUNT(*) AS number FROM sale GROUP BY sale.Book_ID)",
        "SELECT sale.price FROM sale WHERE sale.price > Author.Author_ID",
    ],
)
def test_everything_else_is_not(sql: str) -> None:
    assert not allows(SCHEMA, sql)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_generated_questions_have_answers_within_it(seed: int) -> None:
    domains = [domain for part in split_domains() for domain in part]
    [examples] = generate(1, [*domains, *fixed_domains() * 5], seed)
    for example in examples:
        assert allows(example.schema, example.sql), example.sql


def test_a_wide_schema_keeps_all_its_tables_and_loses_wide_joins() -> None:
    names = [f"t{number}" for number in range(40)]
    links = "\n".join(
        f"CREATE TABLE {name} ({name}_key number" + "".join(f", {other}_key number" for other in names[:index]) + ")"
        for index, name in enumerate(names)
    )
    grammar = sql_grammar(parse_schema(links))
    assert f"select{MOST_SOURCES - 1} ::=" in grammar
    assert f"select{MOST_SOURCES} ::=" not in grammar
    assert '"t39."' in grammar
