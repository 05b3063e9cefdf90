"""All ways to compare the simulator with vLLM, each as two runs of a seed that must be the same step for step.

This module imports the simulator only; vLLM is imported by the first run of it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from paged_sim import CachingMetrics, PrefixCacheStats
from tests.differential.crowded import crowded_scenario
from tests.differential.lockstep import run
from tests.differential.manager_run import manager_settings, run_manager
from tests.differential.manager_side import SimulatorManager
from tests.differential.metrics_run import run_metrics
from tests.differential.scenario import Scenario, scenario
from tests.differential.simulator_side import SimulatorSide

Run = Callable[[int], Iterator[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Oracle:
    """One kind of comparison.

    Attributes:
        name: what is compared.
        vllm: runs a seed on vLLM.
        simulator: runs a seed on the simulator.
    """

    name: str
    vllm: Run
    simulator: Run


def _schedulers(name: str, scenario_of: Callable[[int], Scenario]) -> Oracle:
    def vllm(seed: int) -> Iterator[dict[str, Any]]:
        from tests.differential.vllm_side import VLLMSide

        return run(VLLMSide(scenario_of(seed).settings), scenario_of(seed))

    def simulator(seed: int) -> Iterator[dict[str, Any]]:
        return run(SimulatorSide(scenario_of(seed).settings), scenario_of(seed))

    return Oracle(name, vllm, simulator)


def _vllm_manager(seed: int) -> Iterator[dict[str, Any]]:
    from tests.differential.vllm_manager import VLLMManager

    return run_manager(VLLMManager(manager_settings(seed)), seed)


def _simulator_manager(seed: int) -> Iterator[dict[str, Any]]:
    return run_manager(SimulatorManager(manager_settings(seed)), seed)


def _vllm_metrics(seed: int) -> Iterator[dict[str, Any]]:
    from vllm.v1.metrics.stats import CachingMetrics as VLLMCachingMetrics
    from vllm.v1.metrics.stats import PrefixCacheStats as VLLMPrefixCacheStats

    return run_metrics(VLLMCachingMetrics, VLLMPrefixCacheStats, seed)


def _simulator_metrics(seed: int) -> Iterator[dict[str, Any]]:
    return run_metrics(CachingMetrics, PrefixCacheStats, seed)


SCHEDULER = _schedulers("scheduler", scenario)
CROWDED = _schedulers("crowded", crowded_scenario)
MANAGER = Oracle("manager", _vllm_manager, _simulator_manager)
METRICS = Oracle("metrics", _vllm_metrics, _simulator_metrics)
