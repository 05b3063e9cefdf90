"""Memory of an engine's processes while it works, sampled from outside.

CPU: the sum of PSS over the process tree: pages that several processes share are divided among them. A sum of RSS would
count the libraries once for each process. GPU: what NVML says the tree's processes hold; in a container that hides
their ids, how much more of the device is used than before the engine started. The numbers of the two kinds cannot be
compared.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

import psutil

from benchmarks.comparison.worker import process_tree

CPU_PERIOD_S = 0.5
GPU_PERIOD_S = 0.03
PSS, NVML_TREE, NVML_DEVICE = "PSS of the process tree", "NVML, process tree", "NVML, device, minus before the start"


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
        method: what the number is: `PSS`, `NVML_TREE` or `NVML_DEVICE`.
    """

    def __init__(self, pid: int, gpu: "GPU | None") -> None:
        self._pid, self._gpu = pid, gpu
        self._before = gpu.used_bytes() if gpu else 0
        self.method = PSS if gpu is None else NVML_DEVICE

    def peak(self) -> MemoryPeak:
        """Returns a context that holds the peak."""
        return MemoryPeak(self.sample, CPU_PERIOD_S if self._gpu is None else GPU_PERIOD_S)

    def sample(self) -> int:
        """Returns bytes now."""
        processes = process_tree(self._pid)
        if self._gpu is None:
            return sum(_pss(process) for process in processes)
        held = self._gpu.process_bytes({process.pid for process in processes})
        if held is None:
            return max(self._gpu.used_bytes() - self._before, 0)
        self.method = NVML_TREE
        return held


class GPU:
    """The first GPU, as NVML sees it; no CUDA context is made for it."""

    def __init__(self) -> None:
        import pynvml

        pynvml.nvmlInit()
        self._nvml = pynvml
        self._handle = pynvml.nvmlDeviceGetHandleByIndex(0)

    def used_bytes(self) -> int:
        """Returns the memory of the device that is in use, by whomever."""
        return self._nvml.nvmlDeviceGetMemoryInfo(self._handle).used

    def process_bytes(self, pids: set[int]) -> int | None:
        """Returns what these processes hold; None if NVML names none of them, as in a container of its own ids."""
        found = self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)
        ours = [process.usedGpuMemory or 0 for process in found if process.pid in pids]
        return sum(ours) if ours else None

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
