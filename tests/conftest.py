"""The order of the whole suite: quick tests on every core first, module by module; then, alone, those that use all cores.

A step of the engine waits for its slowest thread, so beside another busy process it takes several times as long. Where
paths are named, all runs in one process and in the usual order.
"""

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadGroupScheduling

ALONE = "alone"
# More help little: the suite's longest part is what runs alone.
MOST_WORKERS = 4


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Returns how many processes run the quick tests; 0 for all tests in this one."""
    is_whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    cores = len(os.sched_getaffinity(0))
    return min(cores, MOST_WORKERS) if is_whole and cores > 1 else 0


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts what runs alone at the end, as one piece of work."""
    if is_worker(config):
        for item in items:
            if uses_all_cores(item):
                item.add_marker(pytest.mark.xdist_group(ALONE))
        items.sort(key=uses_all_cores)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leaves the other cores to the other processes, where a quick test computes."""
    if is_worker(item.config) and (torch := sys.modules.get("torch")):
        torch.set_num_threads(len(os.sched_getaffinity(0)) if uses_all_cores(item) else 1)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "LoadGroupScheduling":
    """Hands out whole modules, and at last what runs alone."""
    from xdist.scheduler import LoadGroupScheduling

    class Modules(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            group = super()._split_scope(nodeid)
            return nodeid.partition("::")[0] if group == nodeid else group

    return Modules(config, log)


def uses_all_cores(item: pytest.Item) -> bool:
    """Whether a test starts engines, kernels or browsers."""
    return any(item.get_closest_marker(name) for name in ("slow", "browser"))


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is one of several that share the suite."""
    return hasattr(config, "workerinput")
