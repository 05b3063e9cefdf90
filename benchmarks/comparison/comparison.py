"""Runs a plan: every engine in a process of its own, all of them alive, one of them busy at a time."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

from benchmarks.comparison.catalog import EngineChoice
from benchmarks.comparison.limits import DeviceRates, ModelWork
from benchmarks.comparison.measure import CellMeasurement, RunningEngine
from benchmarks.comparison.memory import GPU, ProcessMemory
from benchmarks.comparison.plan import Cell, ComparisonPlan, takes_part
from benchmarks.comparison.record import ComparisonRecord
from benchmarks.comparison.work import Requests, all_requests, engine_setup, source_of
from benchmarks.comparison.worker import EngineFailureError, EngineWorker, same_threads

# Besides the counted repeats: the warm-up and the run with the times of tokens.
UNCOUNTED_RUNS = 2


class Progress(Protocol):
    """Who is told how far the comparison is."""

    def begin(self, num_runs: int) -> None:
        """The number of runs is known."""
        ...

    def says(self, text: str) -> None:
        """What is being done now."""
        ...

    def ran(self, text: str) -> None:
        """One run more has begun, and what it is."""
        ...


class Comparison:
    """A plan, its record, and the engines that are alive."""

    def __init__(self, plan: ComparisonPlan, record: ComparisonRecord, logs: Path, progress: Progress) -> None:
        self._plan, self._record, self._logs, self._progress = plan, record, logs, progress

    def run(self) -> None:
        """Measures every cell that the record does not hold yet, and writes it after each."""
        cells = [cell for cell in self._plan.cells() if not self._record.has(cell)]
        if not cells:
            return
        source = source_of(self._plan)
        requests = all_requests(self._plan, source)
        self._progress.says("bandwidth and matrix rate")
        work = model_work(source, self._plan.dtype)
        rates = self._record.add_rates(work, device_rates(self._plan.dtype))
        self._progress.begin(sum(len(self._names(cell)) for cell in cells) * (self._plan.repeats + UNCOUNTED_RUNS))
        with self._engines(source, requests) as engines:
            for cell in cells:
                self._measure(cell, requests, engines, work, rates)
        self._progress.says("bandwidth and matrix rate once more")
        self._record.add_rates(work, device_rates(self._plan.dtype))

    def _names(self, cell: Cell) -> list[str]:
        return [name for name, choice in self._plan.choices().items() if takes_part(choice, cell)]

    def _measure(
        self,
        cell: Cell,
        requests: Requests,
        engines: dict[str, RunningEngine | str],
        work: ModelWork,
        rates: DeviceRates,
    ) -> None:
        names = self._names(cell)
        alive = {name: engine for name in names if isinstance(engine := engines[name], RunningEngine)}

        def report(name: str) -> None:
            self._progress.ran(f"{cell.track}, {cell.concurrency} at once: {name}")

        measurement = CellMeasurement(cell, requests[cell], alive, report)
        measurement.run(self._plan.repeats)
        rows = measurement.rows(work, rates, self._plan.reference_for)
        for name in names:
            if isinstance(error := engines[name], str):
                rows.append({"engine": name, **cell._asdict(), "status": "error", "error": error})
                for _ in range(self._plan.repeats + UNCOUNTED_RUNS):
                    self._progress.ran(f"{name} did not start")
        self._record.add_rows(rows)

    @contextmanager
    def _engines(self, source: str, requests: Requests) -> Iterator[dict[str, RunningEngine | str]]:
        """Yields every engine by name, or the error that kept it from starting."""
        gpu = find_gpu()
        choices = self._plan.choices()
        setups = {name: engine_setup(self._plan, choice, source, requests) for name, choice in choices.items()}
        with ExitStack() as alive:
            # Where there is a GPU there are cores for all: they start side by side, else one after the other. On the
            # way out the workers end first, so that nobody waits for a start.
            starters = alive.enter_context(ThreadPoolExecutor(max_workers=len(choices) if gpu else 1))
            workers: dict[str, EngineWorker] = {}
            for name, choice in choices.items():
                worker = EngineWorker(choice, setups[name], self._logs / f"{name}.log")
                workers[name] = alive.enter_context(worker)

            def start(name: str) -> RunningEngine | str:
                self._progress.says(f"starting {name}")
                return self._start(name, choices[name], workers[name], gpu)

            yield dict(zip(workers, starters.map(start, workers), strict=True))

    def _start(self, name: str, choice: EngineChoice, worker: EngineWorker, gpu: GPU | None) -> RunningEngine | str:
        memory = ProcessMemory(worker.pid, gpu)
        try:
            with memory.peak() as peak:
                start_s = worker.start()
            facts = worker.facts()
        except EngineFailureError as error:
            # What it holds is the others'.
            worker.close()
            self._record.add_engine(name, {"status": "error", "error": str(error)})
            return str(error)
        self._record.add_engine(name, started(start_s, memory, peak.peak_bytes, facts))
        return RunningEngine(name, choice, worker, memory)


def started(start_s: float, memory: ProcessMemory, peak_bytes: int, facts: dict[str, Any]) -> dict[str, Any]:
    """Returns what a record says of an engine that has started."""
    held = {"memory": memory.as_record(peak_bytes) | {"idle_bytes": memory.sample()}} if peak_bytes else {}
    return {"status": "ok", "start_s": start_s, "facts": facts, **held}


def find_gpu() -> GPU | None:
    """Returns the GPU that engines run on; None on a machine without one."""
    from benchmarks.device_rates import device_kind

    return GPU() if device_kind() == "cuda" else None


def device_rates(dtype: str) -> DeviceRates:
    """Returns what the device reaches, measured in a process that ends before the engines start."""
    with same_threads(), ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measure_rates, dtype).result()


def _measure_rates(dtype: str) -> DeviceRates:
    import torch

    from benchmarks.device_rates import copy_bytes_per_s, device_name, matmul_flops_per_s

    return DeviceRates(device_name(), copy_bytes_per_s(), matmul_flops_per_s(getattr(torch, dtype)))


def model_work(source: str, dtype: str) -> ModelWork:
    """Returns the sizes of a model that decide how much work a token is."""
    from inference.base_model import load_config, resolve_base_model

    return ModelWork.from_config(load_config(resolve_base_model(source)), dtype)
