"""How much memory this process may still take: on the machine, and in the container that it runs in."""

from pathlib import Path

import psutil

# Where a container sees its own limits (control groups, version 2); the machine itself has no such files.
_CGROUP = Path("/sys/fs/cgroup")


def free_memory() -> int:
    """Returns bytes that can be taken without swapping, or without meeting the container's limit if that is nearer."""
    return min(psutil.virtual_memory().available, _free_in_container())


def _free_in_container() -> float:
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
        # Cached files count as used, but go when memory is needed.
        cached = next(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
    except (OSError, ValueError, StopIteration):  # no limit is written as "max"
        return float("inf")
    return max(limit - used + cached, 0)
