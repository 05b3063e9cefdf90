"""What is written of each row, in both formats."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from batch_inference.answers import SCHEMAS, chat_answer, failed_answer, sql_answer, write_answers
from batch_inference.errors import RowError
from batch_inference.rows import ChatRow, QuestionRow, Task
from inference.results import GenerationResult
from text_to_sql.answer import Answer

RESULT = GenerationResult("안녕", (1, 2, 3), 7, "stop", 0.1, 0.2, "sql")
CHAT = chat_answer(ChatRow("a", "sql", []), RESULT)
ROW = QuestionRow("b", None, "How many?", Path("a.sqlite"))
SQL = sql_answer(
    ROW,
    Answer(
        "How many?", "SELECT 1", ("n", "x"), ((1, None), (b"\xff", float("inf"))), generation=RESULT, output_tokens=9
    ),
)
NOT_ASKED = sql_answer(ROW, Answer("How many?", "", error="The prompt is too long.", attempts=0))
FAILED = failed_answer("c", RowError("messages is empty"))


def test_json_lines_have_every_field_in_order(tmp_path):
    path = tmp_path / "part-0.jsonl"
    write_answers(path, Task.CHAT, [CHAT, FAILED])
    first, second = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert first == {
        "id": "a", "adapter": "sql", "text": "안녕", "finish_reason": "stop", "prompt_tokens": 7, "output_tokens": 3,
        "error": None,
    }  # fmt: skip
    assert second == dict.fromkeys(first) | {"id": "c", "error": "messages is empty"}
    assert list(first) == list(second) == SCHEMAS[Task.CHAT].names


def test_rows_of_a_query_are_lists_in_json_lines(tmp_path):
    path = tmp_path / "part-0.jsonl"
    write_answers(path, Task.TEXT_TO_SQL, [SQL, NOT_ASKED, FAILED])
    asked, not_asked, failed = map(json.loads, path.read_text().splitlines())
    assert asked == {
        "id": "b", "adapter": "base", "sql": "SELECT 1", "columns": ["n", "x"],
        "rows": [[1, None], ["X'FF'", "Infinity"]], "truncated": False, "attempts": 1, "prompt_tokens": 7,
        "output_tokens": 9, "error": None,
    }  # fmt: skip
    assert (not_asked["error"], not_asked["attempts"], not_asked["rows"]) == ("The prompt is too long.", 0, [])
    assert (failed["error"], failed["rows"]) == ("messages is empty", None)


@pytest.mark.parametrize(
    ("task", "answers"), [(Task.CHAT, [CHAT, FAILED]), (Task.TEXT_TO_SQL, [SQL, NOT_ASKED, FAILED])]
)
def test_parquet_says_the_same_with_fixed_types(tmp_path, task, answers):
    lines, table = tmp_path / "part-0.jsonl", tmp_path / "part-0.parquet"
    write_answers(lines, task, answers)
    write_answers(table, task, answers)
    read = pq.read_table(table)
    assert read.schema.equals(SCHEMAS[task])
    rows = [
        row | ({"rows": json.loads(row["rows"])} if row.get("rows") is not None else {}) for row in read.to_pylist()
    ]
    assert rows == [json.loads(line) for line in lines.read_text().splitlines()]


def test_a_part_without_answers_has_the_same_types(tmp_path):
    write_answers(tmp_path / "part-0.parquet", Task.CHAT, [FAILED])
    assert pq.read_schema(tmp_path / "part-0.parquet").equals(SCHEMAS[Task.CHAT])
