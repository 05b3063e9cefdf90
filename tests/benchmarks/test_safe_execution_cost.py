"""The cost of safety: every query is measured both ways, equally often."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import safe_execution_cost


def test_each_query_is_run_both_ways_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "r.json"
    monkeypatch.setattr(sys, "argv", ["x", "--repeats", "3", "--record", str(record)])
    safe_execution_cost.main()
    seconds = json.loads(record.read_text())["seconds"]
    assert list(seconds) == list(safe_execution_cost.QUERIES)
    assert {len(values) for kinds in seconds.values() for values in kinds.values()} == {3}
    assert capsys.readouterr().out.count("difference") == 3


def test_bad_numbers_are_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "--repeats", "0"])
    with pytest.raises(SystemExit):
        safe_execution_cost.main()
    assert "--repeats must be at least 1, got 0" in capsys.readouterr().err
