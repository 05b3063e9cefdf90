"""Small plans and records that take no engine."""

from typing import Any

import pytest

from benchmarks.comparison.metrics import Objective
from benchmarks.comparison.plan import ComparisonPlan


@pytest.fixture
def plan() -> ComparisonPlan:
    return ComparisonPlan(
        model="bundled",
        dtype="float32",
        tracks=("fixed",),
        concurrencies=(1, 4),
        engines=("transformers-batch", "vllm"),
        prompt_tokens=8,
        output_tokens=4,
        max_tokens=16,
        repeats=2,
        objective=Objective(ttft_s=1.0, tpot_s=0.1),
    )


def row(engine: str, concurrency: int, seconds: float, **more: Any) -> dict[str, Any]:
    latency = {
        "total_s": seconds,
        "ttft_s": [seconds / 4] * concurrency,
        "tpot_s": [seconds / 4] * concurrency,
        "e2e_s": [seconds] * concurrency,
        "itl_percentiles_s": [seconds / 4] * 101,
    }
    return {
        "engine": engine,
        "track": "fixed",
        "concurrency": concurrency,
        "status": "ok",
        "prompt_tokens": [8] * concurrency,
        "output_tokens": [4] * concurrency,
        "warm_up_s": seconds + 1,
        "total_s": [seconds, 2 * seconds, seconds],
        "latency": latency,
        "memory": {"method": "PSS of the process tree", "peak_bytes": 300 * 1024**2},
        "kv_needed_bytes": 1024**2,
        "limit_s": seconds / 2,
        "facts": {},
        **more,
    }


@pytest.fixture
def record(plan: ComparisonPlan) -> dict[str, Any]:
    agreement = {"reference": "transformers-batch", "first_divergence": [None, 2, None, 0], "lengths": [4] * 4}
    return {
        "schema_version": 1,
        "command": "python -m benchmarks compare",
        "started": "2026-11-26T12:00:00+00:00",
        "host": {"cpu": "a CPU", "cores": 2, "machine": "x86_64", "python": "3.13.0"},
        "versions": {"vllm": "0.32.0", "transformers": "5.19.0", "torch": "2.13.0"},
        "plan": plan.as_record(),
        "model": {
            "layer_parameters": 1024**2,
            "output_parameters": 1024**2,
            "kv_bytes_per_token": 1024,
            "attention_width": 64,
            "weight_bytes": 4,
        },
        "device": {"name": "CPU, 2 threads", "bytes_per_s": 2e10, "flops_per_s": 3e11},
        "engines": {
            "transformers-batch": {"status": "ok", "start_s": 10.0, "facts": {"load_s": 1.0}},
            "vllm": {"status": "ok", "start_s": 30.0, "facts": {"load_s": 0.5, "kv_cache_bytes": 2 * 1024**2}},
        },
        "rows": [
            row("transformers-batch", 1, 0.4),
            row("vllm", 1, 0.5, facts={"kv_cache_bytes": 2 * 1024**2}),
            row("transformers-batch", 4, 0.8),
            row("vllm", 4, 0.4, facts={"kv_cache_bytes": 2 * 1024**2}, agreement=agreement),
        ],
    }
