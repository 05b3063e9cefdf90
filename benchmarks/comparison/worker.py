"""An engine in a process of its own, seen from outside: memory that one engine leaves behind meets no other one."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from unittest import mock

import psutil

from benchmarks.comparison import worker_process
from benchmarks.comparison.catalog import EngineChoice
from benchmarks.comparison.engines.interface import EngineSetup, InferenceRequest
from benchmarks.comparison.worker_process import EngineRun, Failure

# No start and no run of a sensible size takes longer; an engine that hangs must not hold the others up for ever.
PATIENCE_S = 1_800
_LOG_LINES = 3


class EngineFailureError(Exception):
    """An engine did not start, did not answer, or its process ended."""


class EngineWorker:
    """One engine's process, from `start` to `close`."""

    def __init__(self, choice: EngineChoice, setup: EngineSetup, log_file: Path) -> None:
        self._choice, self._setup, self._log_file = choice, setup, log_file
        self._ended = False
        with same_threads():
            self._pool = ProcessPoolExecutor(
                max_workers=1,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=worker_process.prepare,
                initargs=(str(log_file),),
            )
            try:
                self.pid: int = self._call(os.getpid)
            except BaseException:
                self._pool.shutdown(wait=False)
                raise

    def start(self) -> float:
        """Loads the engine; returns the seconds that it took.

        Raises:
            EngineFailureError: it did not start.
        """
        return self._call(worker_process.start, self._choice, self._setup)

    def run(self, requests: Sequence[InferenceRequest], concurrency: int, token_times: bool = False) -> EngineRun:
        """Runs requests; see `Engine.generate`.

        Raises:
            EngineFailureError: it did not answer them.
        """
        return self._call(worker_process.run, requests, concurrency, token_times)

    def forget(self) -> None:
        """Makes the engine forget earlier shapes; see `Engine.forget`.

        Raises:
            EngineFailureError: it could not.
        """
        self._call(worker_process.forget)

    def facts(self) -> dict[str, float | int | str]:
        """Returns what the engine knows of itself."""
        return self._call(worker_process.facts)

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            result = self._pool.submit(function, *arguments).result(timeout=PATIENCE_S)
        except BrokenProcessPool:
            raise EngineFailureError(f"Its process ended. The last it said: {self._last_words()}") from None
        except TimeoutError:
            self._kill()
            raise EngineFailureError(f"It gave no answer within {PATIENCE_S} s and was ended.") from None
        if isinstance(result, Failure):
            raise EngineFailureError(result.error)
        return result

    def _last_words(self) -> str:
        lines = self._log_file.read_text(errors="replace").strip().splitlines() if self._log_file.is_file() else []
        return " / ".join(line.strip() for line in lines[-_LOG_LINES:]) or "nothing"

    def close(self) -> None:
        """Ends the engine, and its process and whatever it started, whether they want to or not; once."""
        if self._ended:
            return
        try:
            with suppress(EngineFailureError):
                self._call(worker_process.close)
        finally:
            self._end()

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._kill()
        self._pool.shutdown(cancel_futures=True)

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # After an error or Ctrl-C nobody waits for the run in progress.
        self.close() if kind is None else self._end()


def same_threads() -> AbstractContextManager[Any]:
    """Returns a context in which processes get as many threads as there are cores; libraries read it when imported."""
    return mock.patch.dict(os.environ, {"OMP_NUM_THREADS": str(len(os.sched_getaffinity(0)))})


def process_tree(pid: int) -> list[psutil.Process]:
    """Returns a process and all that it has started, directly or not; none if it has ended."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
