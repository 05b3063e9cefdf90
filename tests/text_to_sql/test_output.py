"""What programs and people read of an answer."""

import io
import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from inference.results import GenerationResult
from text_to_sql import Answer
from text_to_sql.output import SHOWN_ROWS, print_json, print_tables, printable_cell, visible

GENERATION = GenerationResult("SELECT 1", (1, 2, 3), 7, "stop", 0.25, 0.5, "checkpoint-100")
UNASKED = Answer("How long?", "", error="The prompt has 99 tokens.", attempts=0)


def answer(rows: tuple[tuple[Any, ...], ...] = ((1,),), **fields: Any) -> Answer:
    columns = tuple(f"c{index}" for index in range(len(rows[0]))) if rows else ()
    return Answer("How many?", "SELECT 1", columns, rows, generation=GENERATION, output_tokens=3, **fields)


def json_lines(*answers: Answer) -> list[dict[str, Any]]:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    output = io.StringIO()
    print_json(answers, output)
    return [json.loads(line, parse_constant=refuse) for line in output.getvalue().splitlines()]


def tables(*answers: Answer) -> str:
    output = io.StringIO()
    print_tables(answers, 2.0, output)
    return output.getvalue()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("9e999", "Infinity"),
        ("-9e999", "-Infinity"),
        ("9e999 - 9e999", None),
        ("x'00ff'", "X'00FF'"),
        ("x''", "X''"),
        ("1.5", 1.5),
        ("9223372036854775807", 9223372036854775807),
        ("'é'", "é"),
    ],
)
def test_every_value_of_sqlite_can_be_printed(sql: str, expected: object) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        [value] = connection.execute(f"SELECT {sql}").fetchone()
    assert printable_cell(value) == expected
    assert json_lines(answer(((value,),)))[0]["rows"] == [[expected]]
    assert ("NULL" if expected is None else str(expected)) in tables(answer(((value,),)))


def test_each_question_is_one_json_object_a_line() -> None:
    first, second = json_lines(answer(((None, "é", 1.5, b"x"),)), answer((), error="no rows"))
    assert first == {
        "question": "How many?",
        "sql": "SELECT 1",
        "columns": ["c0", "c1", "c2", "c3"],
        "rows": [[None, "é", 1.5, "X'78'"]],
        "error": None,
        "metrics": {
            "attempts": 1,
            "votes": 1,
            "candidates": 1,
            "tables_left_out": [],
            "prompt_tokens": 7,
            "output_tokens": 3,
            "all_output_tokens": 3,
            "finish_reason": "stop",
            "time_to_first_token_s": 0.25,
            "tokens_per_second": 6.0,
            "rows_truncated": False,
        },
    }
    assert (second["rows"], second["error"]) == ([], "no rows")


def test_json_says_whether_rows_are_missing() -> None:
    assert json_lines(answer(truncated=True))[0]["metrics"]["rows_truncated"] is True


def test_a_question_that_the_model_was_not_asked_has_no_metrics() -> None:
    [line] = json_lines(UNASKED)
    assert (line["sql"], line["error"], line["metrics"]) == ("", "The prompt has 99 tokens.", None)
    text = tables(UNASKED, answer())
    assert "The prompt has 99 tokens." in text
    assert text.count("first token after") == 1
    assert "All together: 2.0 s, 1.5 tokens/s in one batch" in text


def test_tables_show_nulls_and_markup() -> None:
    text = tables(answer(((None,), ("[bold]x[/bold]",))), answer((), error="no [rows]"))
    assert "NULL" in text
    assert "[bold]x[/bold]" in text
    assert "no [rows]" in text
    assert "more" not in text
    assert "All together: 2.0 s, 3.0 tokens/s in one batch" in text


@pytest.mark.parametrize(
    ("count", "truncated", "note"),
    [
        (SHOWN_ROWS, False, None),
        (SHOWN_ROWS + 12, False, "  … and 12 more rows\n"),
        (10_000, False, "  … and 9,950 more rows\n"),
        (10_000, True, "  50 rows shown, and there are more than 10,000: the rest was not read\n"),
        (2, True, "  2 rows shown, and there are more than 2: the rest was not read\n"),
    ],
)
def test_tables_are_short_and_say_what_is_left_out(count: int, truncated: bool, note: str | None) -> None:
    text = tables(answer(tuple((f"row {number}",) for number in range(count)), truncated=truncated))
    assert text.count("│ row ") == min(count, SHOWN_ROWS)
    assert ("more" not in text) if note is None else (note in text)


def test_a_person_is_told_how_an_answer_came_about() -> None:
    text = tables(answer(attempts=2, votes=3, candidates=5, left_out=("audit", "log")))
    assert "  mended at attempt 2\n" in text
    assert "  3 of 5 queries agree\n" in text
    assert "  The prompt had no room for audit, log: the answer does not use them.\n" in text
    plain = tables(answer())
    assert not {"mended", "agree", "no room"} & set(plain.split())
    assert "mended" not in tables(answer((), attempts=2, error="no column"))


def test_control_characters_reach_no_terminal() -> None:
    evil = "\x1b[31mred\x07\x9b2J\r"
    text = tables(answer(((evil,),), error=None), Answer(evil, evil, error=evil, generation=GENERATION))
    assert not set("\x1b\x07\x9b\r") & set(text)
    assert text.count(r"\x1b[31mred\x07\x9b2J\x0d") == 4


def test_line_ends_tabs_and_other_languages_stay() -> None:
    assert visible("한국어\n\té😀") == "한국어\n\té😀"
