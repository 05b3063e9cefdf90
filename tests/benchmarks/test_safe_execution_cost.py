"""The benchmark of safe execution measures, prints and records; how fast it is, is not tested."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks.safe_execution_cost import QUERIES, alternated, main


def test_medians_are_printed_and_raw_samples_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "records" / "cost.json"
    monkeypatch.setattr(sys, "argv", ["cost", "--repeats", "2", "--starts", "1", "--record", str(path)])
    main()
    record = json.loads(path.read_text())
    assert record["milliseconds"].keys() == QUERIES.keys()
    for ways in record["milliseconds"].values():
        assert {way: len(values) for way, values in ways.items()} == {"safe": 2, "plain": 2, "check alone": 2}
    assert len(record["start_milliseconds"]) == 1
    assert [file.name for file in path.parent.iterdir()] == ["cost.json"]
    printed = capsys.readouterr().out
    assert "count        median ms: safe " in printed
    assert "open, start and first answer: median " in printed


def test_ways_take_turns_after_an_uncounted_round() -> None:
    calls: list[str] = []
    samples = alternated({name: lambda name=name: calls.append(name) for name in ("a", "b")}, 2)
    assert "".join(calls) == "baabba"
    assert {name: len(values) for name, values in samples.items()} == {"a": 2, "b": 2}


@pytest.mark.parametrize("option", ["--repeats", "--starts"])
def test_numbers_below_one_are_refused(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["cost", option, "0"])
    with pytest.raises(SystemExit):
        main()
    assert f"{option} must be at least 1, got 0" in capsys.readouterr().err
