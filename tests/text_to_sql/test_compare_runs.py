"""Training runs side by side: what differs, the lowest held-out loss first."""

import json
from pathlib import Path
from typing import Any

import pytest

from text_to_sql.training.compare_runs import main


def write_run(folder: Path, steps: int, loss: float = 0.2, **recipe: Any) -> Path:
    checkpoint = folder / f"checkpoint-{steps}"
    checkpoint.mkdir(parents=True)
    record = {
        "recipe": {"max_steps": steps, "rank": 64, "learning_rate": 3e-3, **recipe},
        "prepared": "0a1b2c3d4e",
        "examples": {"training": 54_172, "held_out": 512},
        "device": "a GPU",
        "train_runtime_s": 80.4,
        "loss": {"9": 0.5, "10": 0.25, "100": 0.125},
        "held_out_loss": {"50": 0.3, "100": loss},
    }
    (checkpoint / "training_record.json").write_text(json.dumps(record))
    return folder


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def write_report(folder: Path, name: str, percent: float) -> None:
    (folder / f"{name}.json").write_text(json.dumps({"accuracy": {"percent": percent}}))


def test_runs_are_listed_by_loss_with_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = write_run(tmp_path / "one", 100, micro_batches=2)
    write_run(one, 50)
    two = write_run(tmp_path / "two", 100, 0.1, rank=128, pack_size=8, micro_batches=4)
    write_report(one, "spider", 25.04)
    write_report(two / "checkpoint-100", "spider", 37.5)
    write_report(two / "checkpoint-100", "wikisql", 70)
    (one / "other.json").write_text('{"accuracy": 0.5}')
    file = tmp_path / "runs.json"
    assert main([str(one), str(two / "checkpoint-100"), "--record", str(file)]) == 0
    header, _, first, second = map(cells, capsys.readouterr().out.splitlines())
    assert header == [
        *("run", "rank", "pack_size", "data", "examples", "seconds", "loss", "held-out loss", "spider", "wikisql"),
    ]
    assert first == ["two/checkpoint-100", "128", "8", "0a1b2c3d", "54,172", "80", "0.125", "0.100", "37.5 %", "70.0 %"]
    assert second == ["one", "64", "–", "0a1b2c3d", "54,172", "80", "0.125", "0.200", "25.0 %", "–"]
    runs = json.loads(file.read_text())["runs"]
    assert [run["accuracies"] for run in runs] == [{"spider": 25.04}, {"spider": 37.5, "wikisql": 70}]
    assert runs[0]["recipe"]["max_steps"] == 100


def test_what_is_not_known_is_shown_as_such_and_comes_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = write_run(tmp_path / "bare", 100, seed=1)
    file = bare / "checkpoint-100" / "training_record.json"
    record = json.loads(file.read_text()) | {"held_out_loss": {}, "resumed_from_step": 50}
    del record["prepared"]
    file.write_text(json.dumps(record))
    assert main([str(bare), str(write_run(tmp_path / "other", 100))]) == 0
    _, _, first, second = map(cells, capsys.readouterr().out.splitlines())
    assert first == ["other", "–", "0a1b2c3d", "54,172", "80", "0.125", "0.200"]
    assert second == ["bare", "1", "–", "54,172", "–", "0.125", "–"]


def test_a_run_that_has_not_ended_and_a_broken_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "holds no training_record.json: it is written when training has ended." in capsys.readouterr().err
    (tmp_path / "training_record.json").write_text('{"recipe": {"max_steps": 1}}')
    assert main([str(tmp_path)]) == 2
    assert "error: a training_record.json has no 'examples': it is not of this version." in capsys.readouterr().err
