"""The simulator's scheduler and vLLM 0.32's own, in lockstep over random scenarios."""

from collections import Counter

import pytest

from tests.differential.lockstep import first_difference, run
from tests.differential.scenario import scenario
from tests.differential.simulator_side import SimulatorSide

pytestmark = pytest.mark.slow
NUM_SEEDS = 400


def test_every_step_of_every_scenario_is_that_of_vllm() -> None:
    from tests.differential.vllm_side import VLLMSide

    reached: Counter[str] = Counter()
    for seed in range(NUM_SEEDS):
        steps = list(run(VLLMSide(scenario(seed).settings), scenario(seed)))
        difference = first_difference(run(SimulatorSide(scenario(seed).settings), scenario(seed)), steps)
        assert difference is None, f"seed {seed}: {difference}"
        reached["steps"] += len(steps)
        reached["preemptions"] += sum(len(step["preempted"]) for step in steps)
        reached["hits"] += steps[-1]["stats"]["hits"] + steps[-1]["stats"]["preempted_hits"]
        reached["partial prefills"] += sum(_has_partial_prefill(step) for step in steps)
    print(dict(reached))
    assert reached["steps"] > 10_000
    assert reached["preemptions"] > 500
    assert reached["hits"] > 5_000
    assert reached["partial prefills"] > 500


def _has_partial_prefill(step: dict) -> bool:
    return any(0 < computed < total - 1 for total, computed, _ in step["tokens"].values())
