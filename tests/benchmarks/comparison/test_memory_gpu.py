"""NVML's two kinds of numbers, without a GPU."""

import os

from benchmarks.comparison.memory import NVML_DEVICE, NVML_TREE, ProcessMemory


class FakeGPU:
    def __init__(self, used: list[int], held: int | None) -> None:
        self._used, self._held = iter(used), held
        self.asked: set[int] = set()

    def used_bytes(self) -> int:
        return next(self._used)

    def process_bytes(self, pids: set[int]) -> int | None:
        self.asked = pids
        return self._held


def test_the_trees_own_memory_is_taken_where_it_is_known() -> None:
    gpu = FakeGPU([100], held=70)
    memory = ProcessMemory(os.getpid(), gpu)
    assert memory.sample() == 70
    assert memory.method == NVML_TREE
    assert os.getpid() in gpu.asked


def test_else_what_the_device_uses_more_than_before() -> None:
    memory = ProcessMemory(os.getpid(), FakeGPU([100, 160, 90], held=None))
    assert memory.sample() == 60
    assert memory.method == NVML_DEVICE
    assert memory.sample() == 0
