"""The simulator's statistics of the prefix cache and vLLM 0.32's own, over the same random admissions."""

import pytest

from tests.differential.lockstep import first_difference
from tests.differential.oracles import METRICS

pytestmark = pytest.mark.slow
NUM_SEEDS = 300


def test_every_count_and_hit_rate_is_that_of_vllm() -> None:
    hit_rates: set[float] = set()
    for seed in range(NUM_SEEDS):
        entries = list(METRICS.vllm(seed))
        difference = first_difference(METRICS.simulator(seed), entries)
        assert difference is None, f"seed {seed}: {difference}"
        hit_rates.update(entry["hit_rate"] for entry in entries)
    assert len(hit_rates) > 1_000
