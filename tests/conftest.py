"""What holds for all tests."""

import os
import sys

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Compiles each library once, where the environment forbids bytecode beside the sources.

    Else every process that a test starts compiles all of vLLM anew, which takes longer than most tests.
    """
    if sys.dont_write_bytecode and sys.pycache_prefix is None and config.cache is not None:
        sys.dont_write_bytecode = False
        sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(config.cache.mkdir("bytecode"))
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
