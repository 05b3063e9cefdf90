"""What runs in an engine's own process: the engine, and what the other side may ask of it."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from benchmarks.comparison.catalog import EngineChoice
from benchmarks.comparison.engines.interface import Completion, Engine, EngineSetup, InferenceRequest
from benchmarks.comparison.engines.vllm_log import LOG_VARIABLE
from inference.cpu_allocator import keep_freed_memory, return_freed_memory

# Linux's prctl: the signal that this process gets when its parent ends.
_PR_SET_PDEATHSIG = 1
_LONGEST_ERROR = 400

_engine: Engine | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """An error, as text: not every exception of the engines can be sent to another process."""

    error: str


@dataclass(frozen=True, slots=True)
class EngineRun:
    """One run of an engine: all requests arrive at its beginning.

    Attributes:
        total_s: seconds until the last answer.
        completions: the answers, in the order of the requests.
    """

    total_s: float
    completions: list[Completion]


def prepare(log_file: str) -> None:
    """Prepares a fresh process: its output goes to the log, and it ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    # A group of processes of its own, which can be ended together, whatever the engine has started.
    os.setsid()
    # On a CPU this alone gives vLLM a tenth more tokens per second, so every engine gets it.
    keep_freed_memory()
    os.environ[LOG_VARIABLE] = log_file
    # vLLM's log tells how long loading and compiling took.
    os.environ["VLLM_LOGGING_LEVEL"] = "INFO"
    log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
    for stream in (1, 2):
        os.dup2(log, stream)
    # Its own lock is a semaphore of the system, which a process that is killed leaves behind.
    tqdm.set_lock(threading.RLock())


def start(choice: EngineChoice, setup: EngineSetup) -> float | Failure:
    """Loads the engine; returns the seconds that it took, imports included."""

    def load() -> float:
        global _engine  # noqa: PLW0603 (one engine for the life of this process)
        os.environ.update(choice.environment)
        begin = time.perf_counter()
        _engine = choice.load(setup)
        return time.perf_counter() - begin

    return _or_failure(load)


def run(requests: Sequence[InferenceRequest], concurrency: int, token_times: bool) -> EngineRun | Failure:
    """Runs requests; see `Engine.generate`."""

    def generate() -> EngineRun:
        begin = time.perf_counter()
        completions = _loaded().generate(requests, concurrency, token_times)
        return EngineRun(time.perf_counter() - begin, completions)

    return _or_failure(generate)


def forget() -> Failure | None:
    """Makes the engine forget earlier shapes, and the process hand back what it has freed since."""

    def forget_and_trim() -> None:
        _loaded().forget()
        return_freed_memory()

    return _or_failure(forget_and_trim)


def facts() -> dict[str, float | int | str] | Failure:
    """Returns what the engine knows of itself."""
    return _or_failure(lambda: _loaded().facts())


def close() -> None:
    """Ends the engine; an error on its last way changes nothing any more."""
    _or_failure(lambda: _loaded().close())


def _loaded() -> Engine:
    if _engine is None:
        raise RuntimeError("The engine was not started")
    return _engine


def _or_failure(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Exception as error:  # whatever an engine raises becomes a row of the table
        import traceback

        traceback.print_exc(file=sys.stderr)
        sys.stderr.flush()
        text = " ".join(str(error).split())[:_LONGEST_ERROR]
        return Failure(f"{type(error).__name__}: {text}" if text else type(error).__name__)
