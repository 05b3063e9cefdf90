"""Gives each engine of a machine cores of its own: two that share a core wait for each other at every step."""

import os
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

# Held until this process ends, however it ends.
_held: list[FileLock] = []


def claim_cores(count: int) -> tuple[int, ...]:
    """Binds this process to cores that no other replica on this machine has.

    Args:
        count: how many, at least 1.

    Returns:
        The cores; fewer where others hold them, and none, with the process left as it is, where all are held.
    """
    folder = Path(tempfile.gettempdir()) / f"batch-inference-cores-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    claimed: list[int] = []
    for core in sorted(os.sched_getaffinity(0)):
        if len(claimed) < count and _claim(folder / f"core-{core}.lock"):
            claimed.append(core)
    if claimed:
        os.sched_setaffinity(0, claimed)
    return tuple(claimed)


def _claim(file: Path) -> bool:
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    _held.append(lock)
    return True
