"""vLLM's runs on disk: made once, compared with every mutant."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.differential.oracles import CROWDED, MANAGER, METRICS, SCHEDULER, Oracle

# The schedulers are asked first: what they show is a decision of the engine, not only of a part.
ORACLES = (SCHEDULER, CROWDED, MANAGER, METRICS)
NUM_SEEDS = 60


def record(folder: Path) -> None:
    """Runs all seeds on vLLM and writes their steps into a folder."""
    for oracle, seed in runs():
        steps = pickle.dumps(list(oracle.vllm(seed)))
        _path(folder, oracle, seed).write_bytes(steps)


def runs() -> Iterator[tuple[Oracle, int]]:
    """Yields all comparisons, in the order in which a mutant meets them."""
    for seed in range(NUM_SEEDS):
        for oracle in ORACLES:
            yield oracle, seed


def recorded(folder: Path, oracle: Oracle, seed: int) -> list[dict[str, Any]]:
    """Returns the steps of one run."""
    return pickle.loads(_path(folder, oracle, seed).read_bytes())


def _path(folder: Path, oracle: Oracle, seed: int) -> Path:
    return folder / f"{oracle.name}-{seed}.pickle"
