"""Curves, records and tables, with models that take no time."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks import kv_cache_effect
from benchmarks.kv_cache_effect import (
    PROMPT_TOKENS,
    Curve,
    as_record,
    in_own_process,
    median_seconds,
    numpy_curve,
    prompt_token_ids,
    render,
    transformers_curve,
)
from paged_sim.kv_cache_effect.counted_work import generation_work
from paged_sim.kv_cache_effect.curve import Sample
from paged_sim.kv_cache_effect.model_shape import ModelShape

SHAPE = ModelShape(
    num_layers=1, hidden_size=8, num_heads=2, num_kv_heads=1, head_size=4, intermediate_size=8, vocab_size=120
)
EXPECTED_JOBS = {(2, True): 2, (2, False): 2, (5, True): 1, (5, False): 1}


@pytest.fixture
def llama() -> LlamaForCausalLM:
    """A tiny model whose every token ends the text, unless that is disabled."""
    torch.manual_seed(0)
    config = LlamaConfig(
        num_hidden_layers=2, hidden_size=16, num_attention_heads=4, num_key_value_heads=2, intermediate_size=32,
        vocab_size=150, eos_token_id=list(range(150)), pad_token_id=0, initializer_range=0.5,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def counted(curve: Curve) -> dict[tuple[int, bool], int]:
    jobs = [(sample.new_tokens, sample.use_cache) for sample in curve.samples]
    return {job: jobs.count(job) for job in jobs}


def test_a_transformers_model_is_measured_at_every_length(
    llama: LlamaForCausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[bool, tuple[int, ...]]] = []
    generate = llama.generate

    def recorded(prompt: torch.Tensor, **options: Any) -> torch.Tensor:
        output = generate(prompt, **options)
        calls.append((options["use_cache"], tuple(output.shape)))
        return output

    monkeypatch.setattr(llama, "generate", recorded)
    curve = transformers_curve(llama, {2: 2, 5: 1})
    assert counted(curve) == EXPECTED_JOBS
    assert curve.same_tokens
    assert calls[-2:] == [(False, (1, PROMPT_TOKENS + 2)), (True, (1, PROMPT_TOKENS + 2))]
    assert calls[4:6] == [(True, (1, PROMPT_TOKENS + 5)), (False, (1, PROMPT_TOKENS + 5))]
    assert curve.shape == ModelShape(
        num_layers=2, hidden_size=16, num_heads=4, num_kv_heads=2, head_size=4, intermediate_size=32, vocab_size=150
    )


def test_a_text_that_differs_is_told(llama: LlamaForCausalLM, monkeypatch: pytest.MonkeyPatch) -> None:
    generate = llama.generate
    monkeypatch.setattr(llama, "generate", lambda prompt, **options: generate(prompt, **options) + options["use_cache"])
    assert not transformers_curve(llama, {2: 1}).same_tokens


def test_a_numpy_model_is_measured_at_every_length() -> None:
    curve = numpy_curve(SHAPE, {2: 2, 5: 1})
    assert counted(curve) == EXPECTED_JOBS
    assert curve.same_tokens
    assert curve.shape == SHAPE


def test_prompts_are_in_the_vocabulary() -> None:
    assert prompt_token_ids(49_152) == list(range(100, 132))
    assert prompt_token_ids(120)[-3:] == [109, 110, 111]
    assert {len(prompt_token_ids(size)) for size in (101, 49_152)} == {PROMPT_TOKENS}


def test_a_process_of_its_own_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert in_own_process(os.getenv, "OMP_NUM_THREADS") == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7"


SAMPLES = [Sample(True, 4, 2.0), Sample(False, 4, 20.0), Sample(True, 4, 1.0), Sample(True, 4, 8.0)]


def test_a_record_says_what_each_job_was() -> None:
    facts, rates = as_record({"m": Curve(SHAPE, SAMPLES, same_tokens=True)})
    assert rates == {"m, with a cache, 4 tokens": [2.0, 4.0, 0.5], "m, without a cache, 4 tokens": [0.2]}
    flops = generation_work(SHAPE, PROMPT_TOKENS, 4, use_cache=False).flops
    assert facts["jobs"]["m, without a cache, 4 tokens"] == {
        "model": "m", "use_cache": False, "new_tokens": 4, "flops": flops
    }  # fmt: skip
    assert ModelShape(**facts["models"]["m"]["shape"]) == SHAPE
    assert facts["models"]["m"]["same_tokens"] is True
    again = json.loads(json.dumps(facts | {"tokens_per_second": rates}))
    assert median_seconds(again, again["tokens_per_second"]) == {("m", 4, True): 2.0, ("m", 4, False): 20.0}


def test_the_table_shows_medians_and_counted_ratios() -> None:
    table = render(*as_record({"m": Curve(SHAPE, SAMPLES, same_tokens=True)}))
    work = [generation_work(SHAPE, PROMPT_TOKENS, 4, use_cache).flops for use_cache in (False, True)]
    assert table.splitlines()[-1].replace("|", "").split() == [
        "m",
        "4",
        "20.00",
        "2.00",
        "10.0",
        f"{work[0] / work[1]:.1f}",
    ]


@pytest.mark.slow
def test_the_command_prints_and_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Slow because the writer of records imports vLLM, for its version."""
    monkeypatch.setattr(kv_cache_effect, "in_own_process", lambda _, *rest: numpy_curve(SHAPE, {2: 1, 3: 1}))
    assert kv_cache_effect.main(["--record", str(tmp_path / "record.json")]) == 0
    record = json.loads((tmp_path / "record.json").read_text())
    assert render(record, record["tokens_per_second"]) == capsys.readouterr().out.strip("\n")
    assert record["command"] == "python -m benchmarks.kv_cache_effect"
    assert len(record["jobs"]) == len(record["tokens_per_second"]) == 2 * 2 * 2
