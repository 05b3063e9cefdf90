"""What an answer is worth, and the record of many."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from text_to_sql import executable_rate
from text_to_sql.data import Example
from text_to_sql.executable_rate import Verdict, judge_all, percentages, write_record

EXAMPLE = Example(
    "zoo", 'CREATE TABLE animal (name text, "Home Town" text)', "q", "SELECT name FROM animal", "simple", "x"
)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("SELECT name FROM animal", Verdict(parses=True, executes=True, exact=True)),
        ('SELECT "Home Town" FROM animal', Verdict(parses=True, executes=True, exact=False)),
        ("SELECT age FROM animal", Verdict(parses=True, executes=False, exact=False)),
        ("DROP TABLE animal", Verdict(parses=False, executes=False, exact=False)),
        ("There are 3 animals.", Verdict(parses=False, executes=False, exact=False)),
    ],
)
def test_an_answer_is_judged_on_an_empty_database(answer: str, verdict: Verdict) -> None:
    assert judge_all([answer], [EXAMPLE]) == [verdict]


def test_percentages_are_over_all_answers() -> None:
    verdicts = judge_all(["SELECT name FROM animal", "SELECT 1", "x", ""], [EXAMPLE] * 4)
    assert percentages(verdicts) == {"parses": 50.0, "executes": 50.0, "exact": 25.0}


class Engine:
    """Knows its adapter by the name of the resolved folder, as the real one does; answers right with it."""

    def __init__(self, base: str, adapter: Path, **options: Any) -> None:
        self.adapter = adapter.resolve().name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def generate_batch(self, conversations: Sequence[Any], *, adapters: str | None, **options: Any) -> list[str]:
        assert adapters in (None, self.adapter)
        return ["I do not know." if adapters is None else EXAMPLE.sql] * len(conversations)


@pytest.fixture
def adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(__version__="0.32.0+cpu"))
    monkeypatch.setitem(sys.modules, "vllm_offline_inference", SimpleNamespace(VLLMInferenceWithLoRA=Engine))
    monkeypatch.setattr(executable_rate, "split_spider", lambda data: ([], [EXAMPLE] * 3))
    folder = tmp_path / "checkpoint-7"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (tmp_path / "link").symlink_to(folder)
    return folder


@pytest.mark.parametrize("spelling", [".", "../link", "../checkpoint-7"])
def test_a_record_names_the_adapter_and_all_versions(
    adapter: Path, spelling: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", "d", "--output", "new/record.json", "--adapter", spelling, "--questions", "2"]
    assert executable_rate.main(arguments) == 0
    record = json.loads((adapter / "new" / "record.json").read_text())
    assert (record["adapter"], record["questions"]) == ("checkpoint-7", 2)
    assert record["percent"]["base"] == {"parses": 0.0, "executes": 0.0, "exact": 0.0}
    assert record["percent"]["adapter"] == {"parses": 100.0, "executes": 100.0, "exact": 100.0}
    assert record["versions"].keys() == {"torch", "transformers", "vllm"}
    assert record["versions"]["vllm"] == "0.32.0+cpu"
    assert "(percent of 2)" in capsys.readouterr().out


def test_a_record_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.json"
    write_record(path, {"a": 1})

    def full(self: Path, text: str) -> None:
        self.open("w").close()
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="disk full"):
        write_record(path, {"a": 2})
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == '{"a": 1}\n'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "record.json", "--questions", "0"], "--questions must be at least 1, got 0"),
        (["--output", "."], "--output must be a file, . is a folder: name a file in it, such as record.json"),
    ],
)
def test_bad_usage_is_explained_with_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        executable_rate.main(["--data", "d", *arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_found_before_the_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(executable_rate, "measure", lambda *arguments: pytest.fail("measured"))
    assert executable_rate.main(["--data", "d", "--output", str(tmp_path / "file" / "record.json")]) == 2
    assert capsys.readouterr().err.startswith("error: ")
