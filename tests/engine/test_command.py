"""The command of the README with real models: as a person runs it, and its other ways in this process."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from text_to_sql.bundled_adapter import BUNDLED_ADAPTER
from text_to_sql.command_line import SAMPLE_QUESTIONS, main

pytestmark = pytest.mark.slow


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "vllm_offline_inference.py", *arguments]
    return subprocess.run(command, cwd=BUNDLED_ADAPTER.parent, capture_output=True, text=True, check=False)


@pytest.fixture
def run_here(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """As `run`, in this process, which has imported vLLM already."""
    log = logging.getLogger("inference")
    level, handlers = log.level, log.handlers[:]

    def run_main(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = main(arguments)
        return subprocess.CompletedProcess(arguments, code, *capfd.readouterr())

    yield run_main
    log.setLevel(level)
    log.handlers[:] = handlers


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


def test_the_merged_model_answers_alike_and_a_person_sees_tables(
    run_here: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    process = run_here("--merged", "--question", SAMPLE_QUESTIONS[0])
    assert process.returncode == 0, process.stderr
    assert "SELECT COUNT(*) FROM customers WHERE customers.country = 'South Korea'" in process.stdout
    assert "│ 60" in process.stdout
    assert "tokens/s" in process.stdout
    assert "LoRA on CPU" not in process.stderr
    assert "CPU engine: " in process.stderr


def test_the_base_model_alone_writes_no_valid_sql_when_it_is_free(
    run_here: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    free = ("--no-grammar", "--max-repairs", "0")
    process = run_here("--no-adapter", *free, "--max-tokens", "64", "--json", "--question", SAMPLE_QUESTIONS[2])
    [line] = map(json.loads, process.stdout.splitlines())
    assert process.returncode == 1, process.stderr
    assert line["error"]
    assert line["rows"] == []


def test_help_starts_no_engine() -> None:
    process = run("--help")
    assert process.returncode == 0
    for option in ("--question", "--database", "--base-model", "--adapter", "--merged", "--max-tokens", "--json"):
        assert option in process.stdout
