"""A whole comparison with engines that have no model: order, errors, resuming."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.comparison import catalog, comparison
from benchmarks.comparison.catalog import EngineChoice
from benchmarks.comparison.comparison import Comparison
from benchmarks.comparison.engines.interface import Completion, InferenceRequest
from benchmarks.comparison.limits import DeviceRates, ModelWork
from benchmarks.comparison.measure import CellMeasurement, RunningEngine
from benchmarks.comparison.memory import MemoryPeak
from benchmarks.comparison.plan import Cell, ComparisonPlan
from benchmarks.comparison.record import ComparisonRecord, load_record
from benchmarks.comparison.worker import EngineFailureError
from benchmarks.comparison.worker_process import EngineRun

WORK, RATES = ModelWork(1000, 500, 8, 16, 2), DeviceRates("a device", 1e6, 1e7)
REQUESTS = [InferenceRequest((5, 6), 3, ignore_eos=True), InferenceRequest((8,), 3, ignore_eos=True)]
HOST = {"cpu": "a CPU", "cores": 2, "machine": "x86_64", "python": "3.13.0"}
FAKES = {"echo": "EchoEngine", "dying": "DyingEngine", "unloadable": "UnloadableEngine"}


class FakeWorker:
    """Notes its calls; fails from its `fails_at`-th on."""

    def __init__(self, name: str, calls: list[tuple[str, bool]], fails_at: int = 99) -> None:
        self._name, self._calls, self._fails_at, self._count = name, calls, fails_at, 0

    def run(self, requests: Sequence[InferenceRequest], concurrency: int, token_times: bool = False) -> EngineRun:
        self._calls.append((self._name, token_times))
        self._count += 1
        if self._count >= self._fails_at:
            raise EngineFailureError("RuntimeError: enough")
        times = (0.1, 0.2, 0.3) if token_times else None
        return EngineRun(float(self._count), [Completion((1, 2, 3), 0.3, times)] * len(requests))

    def forget(self) -> None:
        self._calls.append((f"{self._name} forgets", False))

    def facts(self) -> dict[str, Any]:
        return {"runs": self._count}


class FakeMemory:
    method = "PSS of the process tree"

    def peak(self) -> MemoryPeak:
        return MemoryPeak(lambda: 5, 1.0)

    def as_record(self, peak_bytes: int) -> dict[str, Any]:
        return {"method": self.method, "peak_bytes": peak_bytes}


def measured(fails_at: int = 99) -> tuple[list[dict[str, Any]], list[tuple[str, bool]], list[str]]:
    calls: list[tuple[str, bool]] = []
    reported: list[str] = []
    engines = {
        name: RunningEngine(name, catalog.ENGINES["vllm"], FakeWorker(name, calls, at), FakeMemory())
        for name, at in (("a", 99), ("b", fails_at))
    }
    measurement = CellMeasurement(Cell("fixed", 2), REQUESTS, engines, reported.append)
    measurement.run(repeats=3)
    return measurement.rows(WORK, RATES, lambda name: None if name == "a" else "a"), calls, reported


def test_repeats_alternate_between_warm_up_and_the_run_with_times() -> None:
    rows, calls, reported = measured()
    names = [name for name, _ in calls]
    assert names[:2] == ["a forgets", "b forgets"]
    names = names[2:]
    assert names == ["a", "b", *"ab", *"ba", *"ab", "a", "b"]
    assert [times for _, times in calls] == [False] * 10 + [True] * 2
    assert reported == names
    for row in rows:
        assert row["status"] == "ok"
        assert (row["warm_up_s"], row["total_s"], row["latency"]["total_s"]) == (1.0, [2.0, 3.0, 4.0], 5.0)
        assert row["total_tokens"] == [6, 6, 6]
        assert row["memory"] == {"method": "PSS of the process tree", "peak_bytes": 5}
        assert row["kv_needed_bytes"] == (5 + 4) * 8
        assert row["facts"] == {"runs": 5}
    assert "agreement" not in rows[0]
    assert rows[1]["agreement"] == {"reference": "a", "first_divergence": [None, None], "lengths": [3, 3]}


@pytest.mark.parametrize(("fails_at", "runs_kept"), [(1, None), (3, [2.0]), (5, [2.0, 3.0, 4.0])])
def test_an_engine_that_fails_is_asked_no_more_and_keeps_its_samples(fails_at: int, runs_kept: list | None) -> None:
    rows, calls, reported = measured(fails_at)
    assert rows[0]["status"] == "ok"
    assert len(rows[0]["total_s"]) == 3
    assert (rows[1]["status"], rows[1]["error"]) == ("error", "RuntimeError: enough")
    assert rows[1].get("total_s") == runs_kept
    assert [name for name, _ in calls].count("b") == fails_at
    assert len(reported) == 10


class Said:
    """Notes what a comparison tells of itself; can interrupt it after a number of runs."""

    def __init__(self, interrupt_after: int = 999) -> None:
        self.texts: list[str] = []
        self.runs, self.expected, self._interrupt_after = 0, 0, interrupt_after

    def begin(self, num_runs: int) -> None:
        self.expected = num_runs

    def says(self, text: str) -> None:
        self.texts.append(text)

    def ran(self, text: str) -> None:
        self.texts.append(text)
        self.runs += 1
        if self.runs >= self._interrupt_after:
            raise KeyboardInterrupt


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, engine in FAKES.items():
        monkeypatch.setitem(catalog.ENGINES, name, EngineChoice(name, f"fake_engines:{engine}"))
    # The machine has become free in the end.
    rates = itertools.cycle((RATES, replace(RATES, flops_per_s=2e7)))
    monkeypatch.setattr(comparison, "device_rates", lambda dtype: next(rates))


def begin(plan: ComparisonPlan, folder: Path) -> ComparisonRecord:
    return ComparisonRecord.begin(folder / "record.json", "python -m benchmarks compare", plan, HOST)


@pytest.mark.usefixtures("fakes")
def test_a_crash_is_a_row_and_the_others_go_on(plan: ComparisonPlan, tmp_path: Path) -> None:
    plan, said = plan.replaced(engines=("echo", "dying", "unloadable")), Said()
    Comparison(plan, begin(plan, tmp_path), tmp_path, said).run()
    content = load_record(tmp_path / "record.json")
    rows = {(row["engine"], row["concurrency"]): row for row in content["rows"]}
    assert set(rows) == {(name, number) for name in FAKES for number in (1, 4)}
    assert all(rows["echo", number]["status"] == "ok" for number in (1, 4))
    assert rows["echo", 4]["output_tokens"] == [4] * 4
    assert all("Its process ended." in rows["dying", number]["error"] for number in (1, 4))
    assert rows["unloadable", 1]["error"] == "ValueError: no such weights in this folder"
    assert content["engines"]["unloadable"]["status"] == "error"
    assert content["engines"]["echo"]["memory"]["idle_bytes"] > 0
    assert said.runs == said.expected == 2 * 3 * (2 + 2)
    assert content["device"]["flops_per_s"] == 2e7


@pytest.mark.usefixtures("fakes")
def test_an_interrupted_comparison_goes_on_where_it_was(plan: ComparisonPlan, tmp_path: Path) -> None:
    plan = plan.replaced(engines=("echo",))
    with pytest.raises(KeyboardInterrupt):
        Comparison(plan, begin(plan, tmp_path), tmp_path, Said(interrupt_after=6)).run()
    file = tmp_path / "record.json"
    assert [row["concurrency"] for row in load_record(file)["rows"]] == [1]
    said = Said()
    Comparison(plan, ComparisonRecord.resume(file, plan, HOST), tmp_path, said).run()
    assert [row["concurrency"] for row in load_record(file)["rows"]] == [1, 4]
    assert said.runs == 4
    again = Said()
    Comparison(plan, ComparisonRecord.resume(file, plan, HOST), tmp_path, again).run()
    assert (again.runs, again.texts) == (0, [])
