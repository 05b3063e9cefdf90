"""Traces as files: one request per line as a JSON object, in order of arrival.

    {"request_id": "r0000000", "prompt": [["r0000000/prompt", 161]], "output": ["r0000000/answer", 338],
     "arrival_time": 0.512}

(in one line). The fields are those of `TraceRequest`; a segment is [name, length]. Fields with their default value are
left out, except the arrival time.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, TextIO

from paged_sim.checks import require, require_number
from paged_sim.workload.trace import Segment, TraceRequest

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def save_trace(trace: Iterable[TraceRequest], path: str | Path) -> int:
    """Writes a trace to a file and returns the number of requests.

    The file appears complete or not at all; one that was there before stays until then. The requests are taken one by
    one, so a trace of any length takes no memory.

    Args:
        trace: requests in order of arrival.
        path: the file to write, in a folder that exists.

    Raises:
        ValueError: a request arrives before the one in front of it.
        OSError: the file cannot be written.
    """
    num_requests = 0
    latest = 0.0
    with _replacing(Path(path)) as file:
        for request in trace:
            latest = _next_arrival(request, latest)
            file.write(_encode(_to_record(request)) + "\n")
            num_requests += 1
    return num_requests


def load_trace(path: str | Path) -> Iterator[TraceRequest]:
    """Returns the requests of a file one by one.

    Args:
        path: a file that `save_trace` has written, or one like it.

    Raises:
        ValueError: a line is no request, or arrives before the line above it; the message says which line, which
            field and why. Raised when that line is reached.
        OSError: the file cannot be read. Raised when the first request is taken.
    """
    latest = 0.0
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                request = _from_record(_decode(line))
                latest = _next_arrival(request, latest)
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
            yield request


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: there is no folder {path.parent}. Make it first.")
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _next_arrival(request: TraceRequest, latest: float) -> float:
    require_number(
        f"arrival_time of {request.request_id!r}, after the request in front of it,", request.arrival_time, latest
    )
    return request.arrival_time


def _decode(line: bytes) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg}, column {error.colno}") from error
    except RecursionError as error:
        raise ValueError("not a request: nested too deeply") from error


def _to_record(request: TraceRequest) -> dict[str, Any]:
    values = ((field, getattr(request, field.name)) for field in fields(request))
    return {field.name: value for field, value in values if value != field.default or field.name == "arrival_time"}


def _from_record(record: Any) -> TraceRequest:
    require(isinstance(record, dict), "a request", "a JSON object", record)
    for name in record:
        require(name in _READERS, "a field", f"one of {', '.join(_READERS)}", name)
    for name in ("request_id", "prompt", "output", "arrival_time"):
        require(name in record, name, "in every request", "none")
    return TraceRequest(**{name: _READERS[name](name, value) for name, value in record.items()})


def _read_text(field: str, value: Any) -> str:
    require(isinstance(value, str), field, "a text", value)
    return value


def _read_optional_text(field: str, value: Any) -> str | None:
    return None if value is None else _read_text(field, value)


def _read_segment(field: str, value: Any) -> Segment:
    is_pair = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and type(value[1]) is int
    require(is_pair and value[1] >= 1, field, "[name, length] with a length of at least 1", value)
    return Segment(*value)


def _read_segments(field: str, value: Any) -> tuple[Segment, ...]:
    require(isinstance(value, list), field, "a list of segments", value)
    return tuple(_read_segment(f"{field}[{index}]", segment) for index, segment in enumerate(value))


def _read_checked_later(_field: str, value: Any) -> Any:
    """Returns the value: `TraceRequest` checks it itself."""
    return value


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "request_id": _read_text,
    "prompt": _read_segments,
    "output": _read_segment,
    "arrival_time": _read_checked_later,
    "abort_time": _read_checked_later,
    "priority": _read_checked_later,
    "lora_name": _read_optional_text,
    "cache_salt": _read_optional_text,
}
