"""The check against vLLM's own tools, without an engine: what they are told, and what is made of their answers."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks import vllm_bench
from benchmarks.__main__ import main
from benchmarks.comparison.models import model_source
from benchmarks.comparison.worker import EngineFailureError
from inference.base_model import load_config, resolve_base_model
from inference.base_shapes import base_shapes

OPTIONS = ["--batch", "4", "--prompt-tokens", "16", "--output-tokens", "16", "--iterations", "2"]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that were given to vLLM's tools, which answer at once."""
    seen: list[list[str]] = []

    def answer(command: list[str], **options: Any) -> None:
        seen.append(command)
        assert options["env"]["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"
        result = {"latencies": [2.0, 2.2]} if command[3] == "latency" else {"elapsed_time": 5.0}
        Path(command[command.index("--output-json") + 1]).write_text(json.dumps(result))

    monkeypatch.setattr(subprocess, "run", answer)
    monkeypatch.setattr(vllm_bench, "_ours", lambda options, source: [2.0, 2.2])
    return seen


def value(command: list[str], flag: str) -> str:
    return command[command.index(flag) + 1]


def test_both_tools_get_the_engines_settings(commands: list[list[str]], tmp_path: Path) -> None:
    assert main(["vllm-bench", *OPTIONS, "--record", str(tmp_path / "bench.json")]) == 0
    assert [command[3] for command in commands] == ["latency", "throughput"]
    source = model_source("bundled")
    length = 16 + 16 + vllm_bench.SPARE_TOKENS
    per_token = base_shapes(load_config(resolve_base_model(source))).kv_bytes_per_token("float32")
    for command in commands:
        assert value(command, "--model") == source
        assert value(command, "--dtype") == "float32"
        assert value(command, "--max-model-len") == str(length)
        assert value(command, "--kv-cache-memory-bytes") == str(4 * (length + 32) * per_token)
        assert value(command, "--block-size") == "32"
        assert {"--enforce-eager", "--disable-detokenize"} <= set(command)
    latency, throughput = commands
    assert (value(latency, "--input-len"), value(latency, "--output-len")) == ("16", "16")
    assert (value(throughput, "--random-input-len"), value(throughput, "--random-output-len")) == ("16", "16")
    assert value(latency, "--batch-size") == value(throughput, "--max-num-seqs") == "4"
    assert (value(latency, "--num-iters"), value(throughput, "--num-prompts")) == ("2", "8")


def test_vllms_own_parsers_make_the_same_work_of_the_flags(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["vllm-bench", *OPTIONS]) == 0
    # From here on everything is vLLM's own.
    monkeypatch.undo()
    from transformers import AutoTokenizer
    from vllm.benchmarks import latency, throughput
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parsed = []
    for tool, command in zip((latency, throughput), commands, strict=True):
        parser = FlexibleArgumentParser()
        tool.add_cli_args(parser)
        parsed.append(parser.parse_args(command[4:]))
    assert (parsed[0].batch_size, parsed[0].input_len, parsed[0].output_len, parsed[0].num_iters) == (4, 16, 16, 2)
    requests = throughput.get_requests(parsed[1], AutoTokenizer.from_pretrained(model_source("bundled")))
    assert [(one.prompt_len, one.expected_output_len) for one in requests] == [(16, 16)] * (4 * 2)


@pytest.mark.usefixtures("commands")
def test_medians_and_ratios_are_printed_and_samples_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vllm-bench", *OPTIONS, "--record", str(tmp_path / "bench.json")]) == 0
    printed = capsys.readouterr().out
    assert "this project / vllm bench latency, medians: 1.000" in printed
    assert "this project / vllm bench throughput, means: 0.840" in printed
    record = json.loads((tmp_path / "bench.json").read_text())
    assert record["seconds"] == {
        "this project": [2.0, 2.2],
        "vllm bench latency": [2.0, 2.2],
        "vllm bench throughput": [2.5],
        "again": [2.0, 2.2],
    }
    assert record["command"].startswith("python -m benchmarks vllm-bench --model bundled --dtype float32 --batch 4")


def test_a_tool_that_fails_is_named_and_what_was_measured_kept(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(command: list[str], **options: Any) -> None:
        raise subprocess.CalledProcessError(1, command, stderr="no such flag")

    monkeypatch.setattr(subprocess, "run", fail)
    assert main(["vllm-bench", *OPTIONS, "--record", str(tmp_path / "bench.json")]) == 1
    error = "vllm bench latency failed: no such flag"
    assert error in capsys.readouterr().err
    record = json.loads((tmp_path / "bench.json").read_text())
    assert (record["seconds"], record["error"]) == ({"this project": [2.0, 2.2]}, error)


def test_samples_outlive_an_engine_that_fails(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def ours(options: Any, source: str) -> list[float]:
        if commands:
            raise EngineFailureError("Its process ended.")
        return [2.0, 2.2]

    monkeypatch.setattr(vllm_bench, "_ours", ours)
    assert main(["vllm-bench", *OPTIONS, "--record", str(tmp_path / "bench.json")]) == 1
    record = json.loads((tmp_path / "bench.json").read_text())
    assert list(record["seconds"]) == ["this project", "vllm bench latency", "vllm bench throughput"]
    assert record["error"] == "This project's engine failed: Its process ended."


def test_a_value_out_of_range_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vllm-bench", "--batch", "0"]) == 2
    assert "--batch must be at least 1, got 0" in capsys.readouterr().err
