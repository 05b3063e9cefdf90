"""Memory of an engine's processes while it works, sampled from outside.

CPU: the sum of PSS over the process tree: pages that several processes share are divided among them. A sum of RSS would
count the libraries once for each process. GPU: what NVML says the tree's processes hold; where a container hides their
ids from it, nothing is known. The numbers of the two kinds cannot be compared.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

import psutil

from benchmarks.comparison.worker import process_tree

CPU_PERIOD_S = 0.5
GPU_PERIOD_S = 0.03
PSS, NVML = "PSS of the process tree", "NVML, process tree"


class MemoryPeak:
    """The largest sample while the context is open.

    Attributes:
        peak_bytes: the largest one; 0 before the first.
    """

    def __init__(self, sample: Callable[[], int], period_s: float) -> None:
        self._sample, self._period_s = sample, period_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_bytes = 0

    def _watch(self) -> None:
        while True:
            with suppress(psutil.Error):
                self.peak_bytes = max(self.peak_bytes, self._sample())
            if self._stop.wait(self._period_s):
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        with suppress(psutil.Error):
            self.peak_bytes = max(self.peak_bytes, self._sample())


class ProcessMemory:
    """Samples of one engine's memory.

    Attributes:
        method: what the number is: `PSS` or `NVML`.
    """

    def __init__(self, pid: int, gpu: "GPU | None") -> None:
        self._pid, self._gpu = pid, gpu
        self.method = PSS if gpu is None else NVML

    def peak(self) -> MemoryPeak:
        """Returns a context that holds the peak."""
        return MemoryPeak(self.sample, CPU_PERIOD_S if self._gpu is None else GPU_PERIOD_S)

    def sample(self) -> int:
        """Returns bytes now; 0 as long as nothing is known."""
        processes = process_tree(self._pid)
        if self._gpu is None:
            return sum(_pss(process) for process in processes)
        return self._gpu.process_bytes({process.pid for process in processes})

    def as_record(self, peak_bytes: int) -> dict[str, str | int]:
        """Returns what a record says of a peak: what kind of number it is, and the number."""
        return {"method": self.method, "peak_bytes": peak_bytes}


class GPU:
    """The GPU that CUDA takes first, as NVML sees it; no CUDA context is made for it."""

    def __init__(self) -> None:
        import pynvml

        pynvml.nvmlInit()
        self._nvml = pynvml
        first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
        if first.startswith("GPU-"):
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(first)
        else:
            self._handle = pynvml.nvmlDeviceGetHandleByIndex(int(first or 0))

    def process_bytes(self, pids: set[int]) -> int:
        """Returns what these processes hold; 0 if NVML names none of them."""
        found = self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)
        return sum(process.usedGpuMemory or 0 for process in found if process.pid in pids)

    def description(self) -> dict[str, str | int]:
        """Returns name, memory and driver."""
        return {
            "gpu": _text(self._nvml.nvmlDeviceGetName(self._handle)),
            "gpu_memory_bytes": self._nvml.nvmlDeviceGetMemoryInfo(self._handle).total,
            "driver": _text(self._nvml.nvmlSystemGetDriverVersion()),
        }


def _pss(process: psutil.Process) -> int:
    try:
        return process.memory_full_info().pss
    except psutil.Error:  # it has ended meanwhile
        return 0


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
