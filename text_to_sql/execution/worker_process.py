"""Starts the process that runs queries, asks it, and ends it when it is late, when its owner is done, or both."""

import json
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from text_to_sql.errors import QueryProcessError
from text_to_sql.execution.worker import HEADER_BYTES

_WORKER_FILE: Final = Path(__file__).with_name("worker.py")
# A start takes some 20 ms; a machine that is short of memory may need seconds.
_START_SECONDS: Final = 30.0
_CHUNK_BYTES: Final = 1 << 20
# Where the loader finds Python's libraries, and the time zone of `localtime`. Nothing else is the worker's business.
_PASSED_VARIABLES: Final = ("LD_LIBRARY_PATH", "TZ")


class WorkerDiedError(Exception):
    """The worker ended instead of answering."""


class WorkerProcess:
    """One process that answers queries, one at a time; a new one is started whenever there is none.

    Args:
        settings: what the worker is told first; the `owner` is added.
        max_reply_bytes: a longer reply is not read, and ends the worker.
    """

    def __init__(self, settings: Mapping[str, Any], max_reply_bytes: int) -> None:
        self._settings, self._max_reply_bytes = settings, max_reply_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize | None = None
        self._is_closed = False
        self._lock = threading.Lock()
        _WORKERS.add(self)

    @property
    def process_id(self) -> int | None:
        """Id of the process; None while there is none."""
        return self._process.pid if self._process else None

    def ask(self, message: Mapping[str, Any], seconds: float) -> list[Any]:
        """Returns the worker's reply; whatever goes wrong ends the worker.

        Args:
            message: what to ask.
            seconds: how long to wait for the reply. A start that is needed does not count.

        Raises:
            TimeoutError: the reply did not come in time.
            WorkerDiedError: the worker ended, or replied with something that is no reply.
            QueryProcessError: no worker can be started, it cannot open the database, or `close` was called.
        """
        with self._lock:
            if self._is_closed:
                raise QueryProcessError("This database is closed. Open it again with ReadOnlyDatabase.")
            try:
                if not self._is_alive():
                    self._start()
                return self._exchange(message, seconds)
            except BaseException:
                self._stop()
                raise

    def restart_later(self) -> None:
        """Ends the worker; the next question starts a new one."""
        with self._lock:
            self._stop()

    def close(self) -> None:
        """Ends the worker for good; a second call does nothing."""
        with self._lock:
            self._is_closed = True
            self._stop()

    def forget(self) -> None:
        """Leaves the worker to the process that this one was forked from."""
        self._lock = threading.Lock()
        if self._process and self._end:
            self._end.detach()
            _close_pipes(self._process)
            # It is no child of this process, so nothing is to be waited for.
            self._process.returncode = 0
        self._process = self._end = None

    def _is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _start(self) -> None:
        self._stop()
        try:
            process = subprocess.Popen(  # noqa: S603 (the interpreter that runs this, and a file of this package)
                [sys.executable, "-I", "-S", str(_WORKER_FILE)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd="/",
                env={name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ},
                # Ctrl-C in the terminal is for the owner alone.
                start_new_session=True,
            )
        except OSError as error:
            raise QueryProcessError(f"The process that runs queries cannot be started: {error}.") from error
        self._process, self._end = process, weakref.finalize(self, _end_process, process)
        self._check_ready()

    def _check_ready(self) -> None:
        try:
            verdict, *reason = self._exchange({**self._settings, "owner": os.getpid()}, _START_SECONDS)
        except (WorkerDiedError, TimeoutError) as error:
            raise QueryProcessError("The process that runs queries was started, but does not answer.") from error
        if verdict != "ready":
            raise QueryProcessError(f"The process that runs queries cannot open the database: {reason[0]}.")

    def _exchange(self, message: Mapping[str, Any], seconds: float) -> list[Any]:
        deadline = time.monotonic() + seconds
        body = json.dumps(message).encode()
        rest = memoryview(len(body).to_bytes(HEADER_BYTES, "big") + body)
        try:
            while rest:
                rest = rest[os.write(self._process.stdin.fileno(), rest) :]
        except BrokenPipeError as error:
            raise WorkerDiedError from error
        length = int.from_bytes(self._read(HEADER_BYTES, deadline), "big")
        if length > self._max_reply_bytes:
            raise WorkerDiedError
        return _decoded(self._read(length, deadline))

    def _read(self, count: int, deadline: float) -> bytearray:
        descriptor, data, events = self._process.stdout.fileno(), bytearray(), select.poll()
        events.register(descriptor, select.POLLIN)
        while len(data) < count:
            if not events.poll(max(0.0, 1_000 * (deadline - time.monotonic()))):
                raise TimeoutError
            chunk = os.read(descriptor, min(count - len(data), _CHUNK_BYTES))
            if not chunk:
                raise WorkerDiedError
            data += chunk
        return data

    def _stop(self) -> None:
        if self._end:
            self._end()
        self._process = self._end = None


_WORKERS: Final[weakref.WeakSet[WorkerProcess]] = weakref.WeakSet()


def _forget_all() -> None:
    for worker in _WORKERS:
        worker.forget()


os.register_at_fork(after_in_child=_forget_all)


def _end_process(process: subprocess.Popen[bytes]) -> None:
    # It only reads, so nothing is lost.
    process.kill()
    process.wait()
    _close_pipes(process)


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    process.stdin.close()
    process.stdout.close()


def _decoded(body: bytearray) -> list[Any]:
    try:
        reply = json.loads(body, object_hook=lambda blob: bytes.fromhex(blob["hex"]))
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise WorkerDiedError from error
    if not isinstance(reply, list) or not reply:
        raise WorkerDiedError
    return reply
