"""Measures one cell on all engines: warm-up, alternating repeats, and a run with the time of every token."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.comparison.agreement import compare
from benchmarks.comparison.catalog import EngineChoice
from benchmarks.comparison.engines.interface import InferenceRequest
from benchmarks.comparison.limits import DeviceRates, ModelWork, least_seconds
from benchmarks.comparison.memory import ProcessMemory
from benchmarks.comparison.metrics import latencies
from benchmarks.comparison.plan import Cell
from benchmarks.comparison.work import for_engine, kv_bytes_needed
from benchmarks.comparison.worker import EngineFailureError, EngineWorker
from benchmarks.comparison.worker_process import EngineRun

Row = dict[str, Any]
# Told the name of the engine before each of its runs.
Report = Callable[[str], None]


@dataclass(slots=True)
class RunningEngine:
    """An engine that takes part.

    Attributes:
        name: its key in the catalog.
        choice: what it is.
        worker: its process.
        memory: samples of that process's memory.
    """

    name: str
    choice: EngineChoice
    worker: EngineWorker
    memory: ProcessMemory


@dataclass(slots=True)
class _Seen:
    """What one engine has shown of a cell so far."""

    warm_up: EngineRun | None = None
    peak_bytes: int = 0
    total_s: list[float] = field(default_factory=list)
    total_tokens: list[int] = field(default_factory=list)
    timed: EngineRun | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


class CellMeasurement:
    """All runs of one cell; an engine that fails is one row with its error, and the others go on."""

    def __init__(
        self,
        cell: Cell,
        requests: list[InferenceRequest],
        engines: Mapping[str, RunningEngine],
        report: Report,
    ) -> None:
        self._cell, self._requests, self._engines, self._report = cell, requests, engines, report
        self._seen = {name: _Seen() for name in engines}

    def run(self, repeats: int) -> None:
        """Runs everything: `repeats` counted runs of each engine, the order of the engines reversed every time."""
        for engine in self._engines.values():
            with suppress(EngineFailureError):  # its first run says so too
                engine.worker.forget()
        self._each(list(self._engines), self._warm_up)
        for index in range(repeats):
            names = list(self._engines)
            self._each(names[::-1] if index % 2 else names, self._repeat)
        self._each(list(self._engines), self._time_tokens)

    def _each(self, names: list[str], act: Callable[[RunningEngine, _Seen], None]) -> None:
        for name in names:
            self._report(name)
            seen = self._seen[name]
            if seen.error is None:
                try:
                    act(self._engines[name], seen)
                except EngineFailureError as error:
                    seen.error = str(error)

    def _generate(self, engine: RunningEngine, token_times: bool = False) -> EngineRun:
        requests = for_engine(engine.choice, self._requests)
        return engine.worker.run(requests, self._cell.concurrency, token_times)

    def _warm_up(self, engine: RunningEngine, seen: _Seen) -> None:
        # Memory is sampled here only: reading PSS holds up the process that it is read from.
        with engine.memory.peak() as peak:
            seen.warm_up = self._generate(engine)
        seen.peak_bytes = peak.peak_bytes

    def _repeat(self, engine: RunningEngine, seen: _Seen) -> None:
        run = self._generate(engine)
        seen.total_s.append(run.total_s)
        seen.total_tokens.append(sum(map(len, _tokens(run))))

    def _time_tokens(self, engine: RunningEngine, seen: _Seen) -> None:
        seen.timed = self._generate(engine, token_times=True)
        seen.facts = engine.worker.facts()

    def rows(self, work: ModelWork, rates: DeviceRates, reference_for: Callable[[str], str | None]) -> list[Row]:
        """Returns a row for each engine.

        Args:
            work: sizes of the model.
            rates: what the device reaches.
            reference_for: the engine that another's answers are compared with, or None.
        """
        rows = []
        for name, seen in self._seen.items():
            row: Row = {"engine": name, **self._cell._asdict(), "status": "ok" if seen.error is None else "error"}
            if seen.error is not None:
                row["error"] = seen.error
            if seen.warm_up is not None:
                row |= self._figures(self._engines[name], seen, work, rates)
                row |= self._agreement(seen.warm_up, reference_for(name))
            rows.append(row)
        return rows

    def _agreement(self, answers: EngineRun, reference: str | None) -> Row:
        expected = self._seen[reference].warm_up if reference in self._seen else None
        if reference is None or expected is None:
            return {}
        return {"agreement": asdict(compare(reference, _tokens(expected), _tokens(answers)))}

    def _figures(self, engine: RunningEngine, seen: _Seen, work: ModelWork, rates: DeviceRates) -> Row:
        prompts = [len(request.prompt_token_ids) for request in self._requests]
        outputs = [len(tokens) for tokens in _tokens(seen.warm_up)]
        concurrency = self._cell.concurrency
        figures = {
            "prompt_tokens": prompts,
            "output_tokens": outputs,
            "warm_up_s": seen.warm_up.total_s,
            "total_s": seen.total_s,
            "total_tokens": seen.total_tokens,
            "kv_needed_bytes": kv_bytes_needed(self._requests, outputs, concurrency, work.kv_bytes_per_token),
            "limit_s": least_seconds(work, rates, prompts, outputs, concurrency),
            "facts": seen.facts,
        }
        if seen.peak_bytes:
            figures["memory"] = engine.memory.as_record(seen.peak_bytes)
        return figures if seen.timed is None else figures | {"latency": latencies(seen.timed).as_record()}


def _tokens(run: EngineRun) -> list[tuple[int, ...]]:
    return [completion.token_ids for completion in run.completions]
