"""The command line, without engines."""

import sys
from pathlib import Path

import pytest

from batch_inference import command_line
from batch_inference.command_line import main
from batch_inference.placement import Placement
from batch_inference.replica import Outcome
from batch_inference.rows import Task
from batch_inference.run import BatchReport
from tests.batch_inference.job_files import question, write_json_lines

WRITTEN = Outcome(0, 8, 2, "host:1", 10.0, 14.0, 3 << 30)


def run(monkeypatch, report, *arguments):
    seen = {}

    def instead(job, placement):
        seen.update(job=job, placement=placement)
        return report

    monkeypatch.setattr(command_line, "run_batch", instead)
    return main(list(arguments)), seen


def test_options_reach_the_job(monkeypatch):
    code, seen = run(
        monkeypatch, BatchReport(8, 0, 30.0, (WRITTEN,)), "a.jsonl", "b", "--output", "out", "--format", "parquet",
        "--task", "chat", "--adapter", "sql=checkpoint-100", "--adapter", "checkpoint-100", "--max-tokens", "7",
        "--stop", "END", "--seed", "3", "--engine", "max_model_len=2048", "--engine", "dtype=float16", "--votes", "3",
        "--no-grammar", "--rows-per-part", "50", "--replicas", "2", "--gpus-per-replica", "4", "--address", "auto",
    )  # fmt: skip
    job = seen["job"]
    assert code == 0
    assert (job.inputs, job.output, job.format, job.task) == (
        (Path("a.jsonl"), Path("b")),
        Path("out"),
        "parquet",
        Task.CHAT,
    )
    assert job.adapters == {"sql": Path("checkpoint-100"), "checkpoint-100": Path("checkpoint-100")}
    assert (job.sampling.max_tokens, job.sampling.stop, job.sampling.seed) == (7, ["END"], 3)
    assert (job.asking.votes, job.asking.grammar, job.rows_per_part) == (3, False, 50)
    assert job.engine == {"max_model_len": 2048, "dtype": "float16"}
    assert seen["placement"] == Placement(2, 4, None, "auto")


def test_what_was_done_is_said(monkeypatch, capfd):
    assert run(monkeypatch, BatchReport(8, 0, 30.0, (WRITTEN,)), "a.jsonl", "--output", "out")[0] == 0
    assert capfd.readouterr().out == (
        "8 of 8 rows are in out/part-*.jsonl; 8 of them from this run, 2 of these with an error: 2.0 rows/s by running "
        "engines, 30 s in all, 3.0 GiB of memory for a replica.\n"
    )


def test_nothing_left_to_do_is_said(monkeypatch, capfd):
    assert run(monkeypatch, BatchReport(8, 0, 0.1, ()), "a.jsonl", "--output", "out")[0] == 0
    assert capfd.readouterr().out == "8 of 8 rows are in out/part-*.jsonl; nothing was left to answer.\n"


def test_missing_rows_are_said_with_the_reason(monkeypatch, capfd):
    failed = Outcome(1, failure="KeyError: 'x'")
    assert run(monkeypatch, BatchReport(12, 4, 30.0, (WRITTEN, failed, failed)), "a.jsonl", "--output", "out")[0] == 1
    captured = capfd.readouterr()
    assert captured.out.startswith("8 of 12 rows are in")
    assert captured.err == "not answered: KeyError: 'x'\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nowhere.jsonl"], "error: There is no input file or folder nowhere.jsonl."),
        (["ROWS", "--replicas", "0"], "error: replicas must be a whole number of at least 1, got 0"),
        (["ROWS", "--temperature", "3"], "error: temperature must be in [0, 2]; 0 is greedy, got 3.0"),
        (["ROWS", "--votes", "0"], "error: votes must be at least 1, got 0"),
        (
            ["ROWS", "--adapter", "a/x", "--adapter", "b/x"],
            "error: --adapter gives 'x' twice: each needs a name of its own",
        ),
        (["ROWS", "--engine", "oops"], "error: --engine must be NAME=VALUE, got 'oops'"),
        (["ROWS", "--adapter", "nowhere"], "error: LoRA adapter"),
        (["ROWS", "--base-model", "nowhere"], "error: There is no base model 'nowhere'"),
        (["ROWS", "--database", "nowhere.sqlite", "--task", "text-to-sql"], "error: There is no database"),
    ],
)
def test_bad_usage_is_an_error_without_a_traceback(tmp_path, capfd, arguments, text):
    rows = write_json_lines(tmp_path / "rows.jsonl", [question("Hello")])
    given = [str(rows) if word == "ROWS" else word for word in arguments]
    assert main([*given, "--output", str(tmp_path / "out")]) == 2
    captured = capfd.readouterr()
    assert captured.err.startswith(text)
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_ctrl_c_says_how_to_go_on(monkeypatch, capfd):
    def interrupt(job, placement):
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "run_batch", interrupt)
    assert main(["a.jsonl", "--output", "out"]) == 130
    assert capfd.readouterr().err == "interrupted; the same command goes on with what is missing\n"


@pytest.mark.parametrize("module", ["vllm", "ray", "torch"])
def test_the_command_line_is_quick_to_load(module):
    import subprocess

    code = (
        "import sys; from batch_inference.command_line import build_parser; build_parser().format_help(); "
        f"sys.exit({module!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
