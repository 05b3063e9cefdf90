"""What the model reads."""

import pytest

from text_to_sql.prompt import SYSTEM_MESSAGE, FailedAttempt, build_messages, likely_from_clause
from text_to_sql.schema import parse_schema
from text_to_sql.values import ValueMatch

SCHEMA = parse_schema("CREATE TABLE orders (id number, ordered_on time, status text)\nCREATE TABLE notes (text text)")
TABLES = "orders.id number, orders.ordered_on time, orders.status text\nnotes.text text"


def asked(question: str, *values: ValueMatch) -> str:
    system, user = build_messages(SCHEMA, question, values)
    assert system == {"role": "system", "content": SYSTEM_MESSAGE}
    assert user["role"] == "user"
    return user["content"].removeprefix(f"{TABLES}\n\n")


def test_the_question_stands_last_on_one_line() -> None:
    assert asked("How\nmany?") == "Question: How many?"


def test_cells_dates_columns_and_tables_stand_before_the_question() -> None:
    cell = ValueMatch("orders", "status", "it's late")
    assert asked("Status of late orders from May 2021, or of 3 June 2021?", cell) == (
        "orders.status = 'it''s late'\n"
        "May 2021 BETWEEN '2021-05-01' AND '2021-05-31'\n"
        "3 June 2021 = '2021-06-03'\n"
        "Columns: orders.status\n"
        "FROM orders\n"
        "Question: Status of late orders from May 2021, or of 3 June 2021?"
    )


def test_a_date_that_is_a_cell_is_not_rewritten() -> None:
    cell = ValueMatch("notes", "text", "1 June 2021")
    assert asked("What is of 1 June 2021?", cell) == (
        "notes.text = '1 June 2021'\nFROM notes\nQuestion: What is of 1 June 2021?"
    )


def test_a_date_within_another_cell_is_rewritten() -> None:
    assert asked("Of 1 June\n2021?", ValueMatch("notes", "text", "11 June 2021")).splitlines()[1:] == [
        "1 June 2021 = '2021-06-01'",
        "FROM notes",
        "Question: Of 1 June 2021?",
    ]


def test_a_failed_attempt_follows_with_its_reason_on_one_line() -> None:
    messages = build_messages(SCHEMA, "How many?", failed=[FailedAttempt("SELECT 1", "no\nsuch table")])
    assert messages[2:] == [
        {"role": "assistant", "content": "SELECT 1"},
        {"role": "user", "content": "This failed: no such table\nWrite the query again."},
    ]


SHOP = parse_schema(
    """CREATE TABLE products (product_id number, name text)
CREATE TABLE product_features (product_id number REFERENCES products, feature number REFERENCES features (feature_id))
CREATE TABLE features (feature_id number, shade text)
CREATE TABLE "our shops" (city text)"""
)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (
            "Which products have which shade?",
            "FROM products JOIN product_features ON products.product_id = product_features.product_id "
            "JOIN features ON product_features.feature = features.feature_id",
        ),
        (
            "Which shade has which product?",
            "FROM products JOIN product_features ON products.product_id = product_features.product_id "
            "JOIN features ON product_features.feature = features.feature_id",
        ),
        ("Our shops, and the products", 'FROM "our shops", products'),
        ("How many?", ""),
    ],
)
def test_tables_are_joined_as_sql_would(question: str, expected: str) -> None:
    assert likely_from_clause(SHOP, question) == expected
