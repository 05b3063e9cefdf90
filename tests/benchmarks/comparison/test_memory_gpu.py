"""Memory of a GPU as NVML tells it, without a GPU."""

import os
import sys
from types import SimpleNamespace

import pytest

from benchmarks.comparison.memory import GPU, NVML, ProcessMemory


class FakeNVML:
    """Two devices; this process holds 70 bytes of the second one."""

    def __init__(self) -> None:
        self.asked: list[str | int] = []

    def nvmlInit(self) -> None:  # noqa: N802 (NVML's name)
        pass

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        self.asked.append(index)
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:  # noqa: N802
        self.asked.append(uuid)
        return 1

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[SimpleNamespace]:  # noqa: N802
        other = SimpleNamespace(pid=1, usedGpuMemory=500)
        return [other, SimpleNamespace(pid=os.getpid(), usedGpuMemory=70)] if handle == 1 else [other]


@pytest.mark.parametrize(
    ("visible", "asked", "held"), [(None, 0, 0), ("", 0, 0), ("1,0", 1, 70), ("GPU-abc,GPU-def", "GPU-abc", 70)]
)
def test_only_the_trees_own_memory_on_the_first_visible_gpu_counts(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, asked: str | int, held: int
) -> None:
    nvml = FakeNVML()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    memory = ProcessMemory(os.getpid(), GPU())
    assert memory.sample() == held
    assert nvml.asked == [asked]
    assert memory.as_record(70) == {"method": NVML, "peak_bytes": 70}
