"""The hand-written questions about the bookshop: that each can be asked, and that its gold SQL leaves nothing open."""

import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify

from text_to_sql import ReadOnlyDatabase, sample_database_path
from text_to_sql.reference_set import TOPICS, ReferenceQuestion, is_reference_question, load_reference_questions

QUESTIONS = load_reference_questions()
ORDERED = [question for question in QUESTIONS if " ORDER BY " in question.sql]
GOOD = {
    "db_id": "bookshop",
    "question": "How many books are there?",
    "sql": "SELECT COUNT(*) FROM books",
    "kind": "simple",
    "topic": "catalogue",
}
every_question = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.question)
every_order = pytest.mark.parametrize("question", ORDERED, ids=lambda question: question.question)


@pytest.fixture(scope="module")
def bookshop() -> Iterator[ReadOnlyDatabase]:
    with ReadOnlyDatabase(sample_database_path(), max_rows=300) as database:
        yield database


@pytest.fixture(scope="module")
def cells() -> set[str]:
    """All texts in the bookshop, but no comments."""
    with closing(sqlite3.connect(sample_database_path())) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [row for table in tables if table != "reviews" for row in connection.execute(f"SELECT * FROM {table}")]
    return {cell for row in rows for cell in row if isinstance(cell, str)}


def tree_of(question: ReferenceQuestion) -> exp.Expression:
    return sqlglot.parse_one(question.sql, read="sqlite")


@every_question
def test_every_answer_has_rows_and_is_whole(question: ReferenceQuestion, bookshop: ReadOnlyDatabase) -> None:
    result = bookshop.execute(question.sql)
    assert result.rows
    assert not result.truncated
    assert any(value not in (None, 0) for row in result.rows for value in row)
    assert len(set(result.rows)) == len(result.rows)


@every_question
def test_every_sql_is_canonical_and_of_its_kind(question: ReferenceQuestion) -> None:
    tree = tree_of(question)
    assert tree.sql("sqlite") == question.sql
    several = len(list(tree.find_all(exp.Select))) > 1
    assert question.kind == ("nested/setop" if several else "join" if tree.find(exp.Join) else "simple")


@every_question
def test_columns_are_qualified_where_tables_meet_and_only_there(question: ReferenceQuestion) -> None:
    tree = tree_of(question)
    tables_meet = tree.find(exp.Join, exp.Exists) is not None
    assert {bool(column.table) for column in tree.find_all(exp.Column)} <= {tables_meet}


@every_question
def test_tables_are_renamed_only_to_tell_them_apart(question: ReferenceQuestion) -> None:
    for select in tree_of(question).find_all(exp.Select):
        joins = select.args.get("joins") or []
        tables = [part.this for part in (select.args["from_"], *joins) if isinstance(part.this, exp.Table)]
        twice = len({table.name for table in tables}) < len(tables)
        assert all(bool(table.alias) == twice for table in tables)


@every_question
def test_names_and_titles_in_the_sql_are_in_the_database(question: ReferenceQuestion, cells: set[str]) -> None:
    for literal in tree_of(question).find_all(exp.Literal):
        is_pattern = isinstance(literal.parent, exp.Like)
        if literal.is_string and not is_pattern and not re.fullmatch(r"\d{4}-\d\d-\d\d", literal.name):
            assert literal.name in cells


@every_order
def test_an_order_leaves_nothing_to_chance(question: ReferenceQuestion, bookshop: ReadOnlyDatabase) -> None:
    """No two rows tie: neither within the answer nor at the cut, to one row beyond it."""
    tree = tree_of(question)
    keys = [ordered.this.copy() for ordered in tree.args["order"].expressions]
    limit, offset = (int(tree.args[name].expression.name) if tree.args.get(name) else 0 for name in ("limit", "offset"))
    tree.set("limit", exp.Limit(expression=exp.Literal.number(limit + offset + 1)) if limit else None)
    tree.set("offset", None)
    tree.set("expressions", [*tree.expressions, *keys])
    rows = bookshop.execute(tree.sql("sqlite")).rows
    assert len(rows) > limit + offset or not limit
    assert len({row[-len(keys) :] for row in rows}) == len(rows)


def test_the_set_is_large_and_mixed() -> None:
    kinds = Counter(question.kind for question in QUESTIONS)
    assert len(QUESTIONS) >= 180
    assert kinds["simple"] >= 95
    assert kinds["join"] >= 60
    assert kinds["nested/setop"] >= 25
    assert {question.topic for question in QUESTIONS} == set(TOPICS)


@pytest.mark.parametrize(
    "feature",
    [
        *("DISTINCT", "GROUP BY", "HAVING", "BETWEEN", "LIKE", "IS NULL", "ORDER BY", "LIMIT", "OFFSET", "<>"),
        *("MIN(", "MAX(", "AVG(", "SUM(", "COUNT(", "LEFT JOIN", "UNION", "INTERSECT", "EXCEPT"),
        *("> (SELECT AVG(", " IN (SELECT ", "NOT EXISTS("),
    ],
)
def test_the_set_needs_each_part_of_the_language(feature: str) -> None:
    assert any(feature in question.sql for question in QUESTIONS)


def test_no_question_occurs_twice_and_few_have_the_same_answer() -> None:
    assert len({question.question.lower() for question in QUESTIONS}) == len(QUESTIONS)
    same_sql = defaultdict(list)
    for question in QUESTIONS:
        same_sql[question.sql].append(question.topic)
    pairs = [topics for topics in same_sql.values() if len(topics) > 1]
    assert len(pairs) <= 10
    assert all(len(topics) == 2 and len(set(topics)) == 1 for topics in pairs)


def test_every_table_and_every_column_is_asked_for(bookshop: ReadOnlyDatabase) -> None:
    schema = {table.name: {column.name: column.type for column in table.columns} for table in bookshop.schema.tables}
    everything = {(table, column) for table, columns in schema.items() for column in columns}
    used = set()
    for question in QUESTIONS:
        tree = qualify(tree_of(question), schema=schema, dialect="sqlite", validate_qualify_columns=False)
        names = {table.alias: table.name for table in tree.find_all(exp.Table)}
        used |= {(names.get(column.table), column.name) for column in tree.find_all(exp.Column)} & everything
    assert used == everything


def test_a_file_of_ones_own_is_read_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    second = GOOD | {"question": "Wie viele Bücher?"}
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in (GOOD, second)), "utf-8")
    assert load_reference_questions(str(path)) == [ReferenceQuestion(**GOOD), ReferenceQuestion(**second)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "Expecting property name"),
        ("[1]", r"expected a JSON object with the keys db_id, question, sql, kind, topic, got \[1\]"),
        ('{"db_id": "bookshop"}', "keys db_id, question, sql, kind, topic, got db_id"),
        (json.dumps(GOOD | {"alias": "x"}), "got alias, db_id, kind, question, sql, topic"),
        (json.dumps(GOOD | {"question": " "}), "question must be a text that is not empty, got ' '"),
        (json.dumps(GOOD | {"sql": 1}), "sql must be a text that is not empty, got 1"),
        (json.dumps(GOOD | {"db_id": "zoo"}), "db_id must be 'bookshop', got 'zoo'"),
        (json.dumps(GOOD | {"topic": "weather"}), "topic must be one of catalogue, prices, .*, got 'weather'"),
        (json.dumps(GOOD | {"sql": "DROP TABLE books"}), "sql must be one query, got 'DROP TABLE books': Refused"),
        (json.dumps(GOOD | {"sql": "SELECT ("}), r"sql must be one query, got 'SELECT \(': This is no SQL: "),
        (
            json.dumps(GOOD | {"sql": "select count(*) from books"}),
            r"canonical spelling, 'SELECT COUNT\(\*\) FROM books', got 'select count",
        ),
        (json.dumps(GOOD | {"kind": "join"}), "kind must be 'simple', as the sql is, got 'join'"),
    ],
)
def test_a_bad_line_is_named_with_its_number(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n{line}\n")
    with pytest.raises(ValueError, match=rf"questions\.jsonl, line 2: .*({message}).*\. Correct this line\."):
        load_reference_questions(path)


def test_a_reference_question_is_known_by_its_words() -> None:
    assert is_reference_question("how many books are in the catalogue")
    assert not is_reference_question("How many books are in the catalogue of 2024?")
