"""The command line without an engine: usage, exit codes, streams."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from inference.errors import AdapterError
from inference.results import GenerationResult
from text_to_sql import Answer, DatabaseFileError, command_line

GENERATION = GenerationResult("SELECT 1", (1, 2, 3), 7, "stop", 0.25, 0.5, "checkpoint-100")
ANSWER = Answer("How many?", "SELECT 1", ("c0",), ((1,),), generation=GENERATION)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-tokens", "0"], "--max-tokens must be at least 1, got 0"),
        (["--votes", "0"], "--votes must be at least 1, got 0"),
        (["--max-repairs", "-1"], "--max-repairs must be at least 0, got -1"),
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


def run(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vllm_offline_inference", *arguments]
    environment = os.environ | (environment or {})
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


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
    with patch.object(command_line, "_answer", return_value=([ANSWER, replace(ANSWER, error=error)], 1.0)):
        assert command_line.main(["--json"]) == code


@pytest.mark.parametrize(("arguments", "start"), [(["--json"], '{"question": "How many?"'), ([], "\nHow many?\n")])
def test_answers_are_json_only_if_asked_for(
    arguments: list[str], start: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with patch.object(command_line, "_answer", return_value=([ANSWER], 1.0)):
        command_line.main(arguments)
    assert capfd.readouterr().out.startswith(start)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (AdapterError("x", ["It is bad."]), "error: LoRA adapter x cannot be used:\n  - It is bad."),
        (DatabaseFileError("There is no database file x."), "error: There is no database file x.\n"),
        (PermissionError(13, "Permission denied", "/x"), "error: [Errno 13] Permission denied: '/x'\n"),
    ],
)
def test_what_a_user_can_mend_is_exit_code_2_without_a_traceback(
    error: Exception, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with patch.object(command_line, "_answer", side_effect=error):
        assert command_line.main([]) == 2
    printed = capfd.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""


def test_ctrl_c_ends_the_command_with_one_word(capfd: pytest.CaptureFixture[str]) -> None:
    with patch.object(command_line, "_answer", side_effect=KeyboardInterrupt):
        assert command_line.main([]) == 130
    assert capfd.readouterr().err == "interrupted\n"


@pytest.mark.parametrize("option", ["", "--json"])
def test_a_reader_that_ends_early_gets_no_traceback(option: str) -> None:
    code = (
        "import os, sys, time\n"
        "from text_to_sql import Answer, command_line\n"
        "answers = [Answer('How many?', 'SELECT 1')] * 5000\n"
        "command_line._answer = lambda options: (answers, 1.0)\n"
        f"sys.exit(command_line.main({option.split()}))\n"
    )
    command = f'"{sys.executable}" -c "$CODE" | head -n 1; echo "${{PIPESTATUS[0]}}"'
    process = subprocess.run(
        ["bash", "-c", command], env=os.environ | {"CODE": code}, capture_output=True, text=True, check=True
    )
    assert process.stdout.splitlines()[-1] == "141"
    assert process.stderr == ""


def test_a_cache_folder_that_cannot_be_made_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    process = run(environment={"XDG_CACHE_HOME": str(tmp_path / "file")})
    assert process.returncode == 2
    assert "error: " in process.stderr
    assert str(tmp_path / "file") in process.stderr
    assert "Traceback" not in process.stderr


def test_help_needs_no_library_that_is_slow_to_import() -> None:
    code = (
        "import sys, vllm_offline_inference, text_to_sql.command_line\n"
        "print({'torch', 'vllm', 'transformers', 'peft', 'faker', 'numpy'} & set(sys.modules))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


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
