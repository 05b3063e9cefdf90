"""The simulator's scheduler and vLLM 0.32's own, in lockstep while blocks and budget are scarce."""

from collections import Counter

import pytest

from tests.differential.lockstep import MOST_STEPS, first_difference
from tests.differential.oracles import CROWDED

pytestmark = pytest.mark.slow
NUM_SEEDS = 400


def test_every_step_under_pressure_is_that_of_vllm() -> None:
    reached: Counter[str] = Counter()
    for seed in range(NUM_SEEDS):
        steps = list(CROWDED.vllm(seed))
        difference = first_difference(CROWDED.simulator(seed), steps)
        assert difference is None, f"seed {seed}: {difference}"
        reached["steps"] += len(steps)
        reached["preemptions"] += sum(len(step["preempted"]) for step in steps)
        reached["several victims"] += sum(len(step["preempted"]) > 1 for step in steps)
        reached["without end"] += len(steps) == MOST_STEPS
    print(dict(reached))
    assert reached["preemptions"] > 1_000
    assert reached["several victims"] > 50
