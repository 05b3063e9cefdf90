"""Processes of engines: what they answer, and what is said when they do not."""

import os
import threading
from pathlib import Path

import psutil
import pytest

from benchmarks.comparison.catalog import EngineChoice
from benchmarks.comparison.engines.interface import EngineSetup, InferenceRequest
from benchmarks.comparison.memory import PSS, MemoryPeak, ProcessMemory
from benchmarks.comparison.worker import EngineFailureError, EngineWorker, process_tree

SETUP = EngineSetup("a model", "float32", 64, 4)
REQUESTS = [InferenceRequest((7, 8), 3, ignore_eos=True), InferenceRequest((9,), 2, ignore_eos=True)]


def worker(name: str, folder: Path, environment: dict[str, str] | None = None) -> EngineWorker:
    choice = EngineChoice(name, f"fake_engines:{name}", environment=environment or {})
    return EngineWorker(choice, SETUP, folder / "log")


def test_an_engine_answers_from_a_process_of_its_own(tmp_path: Path) -> None:
    with worker("EchoEngine", tmp_path, {"FAKE_VARIABLE": "set"}) as engine:
        assert engine.start() > 0
        assert engine.pid != os.getpid()
        run = engine.run(REQUESTS, 2)
        assert [completion.token_ids for completion in run.completions] == [(7, 7, 7), (9, 9)]
        assert run.completions[0].token_times_s is None
        assert engine.run(REQUESTS, 2, token_times=True).completions[1].token_times_s == (0.1, 0.2)
        threads = str(len(os.sched_getaffinity(0)))
        assert engine.facts() == {"threads": threads, "variable": "set"}
        engine.forget()
    assert "FAKE_VARIABLE" not in os.environ
    assert process_tree(engine.pid) == []
    assert "echo is ready" in (tmp_path / "log").read_text()


def test_what_an_engine_raises_is_its_error_and_it_lives_on(tmp_path: Path) -> None:
    with worker("FailingEngine", tmp_path) as engine:
        engine.start()
        with pytest.raises(EngineFailureError, match=r"^RuntimeError: out of patience$"):
            engine.run(REQUESTS, 2)
        assert engine.facts()["variable"] == ""
    assert "Traceback" in (tmp_path / "log").read_text()


def test_an_engine_that_does_not_load_says_why(tmp_path: Path) -> None:
    with worker("UnloadableEngine", tmp_path) as engine:
        with pytest.raises(EngineFailureError, match=r"^ValueError: no such weights in this folder$"):
            engine.start()
        with pytest.raises(EngineFailureError, match="The engine was not started"):
            engine.run(REQUESTS, 1)


def test_a_process_that_ends_leaves_its_last_words(tmp_path: Path) -> None:
    with worker("DyingEngine", tmp_path) as engine:
        engine.start()
        for _ in range(2):
            with pytest.raises(EngineFailureError, match=r"Its process ended\. The last it said: .*the last words"):
                engine.run(REQUESTS, 2)


def test_memory_is_that_of_the_process_tree(tmp_path: Path) -> None:
    with worker("EchoEngine", tmp_path) as engine:
        memory = ProcessMemory(engine.pid, gpu=None)
        with memory.peak() as peak:
            pass
        assert memory.method == PSS
        assert 1024**2 < peak.peak_bytes <= psutil.virtual_memory().total
    assert memory.sample() == 0


def test_the_peak_is_the_largest_sample() -> None:
    samples, third = iter([3, 9]), threading.Event()

    def sample() -> int:
        value = next(samples, 4)
        if value == 4:
            third.set()
        return value

    with MemoryPeak(sample, 0.001) as peak:
        assert third.wait(timeout=10)
    assert peak.peak_bytes == 9
