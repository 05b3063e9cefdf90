"""What a row asks, and what is wrong with one that cannot be asked."""

from pathlib import Path

import pytest

from batch_inference.errors import RowError
from batch_inference.rows import ChatRow, QuestionRow, RowRules, Task, id_of, task_of

MESSAGES = [{"role": "user", "content": "Hello"}]
CHAT = RowRules(Task.CHAT, ("sql", "poems"), Path("/data"))
QUESTIONS = RowRules(Task.TEXT_TO_SQL, (), Path("/data"))


@pytest.mark.parametrize(
    ("fields", "adapter"),
    [({}, "sql"), ({"adapter": None}, "sql"), ({"adapter": "poems"}, "poems"), ({"adapter": "base"}, None)],
)
def test_the_first_adapter_answers_rows_that_name_none_and_base_is_the_base_model(fields, adapter):
    assert CHAT.read("7", {"messages": MESSAGES, **fields}) == ChatRow("7", adapter, MESSAGES)


def test_without_adapters_the_base_model_answers():
    assert RowRules(Task.CHAT, (), Path()).read("7", {"messages": MESSAGES}).adapter is None


def test_a_database_is_relative_to_the_folder_of_databases():
    row = QUESTIONS.read("7", {"question": "How many?", "database": "shop/books.sqlite"})
    assert row == QuestionRow("7", None, "How many?", Path("/data/shop/books.sqlite"))


def test_a_row_without_database_asks_about_the_default_one():
    rules = RowRules(Task.TEXT_TO_SQL, (), Path("/data"), Path("/other.sqlite"))
    assert rules.read("7", {"question": "How many?"}).database == Path("/other.sqlite")
    assert rules.read("7", {"question": "How many?", "database": "a.sqlite"}).database == Path("/data/a.sqlite")


@pytest.mark.parametrize(
    ("rules", "fields", "text"),
    [
        (
            CHAT,
            {"messages": MESSAGES, "adapter": "songs"},
            "adapter must be one of 'sql', 'poems', 'base', got 'songs'",
        ),
        (CHAT, {"messages": MESSAGES, "adapter": 3}, "adapter must be one of 'sql', 'poems', 'base', got 3"),
        (CHAT, {}, "messages must be a list of messages, got NoneType"),
        (CHAT, {"messages": [{"role": "user"}]}, r"messages\[0\] must be a dict with 'role' and 'content'"),
        (QUESTIONS, {"database": "a.sqlite"}, "question must be a text, got None"),
        (QUESTIONS, {"question": " ", "database": "a.sqlite"}, "question must be a text, got ' '"),
        (
            QUESTIONS,
            {"question": "How many?"},
            "database must be the path of a SQLite file, got None; --database gives",
        ),
        (QUESTIONS, {"question": "How many?", "database": 5}, "database must be the path of a SQLite file, got 5"),
        (CHAT, RowError("The line is no JSON"), "The line is no JSON"),
    ],
)
def test_what_cannot_be_asked_says_why(rules, fields, text):
    with pytest.raises(RowError, match=text):
        rules.read("7", fields)


def test_an_id_is_a_text_and_the_place_stands_in_for_it():
    assert id_of({"id": 12}, "a.jsonl:3") == "12"
    assert id_of({"id": ""}, "a.jsonl:3") == ""
    assert id_of({"id": None}, "a.jsonl:3") == "a.jsonl:3"
    assert id_of(RowError("no JSON"), "a.jsonl:3") == "a.jsonl:3"


def test_the_fields_tell_the_task():
    assert task_of({"messages": MESSAGES}) is Task.CHAT
    assert task_of({"messages": None, "question": "How many?"}) is Task.TEXT_TO_SQL
    assert task_of({"text": "How many?"}) is None
