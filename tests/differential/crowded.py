"""Scenarios in which many requests come at once, with hardly any blocks and hardly any budget.

Some rules show only when several things are scarce in the same step: who is preempted after others were scheduled,
what happens to the budget then, which of two prompts still fits. Two tokens make up all prompts, so that many blocks
hold the same tokens in another order.
"""

import random
from typing import Any

from tests.differential.scenario import RequestSpec, Scenario

TOKENS = (4, 5)


def crowded_scenario(seed: int) -> Scenario:
    """Returns the scenario of a seed."""
    rng = random.Random(f"crowded/{seed}")
    settings = _settings(rng)
    events: dict[int, list[tuple[str, Any]]] = {}
    specs: list[RequestSpec] = []
    step = 0
    for index in range(rng.randint(6, 16)):
        step += rng.choice([0, 0, 0, 1, 2])
        specs.append(_request(rng, index, settings["max_model_len"] - 1, specs))
        events.setdefault(step, []).append(("add", specs[-1]))
        if rng.random() < 0.1:
            events.setdefault(step + rng.randint(1, 12), []).append(("abort", specs[-1].request_id))
    return Scenario(seed, settings, events, step + 1)


def _settings(rng: random.Random) -> dict[str, Any]:
    block_size = rng.choice([1, 1, 2, 4])
    num_blocks = rng.randint(5, 20)
    max_model_len = min((num_blocks - 1) * block_size, rng.choice([10, 16, 32]))
    max_num_seqs = rng.choice([3, 5, 8])
    chunked = rng.random() < 0.6
    least = max_num_seqs if chunked else max(max_num_seqs, max_model_len)
    return {
        "num_blocks": num_blocks,
        "block_size": block_size,
        "max_num_seqs": max_num_seqs,
        "max_num_batched_tokens": least + rng.choice([0, 0, 1, 3]),
        "max_model_len": max_model_len,
        "enable_chunked_prefill": chunked,
        "enable_caching": rng.random() < 0.7,
        "policy": rng.choice(["fcfs", "priority", "priority"]),
        "watermark": rng.choice([0.0, 0.1, 0.3]),
        "long_prefill_token_threshold": min(max_model_len, rng.choice([2, 3, 4])) if chunked else 0,
        "scheduler_reserve_full_isl": rng.random() < 0.4,
    }


def _request(rng: random.Random, index: int, longest: int, earlier: list[RequestSpec]) -> RequestSpec:
    prompt = [rng.choice(TOKENS) for _ in range(rng.randint(1, longest))]
    return RequestSpec(
        request_id=f"{index:03}",
        prompt=rng.choice(earlier).prompt if earlier and rng.random() < 0.2 else prompt,
        max_tokens=rng.choice([1, 4, 8, 16]),
        lora_name=rng.choice([None, None, None, "a"]),
        cache_salt=rng.choice([None, None, None, "a"]),
        priority=rng.randint(0, 2),
        arrival_time=float(rng.randint(0, 2)),
    )
