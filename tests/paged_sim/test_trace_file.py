"""Traces come back from files as they were; bad lines are refused by number and field."""

import json
import math
import re
import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paged_sim.workload.trace import Segment, TraceRequest, request_of_lengths, total_tokens
from paged_sim.workload.trace_file import load_trace, save_trace
from paged_sim.workload.workloads import WORKLOADS, workload

GOOD = {"request_id": "a", "prompt": [["x", 3]], "output": ["y", 4], "arrival_time": 1.5}

# Quotes, escapes, line ends that JSON has and that it has not, and characters of one to four bytes.
texts = st.text(alphabet='a/"\\\n\r\u2028\x00é한😀', max_size=8)
segments = st.builds(Segment, texts, st.integers(1, 10**9))
optional_texts = st.none() | texts


@st.composite
def requests(draw: st.DrawFn) -> TraceRequest:
    arrival = draw(st.floats(0, 1e5) | st.integers(0, 10**5))
    return TraceRequest(
        draw(texts.filter(bool)),
        tuple(draw(st.lists(segments, min_size=1, max_size=4))),
        draw(segments),
        arrival,
        draw(st.none() | st.floats(arrival, 1e6)),
        draw(st.integers()),
        draw(optional_texts),
        draw(optional_texts),
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(requests(), max_size=5))
def test_round_trip(tmp_path: Path, trace: list[TraceRequest]) -> None:
    trace.sort(key=lambda request: request.arrival_time)
    assert save_trace(trace, tmp_path / "trace.jsonl") == len(trace)
    assert list(load_trace(tmp_path / "trace.jsonl")) == trace


@pytest.mark.parametrize("name", WORKLOADS)
def test_workloads_round_trip(tmp_path: Path, name: str) -> None:
    trace = list(workload(name, 100, 3.0))
    save_trace(trace, tmp_path / "trace.jsonl")
    assert list(load_trace(str(tmp_path / "trace.jsonl"))) == trace


def test_format(tmp_path: Path) -> None:
    save_trace([request_of_lengths("a", 3, 4), request_of_lengths("b", 5, 6, 0.5)], tmp_path / "trace.jsonl")
    assert (tmp_path / "trace.jsonl").read_bytes() == (
        b'{"request_id":"a","prompt":[["a/prompt",3]],"output":["a/answer",4],"arrival_time":0.0}\n'
        b'{"request_id":"b","prompt":[["b/prompt",5]],"output":["b/answer",6],"arrival_time":0.5}\n'
    )


def write_lines(path: Path, *records: Any) -> Path:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return path


def without(field: str) -> dict:
    return {name: value for name, value in GOOD.items() if name != field}


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ([1], "a request must be a JSON object, got [1]"),
        (GOOD | {"lora": "x"}, "a field must be one of request_id, prompt, output, arrival_time, abort_time, priority"),
        (without("request_id"), "request_id must be in every request, got 'none'"),
        (without("prompt"), "prompt must be in every request, got 'none'"),
        (without("output"), "output must be in every request, got 'none'"),
        (without("arrival_time"), "arrival_time must be in every request, got 'none'"),
        (GOOD | {"request_id": 7}, "request_id must be a text, got 7"),
        (GOOD | {"prompt": "x"}, "prompt must be a list of segments, got 'x'"),
        (GOOD | {"prompt": []}, "prompt must be at least one segment, got ()"),
        (GOOD | {"prompt": [["x", 1], ["y", 0]]}, "prompt[1] must be [name, length] with a length of at least 1, got"),
        (GOOD | {"prompt": [["x", 1, 2]]}, "prompt[0] must be [name, length] with a length of at least 1, got"),
        (GOOD | {"output": ["x", True]}, "output must be [name, length] with a length of at least 1, got ['x', True]"),
        (GOOD | {"output": ["x", 2.5]}, "output must be [name, length] with a length of at least 1, got ['x', 2.5]"),
        (GOOD | {"output": [1, 2]}, "output must be [name, length] with a length of at least 1, got [1, 2]"),
        (GOOD | {"output": None}, "output must be [name, length] with a length of at least 1, got None"),
        (GOOD | {"arrival_time": -1}, "arrival_time must be a number in [0, 1000000], got -1"),
        (GOOD | {"arrival_time": "1"}, "arrival_time must be a number in [0, 1000000], got '1'"),
        (GOOD | {"arrival_time": math.nan}, "arrival_time must be a number in [0, 1000000], got nan"),
        (GOOD | {"arrival_time": math.inf}, "arrival_time must be a number in [0, 1000000], got inf"),
        (GOOD | {"abort_time": 1}, "abort_time must be a number in [1.5, 1000000], got 1"),
        (GOOD | {"priority": 0.5}, "priority must be an integer, got 0.5"),
        (GOOD | {"lora_name": 1}, "lora_name must be a text, got 1"),
        (GOOD | {"cache_salt": []}, "cache_salt must be a text, got []"),
        (GOOD | {"arrival_time": 0.5}, "arrival_time of 'a', after the request in front of it, must be a number of "),
    ],
)
def test_bad_records(tmp_path: Path, record: Any, text: str) -> None:
    path = write_lines(tmp_path / "trace.jsonl", GOOD, GOOD, record)
    loaded = load_trace(path)
    assert len(list(islice(loaded, 2))) == 2
    with pytest.raises(ValueError, match=re.escape(f"{path}, line 3: {text}")):
        next(loaded)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"{", "not JSON: Expecting property name enclosed in double quotes, column"),
        (b"\n", "not JSON: Expecting value, column"),
        (b'{"request_id": "\xff"}', "'utf-8' codec can't decode byte 0xff"),
        (b"[" * 100_000, "not a request: nested too deeply"),
        (b"1" * 5000, "Exceeds the limit (4300 digits) for integer string conversion"),
    ],
)
def test_lines_that_are_not_json(tmp_path: Path, line: bytes, text: str) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(line)
    with pytest.raises(ValueError, match=re.escape(f"{path}, line 1: {text}")):
        list(load_trace(path))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        next(load_trace(tmp_path / "none.jsonl"))
    with pytest.raises(FileNotFoundError):
        save_trace([], tmp_path / "none" / "trace.jsonl")


def failing_trace() -> Iterator[TraceRequest]:
    yield request_of_lengths("a", 3, 4)
    raise KeyboardInterrupt


def test_an_interrupted_save_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    for before in ([], [request_of_lengths("old", 1, 1)]):
        if before:
            save_trace(before, path)
        with pytest.raises(KeyboardInterrupt):
            save_trace(failing_trace(), path)
        assert [file.name for file in tmp_path.iterdir()] == ["trace.jsonl"] * len(before)
    assert list(load_trace(path)) == before


def test_requests_out_of_order_are_not_saved(tmp_path: Path) -> None:
    trace = [request_of_lengths("a", 1, 1, 2.0), request_of_lengths("b", 1, 1, 1.0)]
    with pytest.raises(ValueError, match=r"arrival_time of 'b', .* at least 2\.0, got 1\.0"):
        save_trace(trace, tmp_path / "trace.jsonl")
    assert not list(tmp_path.iterdir())


def test_traces_are_streamed(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    tracemalloc.start()
    save_trace(workload("sharegpt", 5000, 5.0), path)
    total_tokens(load_trace(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.stat().st_size > 500_000
    assert peak < 500_000
