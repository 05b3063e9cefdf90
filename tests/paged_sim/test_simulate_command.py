"""`python -m paged_sim simulate`: every option reaches the simulation, and bad loads are refused before any work."""

from collections.abc import Callable
from typing import Any

import pytest

from paged_sim.__main__ import main
from paged_sim.simulation import serving

SMALL = ["simulate", "--requests", "3", "--max-model-len", "4096", "--json"]
# 40 GiB / (32 layers x 16 tokens x 2 x 8 KV heads x 128 x 2 bytes).
DEFAULTS = {
    "num_requests": 3,
    "first_prompt": 563,
    "last_arrival": 0.0,
    "num_blocks": 20480,
    "block_size": 16,
    "max_num_seqs": 256,
    "max_num_batched_tokens": 8192,
    "max_model_len": 4096,
    "enable_chunked_prefill": True,
    "enable_caching": True,
    "policy": "fcfs",
    "watermark": 0.0,
    "long_prefill_token_threshold": 0,
    "max_concurrency": None,
    "leap": True,
    # 8,030,261,248 weights of 2 bytes at 80 % of 3.35 TB/s; 131,072 bytes of keys and values likewise.
    "weights_ms": 5.993,
    "kv_token_ns": 48.9,
}

Served = list[dict[str, Any]]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    """What `serve` got, call by call."""
    calls: Served = []
    serve: Callable[..., Any] = serving.serve

    def watched(trace: Any, config: Any, cost: Any, **options: Any) -> Any:
        seen = {name: getattr(config, name) for name in DEFAULTS if hasattr(config, name)}
        seen |= {name: options[name] for name in ("max_concurrency", "leap")}
        seen |= {"num_requests": len(trace), "first_prompt": trace[0].num_prompt_tokens}
        seen |= {"last_arrival": trace[-1].arrival_time}
        seen |= {"weights_ms": round(cost.weights_ps / 1e9, 3), "kv_token_ns": round(cost.kv_token_ps / 1e3, 1)}
        calls.append(seen)
        return serve(trace, config, cost, **options)

    monkeypatch.setattr(serving, "serve", watched)
    return calls


@pytest.mark.parametrize(
    ("flags", "changed"),
    [
        ([], {}),
        (["--step-by-step"], {"leap": False}),
        (["--no-chunked-prefill"], {"enable_chunked_prefill": False}),
        (["--no-prefix-caching"], {"enable_caching": False}),
        (["--watermark", "0.25"], {"watermark": 0.25}),
        (["--concurrency", "2"], {"max_concurrency": 2}),
        (["--policy", "priority"], {"policy": "priority"}),
        (["--max-num-seqs", "5"], {"max_num_seqs": 5}),
        (["--max-num-batched-tokens", "500"], {"max_num_batched_tokens": 500}),
        (["--max-model-len", "3000"], {"max_model_len": 3000}),
        (["--long-prefill-token-threshold", "100"], {"long_prefill_token_threshold": 100}),
        (["--num-blocks", "300"], {"num_blocks": 300}),
        (["--memory", "4GiB"], {"num_blocks": 2048}),
        (["--block-size", "32"], {"block_size": 32, "num_blocks": 10240}),
        (["--requests", "2"], {"num_requests": 2}),
        (["--workload", "alpaca"], {"first_prompt": 35}),
        (["--device", "A100-80GB"], {"weights_ms": 9.846, "kv_token_ns": 80.4}),
        (["--dtype", "float32"], {"num_blocks": 10240, "weights_ms": 11.985, "kv_token_ns": 97.8}),
        (
            ["--model", "Qwen2.5-7B-Instruct"],
            {"num_blocks": 46811, "weights_ms": 5.683, "kv_token_ns": 21.4},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_each_option_changes_what_it_names_and_nothing_else(
    served: Served, flags: list[str], changed: dict[str, Any]
) -> None:
    assert main([*SMALL, *flags]) == 0
    assert served == [DEFAULTS | changed]


def test_each_rate_is_a_run_of_the_same_requests_over_another_time(served: Served) -> None:
    assert main([*SMALL, "--rate", "0.5", "5"]) == 0
    slow, fast = (call["last_arrival"] for call in served)
    assert slow == pytest.approx(10 * fast)
    assert fast > 0
    assert served == [DEFAULTS | {"last_arrival": slow}, DEFAULTS | {"last_arrival": fast}]


def test_the_seed_decides_the_arrivals(served: Served) -> None:
    for seed in ("0", "0", "1"):
        assert main([*SMALL, "--rate", "1", "--seed", seed]) == 0
    first, again, other = (call["last_arrival"] for call in served)
    assert first == again != other


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--rate", "4", "0"], "rate must be a number above 0 and at most 100000 per second, got 0.0"),
        (["--rate", "4", "nan"], "rate must be a number above 0 and at most 100000 per second, got nan"),
        (["--concurrency", "0"], "--concurrency must be an integer of at least 1, got 0"),
    ],
)
def test_a_bad_load_is_refused_before_any_work(
    served: Served, flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # A model that does not exist would be the error if it were looked for first.
    assert main([*SMALL, "--model", "/nowhere", *flags]) == 2
    assert capsys.readouterr() == ("", f"python -m paged_sim simulate: {message}\n")
    assert served == []
