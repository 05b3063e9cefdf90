"""Keeps the worker alive between queries, and ends it when it must be ended."""

import os
import selectors
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from text_to_sql.execution.worker import read_frame, write_frame

_WORKER: Final = Path(__file__).with_name("worker.py")
# Start-up takes 30 ms; a machine that is busy with something else may take a hundred times as long.
_START_TIMEOUT_S: Final = 20.0
_CHUNK: Final = 1 << 20


class WorkerDiedError(Exception):
    """The worker ended while it was asked, most likely by a limit of the kernel."""


class WorkerTimeoutError(Exception):
    """The worker gave no answer in time, and was killed."""


class WorkerProcess:
    """A worker that is started when first asked, and again after it has ended; threads ask in turn.

    Args:
        configuration: what `worker.Worker` takes, as JSON can hold it.
    """

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self._configuration = configuration
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._stop: weakref.finalize[..., Any] | None = None

    def ask(self, query: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Returns the worker's answer to a query.

        Args:
            query: `sql` and `max_rows`.
            timeout_s: seconds after which the worker is killed.

        Raises:
            WorkerTimeoutError: it took longer than `timeout_s`; the worker is killed.
            WorkerDiedError: the worker ended meanwhile.
        """
        with self._lock:
            process = self._running()
            try:
                return self._exchange(process, query, timeout_s)
            except BaseException:
                # An answer that comes later would be taken for that of the next query.
                self._end()
                raise

    def close(self) -> None:
        """Ends the worker; the next question starts another."""
        with self._lock:
            self._end()

    def _running(self) -> subprocess.Popen[bytes]:
        # After a fork the worker is that of the parent process.
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            self._end()
            self._start()
        return self._process

    def _start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 (this interpreter and a file of this package)
            [sys.executable, "-I", "-S", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )
        self._owner = os.getpid()
        self._stop = weakref.finalize(self, _end_process, self._process, self._owner)
        answer = self._exchange(self._process, self._configuration, _START_TIMEOUT_S)
        if "unopened" in answer:
            raise WorkerDiedError(answer["unopened"])

    def _exchange(self, process: subprocess.Popen[bytes], message: Any, timeout_s: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        try:
            write_frame(process.stdin, message)
        except BrokenPipeError as error:
            raise WorkerDiedError("it had ended before") from error
        return _read_answer(process.stdout, deadline)

    def _end(self) -> None:
        if self._stop is not None:
            self._stop()
        self._process = self._stop = None


def _read_answer(stream: Any, deadline: float) -> dict[str, Any]:
    """Reads one frame as it comes, with an eye on the clock."""
    received, wanted = bytearray(), 4
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while len(received) < wanted:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise WorkerTimeoutError
            chunk = os.read(stream.fileno(), _CHUNK)
            if not chunk:
                raise WorkerDiedError("it ended without an answer")
            received += chunk
            if len(received) >= 4:
                wanted = 4 + int.from_bytes(received[:4], "big")
    return read_frame(BytesIO(received))


def _end_process(process: subprocess.Popen[bytes], owner: int) -> None:
    """Kills the worker and waits for it; a forked copy of its owner only closes its own ends of the pipes."""
    if owner == os.getpid():
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        try:
            pipe.close()
        except OSError:
            # A frame that was not written whole.
            continue
