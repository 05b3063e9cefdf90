"""`python -m paged_sim`: output for people and programs, errors in a line."""

import json
from pathlib import Path

import pytest

from paged_sim.__main__ import COMMANDS, main


def test_simulate_gives_a_run_for_each_rate(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--requests", "60", "--rate", "2", "50", "--json"]) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [run["rate"] for run in runs] == [2, 50]
    assert all(run["latency"]["num_finished"] == 60 for run in runs)
    assert runs[0]["latency"]["e2e_s"]["p50"] < runs[1]["latency"]["e2e_s"]["p50"]


def test_simulate_leaps_to_what_it_gets_step_by_step(capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for flags in ([], ["--step-by-step"]):
        assert main(["simulate", "--requests", "20", "--num-blocks", "300", "--json", *flags]) == 0
        printed.append(json.loads(capsys.readouterr().out)["runs"])
    assert printed[0] == printed[1]


def test_simulate_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--requests", "20", "--rate", "4"]) == 0
    output = capsys.readouterr().out
    for name in ("TTFT, ms", "TPOT, ms", "preemptions", "prefix hits"):
        assert name in output


def test_a_trace_is_made_described_and_simulated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "chat.jsonl")
    assert main(["trace", "--workload", "chat", "--requests", "40", "--rate", "2", "--output", path]) == 0
    assert "40 requests in" in capsys.readouterr().out
    assert main(["trace", "--input", path, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["requests"] == 40
    assert 0.2 < figures["shared_prompt_share"] < 1
    assert main(["simulate", "--trace", path, "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert run["totals"]["prefix_cache"]["hits"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["simulate", "--rate", "0"], "rate must be a number above 0"),
        (["simulate", "--rate", "1", "--trace", "x"], "--rate would be ignored: the requests of --trace are"),
        (["trace", "--input", "x", "--workload", "chat", "--seed", "1"], "--workload and --seed would be ignored"),
        (["simulate", "--device", "abacus"], "device must be a preset (A100-40GB"),
        (["simulate", "--workload", "nothing"], "name must be one of sharegpt"),
        (["simulate", "--trace", "/nowhere.jsonl"], "No such file"),
        (["simulate", "--num-blocks", "20"], "must be shorter than max_model_len (304 tokens)"),
        (["simulate", "--policy", "lifo"], "policy must be one of fcfs, priority, got 'lifo'"),
        (["simulate", "--num-blocks", "0"], "num_blocks must be an integer of at least 2, got 0"),
        (["simulate", "--memory", "1KiB"], "--memory 1KiB holds less than two blocks"),
        (["simulate", "--max-model-len", "10000000"], "takes at most 131072, got 10000000"),
        (["simulate", "--model", "google/gemma-2-9b-it"], "mixes full and sliding window attention"),
        (["simulate", "--rate", "1e-9", "--requests", "10"], "arrival_time must be a number in [0, 1000000]"),
        (["simulate", "--device", "pyproject.toml"], "device must be a JSON file, got 'pyproject.toml'"),
        (["trace", "--input", "a", "--output", "b"], "--input and --output exclude each other"),
        (["trace", "--output", "/nowhere/a.jsonl"], "/nowhere/a.jsonl cannot be written: there is no folder /nowhere."),
        (["trace", "--requests", "0"], "num_requests must be an integer of at least 1, got 0"),
        (["waste", "--requests", "5"], "--requests must be an integer of at least 100, got 5"),
        (["waste", "--seed", "-1"], "--seed must be an integer of at least 0, got -1"),
        (
            ["waste", "--all", "--json"],
            "--all and --json exclude each other: the JSON document is the list of Figure 2",
        ),
        (["size"], "--model is missing"),
    ],
)
def test_bad_options_end_with_a_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    line = captured.err.splitlines()[-1]
    assert message in line
    assert f"python -m paged_sim {arguments[0]}: " in line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "usage: python -m paged_sim" in capsys.readouterr().out
