"""The order of the whole suite: quick tests on every core, module by module; then, alone, those that use all cores.

A step of the engine waits for its slowest thread, so beside another busy process it takes several times as long. Where
paths are named, all runs in one process and in the usual order.
"""

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

# Engines, kernels, a browser with a kernel behind it, and mutants on every core.
ALONE = (
    "tests/differential/test_mutants.py",
    "tests/engine/",
    "tests/course/test_in_a_browser.py",
    "tests/course/test_notebook_runs.py",
    "tests/benchmarks/comparison/test_end_to_end.py",
)
# More help little: the suite's longest part is what runs alone.
MOST_WORKERS = 4


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Returns how many processes run the quick tests; 0 for all tests in this one."""
    is_whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    cores = len(os.sched_getaffinity(0))
    return min(cores, MOST_WORKERS) if is_whole and cores > 1 else 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts what runs alone at the end."""
    if is_worker(config):
        items.sort(key=lambda item: runs_alone(item.nodeid))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leaves the other cores to the other processes, where a quick test computes."""
    if is_worker(item.config) and (torch := sys.modules.get("torch")):
        torch.set_num_threads(len(os.sched_getaffinity(0)) if runs_alone(item.nodeid) else 1)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "LoadScopeScheduling":
    """Hands out whole modules, and at last, as one piece of work, what runs alone."""
    from xdist.scheduler import LoadScopeScheduling

    class Modules(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "alone" if runs_alone(nodeid) else nodeid.partition("::")[0]

    return Modules(config, log)


def runs_alone(nodeid: str) -> bool:
    """Whether a test uses all cores."""
    return nodeid.startswith(ALONE)


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is one of several that share the suite."""
    return hasattr(config, "workerinput")
