"""The command line without an engine: usage, exit codes, output."""

import io
import json
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from inference.errors import AdapterError
from inference.results import GenerationResult
from text_to_sql import Answer, command_line

GENERATION = GenerationResult("SELECT 1", (1, 2, 3), 7, "stop", 0.25, 0.5, "checkpoint-100")


def answer(rows: tuple[tuple[object, ...], ...] = ((1,),), error: str | None = None) -> Answer:
    columns = tuple(f"c{index}" for index in range(len(rows[0]))) if rows else ()
    return Answer("How many?", "SELECT 1", columns, rows, False, error, 1, GENERATION)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-tokens", "0"], "--max-tokens must be at least 1, got 0"),
        (["--max-tokens", "many"], "argument --max-tokens: invalid int value: 'many'"),
        (["--question", " "], "--question is empty"),
        (["--no-adapter", "--merged"], "--no-adapter does not go with --adapter or --merged"),
        (["--no-adapter", "--adapter", "x"], "--no-adapter does not go with --adapter or --merged"),
        (["--quesion", "x"], "unrecognized arguments: --quesion x"),
    ],
)
def test_bad_usage_is_explained_with_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        command_line.main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vllm_offline_inference", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_database_that_is_missing_is_found_before_the_engine_starts(tmp_path: Path) -> None:
    process = run("--database", str(tmp_path / "none.sqlite"))
    assert process.returncode == 2
    assert process.stderr.startswith("error: There is no database file ")
    assert process.stdout == ""


def test_an_adapter_that_is_missing_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    process = run("--adapter", str(tmp_path / "checkpoint-1"))
    assert process.returncode == 2
    assert "There is no such folder" in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize(("error", "code"), [(None, 0), ("SQLite cannot run this", 1)])
def test_the_exit_code_says_whether_all_questions_have_rows(error: str | None, code: int) -> None:
    with patch.object(command_line, "_answer", return_value=([answer(), answer(error=error)], 1.0)):
        assert command_line.main(["--json"]) == code


def test_an_error_of_the_engine_is_exit_code_2(capfd: pytest.CaptureFixture[str]) -> None:
    with patch.object(command_line, "_answer", side_effect=AdapterError("x", ["It is bad."])):
        assert command_line.main([]) == 2
    assert "error: LoRA adapter x cannot be served:\n  - It is bad." in capfd.readouterr().err


def test_what_libraries_print_never_reaches_standard_output() -> None:
    code = (
        "import os\n"
        "from text_to_sql.command_line import reserved_stdout\n"
        "with reserved_stdout() as output:\n"
        "    print('by python', flush=True)\n"
        "    os.write(1, b'by a C library\\n')\n"
        "    print('answer', file=output)\n"
        "print('afterwards')\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout == "answer\nafterwards\n"
    assert "by python\nby a C library\n" in process.stderr


def test_each_question_is_one_json_object_a_line() -> None:
    output = io.StringIO()
    command_line._print_json([answer(((None, "é", 1.5, b"x"),)), answer((), "no rows")], output)
    first, second = (json.loads(line) for line in output.getvalue().splitlines())
    assert first == {
        "question": "How many?",
        "sql": "SELECT 1",
        "columns": ["c0", "c1", "c2", "c3"],
        "rows": [[None, "é", 1.5, "b'x'"]],
        "error": None,
        "metrics": {
            "prompt_tokens": 7,
            "output_tokens": 3,
            "finish_reason": "stop",
            "time_to_first_token_s": 0.25,
            "tokens_per_second": 6.0,
        },
    }
    assert (second["rows"], second["error"]) == ([], "no rows")


def test_tables_show_nulls_markup_and_what_is_left_out() -> None:
    output = io.StringIO()
    rows = ((None,), ("[bold]x[/bold]",), *((number,) for number in range(30)))
    command_line._print_tables([answer(rows), answer((), "no [rows]")], 2.0, output)
    text = output.getvalue()
    assert "NULL" in text
    assert "[bold]x[/bold]" in text
    assert "… and 12 more" in text
    assert "no [rows]" in text
    assert "All together: 2.0 s, 3.0 tokens/s in one batch" in text
