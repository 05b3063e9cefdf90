"""The gate before SQLite: one query over offered tables passes, everything else is refused with its rule."""

import pytest

from text_to_sql.errors import QueryFailedError, UnsafeSQLError
from text_to_sql.execution.sql_text import MAX_SQL_CHARACTERS, check_select, extract_sql
from text_to_sql.schema import Column, Schema, Table

SCHEMA = Schema(
    (
        Table("books", (Column("title", "text"), Column("price", "number"))),
        Table("orders", (Column("id", "number"), Column("status", "text"))),
    )
)


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("SELECT 1", "SELECT 1"),
        ("  SELECT 1;\n", "SELECT 1;"),
        ("Here it is:\n```sql\nSELECT 1\n```\nDone.", "SELECT 1"),
        ("```\nSELECT 1\n```", "SELECT 1"),
        ("```SQL\nSELECT 1```", "SELECT 1"),
    ],
)
def test_the_text_or_its_only_code_block_is_the_candidate(text: str, sql: str) -> None:
    assert extract_sql(text) == sql


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"Refused \(one statement\): the answer is empty\."),
        ("```sql\n\n```", r"Refused \(one statement\): the answer is empty\."),
        ("```\nSELECT 1\n```\n```\nSELECT 2\n```", r"Refused \(one statement\): the answer has 2 code blocks"),
        ("SELECT 1" + " " * MAX_SQL_CHARACTERS, r"Refused \(length\): the answer has 4,008 characters, 4,000 are"),
        ("SELECT '\x00'", r"Refused \(characters\): the answer has control characters"),
        ("\ufeffSELECT 1", r"Refused \(characters\)"),
    ],
)
def test_what_is_not_plainly_one_candidate_is_refused(text: str, message: str) -> None:
    with pytest.raises(UnsafeSQLError, match=message):
        extract_sql(text)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT title FROM books",
        "select TITLE from BOOKS where price > 3;",
        "SELECT title FROM books -- the end",
        "SELECT title /* DROP TABLE books */ FROM books",
        "SELECT title FROM books WHERE title = 'a; DROP TABLE books'",
        "SELECT b.title FROM books AS b JOIN orders AS o ON b.price = o.id",
        "SELECT title FROM books WHERE price IN (SELECT id FROM orders)",
        "WITH cheap AS (SELECT * FROM books WHERE price < 5) SELECT COUNT(*) FROM cheap",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n",
        "SELECT title, RANK() OVER (ORDER BY price) FROM books",
        "SELECT title FROM books UNION SELECT status FROM orders",
        "SELECT title FROM books EXCEPT SELECT status FROM orders ORDER BY 1",
        "SELECT 1",
    ],
)
def test_one_query_passes(sql: str) -> None:
    check_select(sql, SCHEMA)


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT title FROM books; DROP TABLE books", "one statement"),
        ("DELETE FROM books", "SELECT only"),
        ("INSERT INTO books VALUES ('a', 1)", "SELECT only"),
        ("UPDATE books SET price = 0", "SELECT only"),
        ("REPLACE INTO books VALUES ('a', 1)", "SELECT only"),
        ("WITH x AS (SELECT 1) DELETE FROM books", "SELECT only"),
        ("DROP TABLE books", "SELECT only"),
        ("CREATE TABLE x (a)", "SELECT only"),
        ("CREATE TABLE x AS SELECT * FROM books", "SELECT only"),
        ("ALTER TABLE books RENAME TO b", "SELECT only"),
        ("PRAGMA query_only = OFF", "SELECT only"),
        ("ATTACH DATABASE 'x.db' AS x", "SELECT only"),
        ("DETACH DATABASE main", "SELECT only"),
        ("VACUUM INTO 'copy.db'", "SELECT only"),
        ("EXPLAIN SELECT 1", "SELECT only"),
        ("BEGIN", "SELECT only"),
        ("ROLLBACK", "SELECT only"),
        ("REINDEX", "SELECT only"),
        ("ANALYZE", "SELECT only"),
        ("hello", "SELECT only"),
        ("SELECT title FROM books WHERE price > ?", "parameters"),
        ("SELECT title FROM books WHERE price > :price", "parameters"),
        ("SELECT * FROM customers", "table"),
        ("SELECT * FROM sqlite_master", "table"),
        ("SELECT * FROM main.books", "table"),
        ("SELECT * FROM pragma_table_info('books')", "table"),
        ("SELECT (SELECT COUNT(*) FROM secrets) FROM books", "table"),
        ("WITH books AS (SELECT 1) SELECT * FROM books", "table"),
    ],
)
def test_everything_else_is_refused_with_its_rule(sql: str, rule: str) -> None:
    with pytest.raises(UnsafeSQLError) as caught:
        check_select(sql, SCHEMA)
    assert caught.value.rule == rule
    assert str(caught.value).startswith(f"Refused ({rule}): ")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("There are 10 books.", "Invalid expression"),
        ("SELECT FROM WHERE", "Expected|Invalid"),
        ("SELECT 'open", "Error tokenizing"),
        ("SELECT " + "(" * 1500 + "1" + ")" * 1500, "nested too deeply|Invalid|Expecting"),
    ],
)
def test_what_is_no_sql_says_so(sql: str, reason: str) -> None:
    with pytest.raises(QueryFailedError, match=f"This is no SQL: .*({reason})"):
        check_select(sql, SCHEMA)
