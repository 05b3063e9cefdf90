"""`python -m paged_sim size`: its figures, its refusals, and what it prints for people and for programs."""

import argparse
import json
import subprocess
import sys
from typing import Any

import pytest

from paged_sim.commands import size


def run(*options: str) -> int:
    parser = argparse.ArgumentParser()
    size.add_arguments(parser)
    return size.run(parser.parse_args(options))


def figures(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    """What --json prints, which is one document and nothing else."""
    assert run(*options, "--json") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def printed(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """What is printed for people, with spaces in place of line breaks."""
    assert run(*options) == 0
    return " ".join(capsys.readouterr().out.split())


SMOLLM2 = ("--model", "SmolLM2-135M-Instruct")


def test_the_figures_that_vllm_logs_for_smollm2_on_cpu(capsys: pytest.CaptureFixture[str]) -> None:
    found = figures(capsys, *SMOLLM2, "--memory", "1GiB", "--block-size", "128", "--dtype", "bfloat16")
    expected = {
        "model": "HuggingFaceTB/SmolLM2-135M-Instruct",
        "bytes_per_token": 23_040,
        "bytes_per_block": 2_949_120,
        "memory": 2**30,
        "num_blocks": 364,
        "num_usable_blocks": 363,
        "num_tokens": 46_592,
        "max_model_len": 8192,
        "max_concurrency": 5.6875,
        "max_model_len_fits": True,
    }
    assert {name: found[name] for name in expected} == expected
    assert found["answers"][0]["issues"] == ["#8185", "#10517", "#11391", "#4382", "PR #2031"]


def test_defaults_are_blocks_of_16_and_the_dtype_of_the_config(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--model", "SmolLM2-1.7B-Instruct", "--memory", "24GiB")
    for line in ("block size │ 16", "kv cache dtype │ bfloat16", "num blocks │ 8,192", "num tokens │ 131,072"):
        assert line in text
    assert "memory │ 24 GiB (25,769,803,776 bytes)" in text
    assert "max concurrency │ 16.00" in text
    assert "max model len fits │ yes" in text
    assert "Where does the number of blocks come from? (#8185, #10517, #11391, #4382, PR #2031)" in text


def test_a_share_of_the_device_is_divided(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--device-memory", "24GiB", "--gpu-memory-utilization", "0.5", "--other-memory", "1GiB")
    found = figures(capsys, *SMOLLM2, *options)
    assert found["weights"] == 2 * 134_515_008
    assert found["memory"] == 12 * 2**30 - 2**30 - found["weights"]
    assert figures(capsys, *SMOLLM2, *options, "--weights", "2GiB")["memory"] == 9 * 2**30


def test_tensor_parallelism_divides_weights_and_heads(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--model", "Llama-3-70B", "--device-memory", "80GB", "--tensor-parallel-size", "4")
    found = figures(capsys, *options)
    assert found["weights"] == 70_553_706_496 // 2
    assert found["bytes_per_token"] == 80 * 1024


def test_requests_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    lengths = ("--prompt", "100", "--output", "29")
    found = figures(capsys, *SMOLLM2, "--memory", "1GiB", "--block-size", "128", *lengths, "--requests", "10")
    assert found["requests_at_once"] == 363
    (preempted,) = (answer for answer in found["answers"] if answer["question"] == "When are my requests preempted?")
    assert "Never with max_num_seqs 363 or less. Above 363.0 requests" in preempted["text"]
    assert "up to 128 tokens of work for nothing" in preempted["text"]
    assert found["requests_on_average"] == 363.0
    assert found["memory_for_requests"] == 11 * 2_949_120


def test_without_memory_it_says_what_requests_need(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, *SMOLLM2, "--prompt", "100", "--output", "100", "--requests", "4")
    assert "memory for requests │ 18.63 MiB (19,537,920 bytes)" in text
    assert "4 requests x 13 blocks + the null block = 53 blocks" in text
    assert "num blocks" not in text


def test_the_length_changes_what_fits(capsys: pytest.CaptureFixture[str]) -> None:
    found = figures(capsys, "--model", "Llama-3-8B", "--memory", "1GiB")
    assert (found["max_model_len_fits"], found["longest_fitting_len"]) == (False, 8176)
    found = figures(capsys, "--model", "Llama-3-8B", "--memory", "1GiB", "--max-model-len", "8176")
    assert found["max_model_len_fits"]


def test_tokens_in_flight_matter_to_windows(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--model", "Mistral-7B-v0.1", "--memory", "8GiB")
    usual = figures(capsys, *options)["max_concurrency"]
    assert usual == pytest.approx(4096 / (-(-(4095 + 2 * 8192) // 16) + 1))
    one_step = figures(capsys, *options, "--no-async-scheduling")["max_concurrency"]
    assert one_step == pytest.approx(4096 / (-(-(4095 + 8192) // 16) + 1))
    smaller = figures(capsys, *options, "--max-num-batched-tokens", "4096")["max_concurrency"]
    assert smaller == one_step


def test_the_known_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--list-models")
    assert "HuggingFaceTB/SmolLM2-135M-Instruct │ 30 │ 3 │ 64 │ 23,040" in text
    run("--list-models", "--json")
    models = json.loads(capsys.readouterr().out)
    assert len(models) > 50
    assert all(model["names"] and model["sources"] and model["bytes_per_token"] for model in models)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "--model is missing; --list-models prints the known names"),
        (("--model", "SmolLM3-1.7B"), "There is no model 'SmolLM3-1.7B'.*Known names like it: SmolLM2-1.7B"),
        ((*SMOLLM2, "--memory", "24G"), "memory must be a size such as .*, got '24G'"),
        ((*SMOLLM2, "--memory", "0"), "memory must be an integer of at least 1, got 0"),
        ((*SMOLLM2, "--memory", "1GiB", "--device-memory", "2GiB"), "--memory and --device-memory exclude each other"),
        ((*SMOLLM2, "--memory", "1GiB", "--weights", "1GiB"), "parts of --device-memory, which is missing"),
        (
            (*SMOLLM2, "--memory", "1GiB", "--gpu-memory-utilization", "0.5"),
            "parts of --device-memory, which is missing",
        ),
        ((*SMOLLM2, "--memory", ""), "memory must be a size such as .*, got ''"),
        ((*SMOLLM2, "--max-model-len", "512"), "--max-model-len is compared with a memory"),
        ((*SMOLLM2, "--prompt", "5", "--output", "5"), "--prompt and --output need --requests, --memory or"),
        ((*SMOLLM2, "--other-memory", "1GiB"), "parts of --device-memory, which is missing"),
        ((*SMOLLM2, "--memory", "1GiB", "--prompt", "9"), "--prompt and --output go together"),
        ((*SMOLLM2, "--memory", "1GiB", "--requests", "9"), "--requests needs their lengths"),
        ((*SMOLLM2, "--requests", "0", "--prompt", "1", "--output", "1"), "num_requests must be .* at least 1, got 0"),
        ((*SMOLLM2, "--memory", "1GiB", "--prompt", "8000", "--output", "200"), "prompt and output must be at most"),
        ((*SMOLLM2, "--memory", "1GiB", "--prompt", "0", "--output", "2"), "prompt must be an integer of at least 1"),
        ((*SMOLLM2, "--memory", "1GiB", "--max-model-len", "0"), "max_model_len must be an integer of at least 1"),
        ((*SMOLLM2, "--memory", "1GiB", "--max-num-batched-tokens", "0"), "max_num_batched_tokens must be an integer"),
        ((*SMOLLM2, "--device-memory", "1GiB", "--gpu-memory-utilization", "1.5"), "gpu_memory_utilization must be"),
        ((*SMOLLM2, "--device-memory", "100MiB"), r"gpu_memory_utilization must be above 2\.566"),
        ((*SMOLLM2, "--tensor-parallel-size", "2"), "tensor_parallel_size must be a divisor of the 9 attention heads"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_before_anything_is_printed(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        run(*options)
    assert capsys.readouterr().out == ""


def test_the_help_loads_nothing_heavy() -> None:
    code = (
        "import argparse, sys; from paged_sim.commands import size; size.add_arguments(argparse.ArgumentParser());"
        "print([name for name in ('rich', 'huggingface_hub', 'paged_sim.sizing.presets') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
