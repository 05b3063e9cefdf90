"""The simulator's KV cache manager and vLLM 0.32's own, call by call in an order that no scheduler would choose."""

from collections import Counter
from typing import Any

import pytest

from tests.differential.lockstep import first_difference
from tests.differential.oracles import MANAGER

pytestmark = pytest.mark.slow
NUM_SEEDS = 400


def test_every_call_leaves_the_state_that_vllm_has() -> None:
    reached: Counter[str] = Counter()
    for seed in range(NUM_SEEDS):
        calls = list(MANAGER.vllm(seed))
        difference = first_difference(MANAGER.simulator(seed), calls)
        assert difference is None, f"seed {seed}: {difference}"
        reached.update(_outcome(call) for call in calls)
        reached["cached prefix"] += sum(bool(tokens) for call in calls for _, tokens in call["hits"].values())
    print(dict(reached))
    outcomes = ("new blocks", "no room", "ValueError")
    for outcome in [f"{call}: {outcome}" for call in ("admit", "grow") for outcome in outcomes]:
        assert reached[outcome] > 200, outcome
    assert reached["take: ValueError"] > 200
    assert reached["reset: True"] > 200
    assert reached["reset: False"] > 200
    assert reached["cached prefix"] > 5_000


def _outcome(call: dict[str, Any]) -> str:
    name, result = call["call"], call["result"]
    if name in ("admit", "grow") and result is not None:
        _, _, blocks = result
        return f"{name}: {blocks if isinstance(blocks, str) else 'no room' if blocks is None else 'new blocks'}"
    if name == "take":
        return f"{name}: {result if isinstance(result, str) else 'new blocks'}"
    return f"{name}: {result}" if name == "reset" else name
