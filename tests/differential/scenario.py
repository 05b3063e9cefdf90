"""Random scenarios that reach every rule of the scheduler: what arrives when, on which machine."""

import random
from dataclasses import dataclass, field
from typing import Any

EOS = 3
VOCABULARY = 40


@dataclass(frozen=True)
class RequestSpec:
    """What a request is made of, for either scheduler."""

    request_id: str
    prompt: list[int]
    max_tokens: int
    lora_name: str | None = None
    cache_salt: str | None = None
    priority: int = 0
    arrival_time: float = 0.0
    skip_reading: bool = False
    ignore_eos: bool = True

    def sampled(self, position: int) -> int:
        """Returns the token that the model samples at this position: the same for equal contents in many cases."""
        return random.Random(f"{self.prompt[:4]}/{position}").randrange(4, VOCABULARY) if self.ignore_eos else EOS


@dataclass(frozen=True)
class Scenario:
    """Settings, and what happens before each step."""

    seed: int
    settings: dict[str, Any]
    events: dict[int, list[tuple[str, Any]]] = field(default_factory=dict)
    num_steps: int = 0


def scenario(seed: int) -> Scenario:
    """Returns the scenario of a seed: small pools, shared prefixes, repeats, adapters, salts, aborts, resets."""
    rng = random.Random(seed)
    settings = _settings(rng)
    events: dict[int, list[tuple[str, Any]]] = {}
    specs: list[RequestSpec] = []
    step = 0
    for index in range(rng.randint(4, 24)):
        step += rng.choice([0, 0, 1, 2, 4, 10])
        specs.append(_request(rng, index, settings, specs))
        events.setdefault(step, []).append(("add", specs[-1]))
        if rng.random() < 0.12:
            events.setdefault(step + rng.randint(1, 15), []).append(("abort", specs[-1].request_id))
    for _ in range(rng.choice([0, 0, 1, 3])):
        reset_running = rng.random() < 0.5
        events.setdefault(rng.randint(0, step + 30), []).append(("reset", reset_running))
    for _ in range(rng.choice([0, 0, 2])):
        ids = rng.sample(range(1, settings["num_blocks"]), k=min(3, settings["num_blocks"] - 1))
        events.setdefault(rng.randint(0, step + 20), []).append(("evict", ids))
    return Scenario(seed, settings, events, step + 1)


def _settings(rng: random.Random) -> dict[str, Any]:
    block_size = rng.choice([1, 2, 4, 4, 16])
    num_blocks = rng.randint(4, 40)
    capacity = (num_blocks - 1) * block_size
    max_model_len = max(2, min(capacity, rng.choice([capacity, 24, 60, 160])))
    max_num_seqs = rng.choice([1, 2, 4, 8, 16])
    chunked = rng.random() < 0.75
    least = max(max_num_seqs, 1 if chunked else max_model_len)
    return {
        "num_blocks": num_blocks,
        "block_size": block_size,
        "max_num_seqs": max_num_seqs,
        "max_num_batched_tokens": max(least, rng.choice([least, 8, 20, 64, 200])),
        "max_model_len": max_model_len,
        "enable_chunked_prefill": chunked,
        "enable_caching": rng.random() < 0.75,
        "policy": rng.choice(["fcfs", "priority"]),
        "watermark": rng.choice([0.0, 0.0, 0.1, 0.3]),
        "long_prefill_token_threshold": rng.choice([0, 0, 0, 3, min(9, max_model_len)]) if max_model_len >= 3 else 0,
        "scheduler_reserve_full_isl": rng.random() < 0.8,
    }


def _request(rng: random.Random, index: int, settings: dict[str, Any], earlier: list[RequestSpec]) -> RequestSpec:
    longest = settings["max_model_len"] - 1
    return RequestSpec(
        request_id=f"{index:03}",
        prompt=_prompt(rng, longest, earlier),
        max_tokens=rng.choice([1, 2, 5, 9, 20]),
        lora_name=rng.choice([None] * 8 + ["a", "b"]),
        cache_salt=rng.choice([None] * 8 + ["s", "t"]),
        priority=rng.choice([0, 0, 1, 2]),
        arrival_time=float(rng.randint(0, 3)),
        skip_reading=rng.random() < 0.1,
        ignore_eos=rng.random() < 0.9,
    )


def _prompt(rng: random.Random, longest: int, earlier: list[RequestSpec]) -> list[int]:
    if earlier and rng.random() < 0.25:
        return rng.choice(earlier).prompt
    length = rng.randint(1, min(longest, rng.choice([3, 12, 40, 40, 160])))
    shared = rng.choice(earlier).prompt[: rng.randint(0, length)] if earlier and rng.random() < 0.75 else []
    return shared + [rng.randrange(4, VOCABULARY) for _ in range(length - len(shared))]
