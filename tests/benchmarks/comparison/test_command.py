"""The command line: what is refused before work starts, and what is left of a run that is broken off."""

import json
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.comparison.comparison import Comparison
from benchmarks.comparison.record import as_text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--repeats", "0"], "python -m benchmarks compare: --repeats must be at least 1, got 0"),
        (["--engines", "vllm,tgi"], "--engines must be some of"),
        (["--tracks", "poems"], "--tracks must be some of fixed, chat, sql, got 'poems'"),
    ],
)
def test_a_value_out_of_range_is_told_and_nothing_runs(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Comparison, "run", lambda self: pytest.fail("it ran"))
    assert main(["compare", *options]) == 2
    assert message in capsys.readouterr().err


def test_numbers_must_be_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["compare", "--concurrency", "1,many"])
    assert ended.value.code == 2
    assert "must be whole numbers with commas between them, got '1,many'" in capsys.readouterr().err


def test_a_record_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.json"
    file.write_text("{}")
    assert main(["compare", "--record", str(file)]) == 2
    assert f"--record {file} exists: go on with it (--resume), or name another file" in capsys.readouterr().err
    assert file.read_text() == "{}"


@pytest.mark.parametrize("kept", [False, True])
def test_what_the_engines_say_is_kept_only_on_request(
    kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing, mine = tmp_path / "passing", tmp_path / "mine"
    passing.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(passing))
    monkeypatch.setattr(Comparison, "run", lambda self: (self._logs / "vllm.log").write_text("starting"))
    assert main(["compare", "--record", str(tmp_path / "mine.json"), *(["--logs", str(mine)] if kept else [])]) == 0
    assert not list(passing.iterdir())
    assert [file.name for file in mine.glob("*")] == (["vllm.log"] if kept else [])


def test_ctrl_c_keeps_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(self: Comparison) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Comparison, "run", interrupted)
    assert main(["compare", "--record", str(tmp_path / "mine.json")]) == 130
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert f"Interrupted; what is finished is in {tmp_path / 'mine.json'}" in capsys.readouterr().err


@pytest.mark.parametrize("failed", [False, True])
def test_the_tables_are_shown_and_a_failed_row_is_the_exit_code(
    failed: bool,
    record: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def measured(self: Comparison) -> None:
        content = record
        if failed:
            content["rows"].append(
                {"engine": "vllm", "track": "fixed", "concurrency": 9, "status": "error", "error": "no"}
            )
        self._record.content |= content

    monkeypatch.setattr(Comparison, "run", measured)
    assert main(["compare", "--record", str(tmp_path / "mine.json")]) == int(failed)
    printed = capsys.readouterr().out
    assert "vLLM" in printed
    assert "mine.json" in printed


def test_the_command_is_kept_as_it_was_typed(
    record: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {}

    def measured(self: Comparison) -> None:
        seen.update(self._record.content)
        self._record.content |= {"model": record["model"]}

    monkeypatch.setattr(Comparison, "run", measured)
    main(["lora", "--concurrency", "1,2", "--repeats", "1", "--record", str(tmp_path / "mine.json")])
    assert seen["command"] == "python -m benchmarks lora --preset quick --concurrency 1,2 --repeats 1"
    assert seen["plan"]["engines"] == ["vllm", "vllm-lora", "vllm-lora-4", "vllm-merged"]


def test_resuming_needs_the_same_plan(
    record: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.json"
    file.write_text(as_text(record))
    assert main(["compare", "--record", str(file), "--resume"]) == 2
    assert "is of another plan" in capsys.readouterr().err
    assert json.loads(file.read_text()) == record


def test_a_model_that_does_not_exist_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--model", "no-such-model", "--record", str(tmp_path / "mine.json")]) == 2
    assert "python -m benchmarks compare: There is no base model 'no-such-model'" in capsys.readouterr().err
    assert not (tmp_path / "mine.json").exists()
