"""The package shows what it says it shows, and its core needs nothing but the standard library."""

import subprocess
import sys
from types import ModuleType

import paged_sim

CORE = (
    "block",
    "block_hash",
    "block_pool",
    "checks",
    "free_queue",
    "kv_cache_manager",
    "prefix_cache",
    "prefix_cache_stats",
    "request",
    "request_queue",
    "scheduler",
    "scheduler_config",
)
LIST_FOREIGN_MODULES = f"""
import importlib, sys
before = set(sys.modules)
for name in {CORE}:
    importlib.import_module("paged_sim." + name)
loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(*sorted(loaded - set(sys.stdlib_module_names) - {{"paged_sim"}}))
"""


def test_all_names_every_public_name() -> None:
    public = {
        name
        for name, value in vars(paged_sim).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert sorted(public) == sorted(paged_sim.__all__)


def test_the_core_imports_the_standard_library_only() -> None:
    command = [sys.executable, "-c", LIST_FOREIGN_MODULES]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == []
