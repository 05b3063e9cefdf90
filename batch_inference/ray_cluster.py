"""Ray: started on this machine for one job, or joined where it runs."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from batch_inference.errors import BatchError
from batch_inference.placement import LOCAL, Machine

# Data goes through files, so Ray's own store holds next to nothing; by default it would take 30 % of the memory.
_OBJECT_STORE_BYTES = 128 << 20
_DEFAULTS = {
    # Nothing reports home.
    "RAY_USAGE_STATS_ENABLED": "0",
    # Otherwise every worker would start through `uv run`, in a copy of the working directory.
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    # Ray Data tells of every start; Ray's core, as an error, that an actor has arguments.
    "RAY_DATA_LOG_LEVEL": "ERROR",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
_LOCAL_DEFAULTS = {
    # Ray's own switch for machines that are to listen on loopback only; it is read when Ray is imported.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    # Ray runs tasks in threads, to which glibc gives memory that it hands back to the kernel, whatever
    # `inference.cpu_allocator` says of the main thread's: 8 % of the rows per second on a CPU.
    "MALLOC_ARENA_MAX": "1",
}


@contextmanager
def ray_cluster(address: str) -> Iterator[list[Machine]]:
    """Connects to Ray while the block runs, and yields the machines; a cluster that the caller has joined is used.

    Args:
        address: `local`, `auto` or `host:port`.

    Raises:
        BatchError: Ray is not installed, or no cluster answers.
    """
    for name, value in (_DEFAULTS | (_LOCAL_DEFAULTS if address == LOCAL else {})).items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise BatchError(
            f"Ray cannot be imported: {error}. It is the dependency group ray, as in `uv run --group ray …`."
        ) from error
    joined = ray.is_initialized()
    if not joined:
        _join(address)
    try:
        resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        yield [Machine(int(one.get("GPU", 0)), int(one.get("CPU", 0))) for one in resources]
    finally:
        if not joined:
            ray.shutdown()


def _join(address: str) -> None:
    import ray

    options = {"address": address, "log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        options |= {
            "num_cpus": len(os.sched_getaffinity(0)),
            "object_store_memory": _OBJECT_STORE_BYTES,
            "include_dashboard": False,
        }
    try:
        ray.init(**options)
    except RuntimeError as error:
        raise BatchError(f"Ray did not start, or another version answers at {address!r}: {error}") from error
    except ConnectionError as error:
        raise BatchError(
            f"No Ray cluster answers at {address!r}. Start one with `ray start --head`, or leave --address out."
        ) from error
