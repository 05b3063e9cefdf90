"""Requests, models and adapters: the same for every engine, made once."""

from pathlib import Path

import pytest

from benchmarks.comparison.adapters import random_adapters
from benchmarks.comparison.catalog import ENGINES
from benchmarks.comparison.chat_prompts import chat_prompts
from benchmarks.comparison.engines.interface import InferenceRequest
from benchmarks.comparison.engines.vllm_log import parse_start_log
from benchmarks.comparison.models import model_source, model_title, random_model
from benchmarks.comparison.plan import Cell, ComparisonPlan
from benchmarks.comparison.tracks import make_requests
from benchmarks.comparison.work import all_requests, engine_setup, for_engine, kv_bytes_needed
from inference.adapter import read_adapter
from inference.adapter_checks import check_adapter
from inference.base_model import load_config, resolve_base_model
from inference.base_shapes import base_shapes

TINY = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "vocab_size": 49_152, "max_position_embeddings": 512, "tie_word_embeddings": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def bundled() -> str:
    return model_source("bundled")


def test_fixed_requests_have_one_length_and_differ(bundled: str) -> None:
    requests = make_requests("fixed", bundled, 20, prompt_tokens=12, max_tokens=5)
    assert {(len(one.prompt_token_ids), one.max_tokens, one.ignore_eos) for one in requests} == {(12, 5, True)}
    assert len({one.prompt_token_ids for one in requests}) == 20
    assert min(min(one.prompt_token_ids) for one in requests) >= 100
    assert requests == make_requests("fixed", bundled, 20, prompt_tokens=12, max_tokens=5)
    assert requests != make_requests("fixed", bundled, 20, prompt_tokens=12, max_tokens=5, seed=1)


@pytest.mark.parametrize("track", ["chat", "sql"])
def test_other_tracks_have_natural_prompts_that_differ(bundled: str, track: str) -> None:
    requests = make_requests(track, bundled, 20, prompt_tokens=12, max_tokens=5)
    assert len({one.prompt_token_ids for one in requests}) == 20
    assert len({len(one.prompt_token_ids) for one in requests}) > 5
    assert not any(one.ignore_eos for one in requests)


def test_sql_prompts_share_the_schema(bundled: str) -> None:
    one, other = (
        request.prompt_token_ids for request in make_requests("sql", bundled, 2, prompt_tokens=1, max_tokens=5)
    )
    shared = next(place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1])
    assert shared > 0.7 * len(one)


def test_what_a_track_does_not_have_is_refused(bundled: str) -> None:
    with pytest.raises(ValueError, match="track must be one of fixed, chat, sql, got 'poems'"):
        make_requests("poems", bundled, 1, prompt_tokens=1, max_tokens=1)
    for name, number in (("chat", 256), ("sql", 243)):
        message = f"The {name} track has {number} different prompts, got a count of {number + 1}"
        with pytest.raises(ValueError, match=message):
            make_requests(name, bundled, number + 1, prompt_tokens=1, max_tokens=1)


def test_work_longer_than_the_model_is_refused(bundled: str, plan: ComparisonPlan) -> None:
    longest = plan.replaced(prompt_tokens=8000, output_tokens=192)
    assert all_requests(longest, bundled)
    message = (
        "A prompt and its answer take up to 8,193 tokens in the fixed track, and the model has 8,192 positions: "
        "lower --prompt-tokens, --output-tokens or --max-tokens"
    )
    with pytest.raises(ValueError, match=message):
        all_requests(longest.replaced(output_tokens=193), bundled)


def test_chat_prompts_are_all_different() -> None:
    prompts = list(chat_prompts())
    assert len(set(prompts)) == len(prompts) == 256
    assert not any("{" in prompt for prompt in prompts)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prompt_token_ids": ()}, "prompt_token_ids must hold at least one token, got none"),
        ({"max_tokens": 0}, "max_tokens must be at least 1, got 0"),
    ],
)
def test_a_request_checks_itself(values: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        InferenceRequest(**{"prompt_token_ids": (1,), "max_tokens": 1, "ignore_eos": True} | values)


def test_engines_get_room_for_the_longest_request(bundled: str, plan: ComparisonPlan) -> None:
    plan = plan.replaced(tracks=("fixed", "chat"))
    requests = all_requests(plan, bundled)
    setup = engine_setup(plan, ENGINES["vllm"], bundled, requests)
    longest = max(len(one.prompt_token_ids) for one in requests[Cell("chat", 4)]) + plan.max_tokens
    assert (setup.max_model_len, setup.max_concurrency, setup.lora_rank) == (longest, 4, plan.lora_rank)
    assert (setup.model, setup.dtype, setup.adapters) == (bundled, "float32", {})


def test_adapters_take_turns() -> None:
    requests = [InferenceRequest((1,), 1, ignore_eos=True)] * 5
    assert [one.adapter for one in for_engine(ENGINES["vllm-lora-4"], requests)] == [
        "adapter-0", "adapter-1", "adapter-2", "adapter-3", "adapter-0"
    ]  # fmt: skip
    assert {one.adapter for one in for_engine(ENGINES["vllm-lora"], requests)} == {"adapter-0"}
    assert for_engine(ENGINES["vllm-merged"], requests) == requests


def test_kv_is_needed_for_the_longest_that_are_under_way() -> None:
    requests = [InferenceRequest((1,) * length, 9, ignore_eos=True) for length in (1, 5, 3)]
    assert kv_bytes_needed(requests, [2, 2, 9], 2, 10) == (12 + 7) * 10
    assert kv_bytes_needed(requests, [2, 2, 9], 9, 10) == (12 + 7 + 3) * 10


def test_random_models_and_adapters_can_be_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = random_model(tmp_path / "tiny", TINY)
    assert random_model(tmp_path / "tiny", TINY) == folder
    base = resolve_base_model(str(folder))
    shapes = base_shapes(load_config(base))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    adapters = random_adapters(str(folder), rank=4, count=2)
    assert adapters == random_adapters(str(folder), rank=4, count=2)
    found = [read_adapter(Path(path)) for path in adapters.values()]
    for adapter in found:
        check_adapter(adapter, base, shapes)
        assert adapter.rank == 4
        assert not adapter.changes_nothing
        assert len(adapter.factors) == 2 * 7
    assert found[0].content_hash != found[1].content_hash


def test_models_are_named_in_tables() -> None:
    assert model_title("bundled") == "SmolLM2-135M-Instruct, bundled"
    assert model_title("owner/name") == "owner/name"


def test_what_vllm_logs_of_its_start_is_read() -> None:
    log = """
(EngineCore pid=1) INFO 11-26 [default_loader.py:501] Loading weights took 0.50 seconds
(EngineCore pid=1) INFO 11-26 [gpu_model_runner.py:5348] Model loading took 3.19 GiB memory and 2.250000 seconds
(EngineCore pid=1) INFO 11-26 [monitor.py:50] torch.compile took 17.61 s in total
(EngineCore pid=1) INFO 11-26 [gpu_model_runner.py:6845] Graph capturing finished in 3 secs, took 0.51 GiB
(EngineCore pid=1) INFO 11-26 [core.py:331] init engine (profile, create kv cache, warmup model) took 40.79 s
"""
    assert parse_start_log(log) == {
        "weights_bytes": 3.19 * 1024**3, "load_s": 2.25, "compile_s": 17.61, "graph_capture_s": 3.0, "init_s": 40.79
    }  # fmt: skip
    assert parse_start_log("Loading weights took 0.50 seconds") == {"load_s": 0.5}
    assert parse_start_log("nothing of the kind") == {}
