"""What this device reaches at best, measured with torch: bandwidth of a large copy, rate of a large matrix product."""

import time
from collections.abc import Callable
from typing import Any

import torch

COPIED_BYTES = 512 * 1024**2


def copy_bytes_per_s(num_bytes: int = COPIED_BYTES) -> float:
    """Returns the bandwidth of a large copy, which reads and writes each byte."""
    source = torch.ones(num_bytes // 4, device=device_kind())
    target = torch.empty_like(source)
    return 2 * num_bytes / _best_seconds(lambda: target.copy_(source))


def matmul_flops_per_s(dtype: torch.dtype | None = None) -> float:
    """Returns the rate of a large matrix product.

    Args:
        dtype: of the matrices; None is 16-bit on a GPU and float32 on a CPU.
    """
    size, usual = (8192, torch.bfloat16) if device_kind() == "cuda" else (1536, torch.float32)
    left = torch.randn(size, size, device=device_kind()).to(dtype or usual)
    return 2 * size**3 / _best_seconds(lambda: left @ left)


def device_name() -> str:
    """Returns the name of the GPU, or of the CPU with its cores."""
    if device_kind() == "cuda":
        return torch.cuda.get_device_name()
    return f"CPU, {torch.get_num_threads()} threads"


def device_kind() -> str:
    """Returns torch's name of where models compute: `cuda` or `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _best_seconds(work: Callable[[], Any], runs: int = 7) -> float:
    def timed() -> float:
        start = time.perf_counter()
        work()
        if device_kind() == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    return min(timed() for _ in range(runs + 1))
