"""The command of the README, as a person runs it."""

import json
import subprocess
import sys

import pytest

from text_to_sql.bundled_adapter import BUNDLED_ADAPTER
from text_to_sql.command_line import SAMPLE_QUESTIONS

pytestmark = pytest.mark.slow


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "vllm_offline_inference.py", *arguments]
    return subprocess.run(command, cwd=BUNDLED_ADAPTER.parent, capture_output=True, text=True, check=False)


def test_json_is_all_that_stands_on_standard_output() -> None:
    process = run("--json")
    lines = [json.loads(line) for line in process.stdout.splitlines()]
    assert process.returncode == 0, process.stderr
    assert [line["question"] for line in lines] == list(SAMPLE_QUESTIONS)
    for line in lines:
        assert set(line) == {"question", "sql", "columns", "rows", "error", "metrics"}
        assert line["error"] is None
        assert line["rows"]
        assert line["metrics"]["output_tokens"] > 0
    assert lines[0]["rows"] == [[60]]
    assert lines[1]["rows"] == [["Richard Hamel"]]
    assert "LoRA on CPU: one matrix product per adapter" in process.stderr


def test_the_merged_model_answers_alike_and_a_person_sees_tables() -> None:
    process = run("--merged", "--question", SAMPLE_QUESTIONS[0])
    assert process.returncode == 0, process.stderr
    assert "SELECT COUNT(*) FROM customers WHERE customers.country = 'South Korea'" in process.stdout
    assert "│ 60" in process.stdout
    assert "tokens/s" in process.stdout
    assert "LoRA on CPU" not in process.stderr


def test_the_base_model_alone_writes_no_valid_sql_when_it_is_free() -> None:
    free = ("--no-grammar", "--max-repairs", "0")
    process = run("--no-adapter", *free, "--json", "--question", SAMPLE_QUESTIONS[2])
    [line] = map(json.loads, process.stdout.splitlines())
    assert process.returncode == 1, process.stderr
    assert line["error"]
    assert line["rows"] == []


def test_help_starts_no_engine() -> None:
    process = run("--help")
    assert process.returncode == 0
    for option in ("--question", "--database", "--base-model", "--adapter", "--merged", "--max-tokens", "--json"):
        assert option in process.stdout
