"""`python -m paged_sim trace`: figures of a trace by hand, and the shipped workloads."""

import json
import re
from pathlib import Path

import pytest

from paged_sim.__main__ import main
from paged_sim.commands.trace import describe
from paged_sim.workload.trace import Segment, TraceRequest
from paged_sim.workload.trace_file import save_trace

SYSTEM, HELLO, ANSWER = Segment("system", 6), Segment("hello", 4), Segment("answer", 5)
TRACE = [
    TraceRequest("a", (SYSTEM, HELLO), ANSWER),
    # Shares the system prompt: 6 of 8 tokens.
    TraceRequest("b", (SYSTEM, Segment("other", 2)), Segment("b", 7), arrival_time=1.5),
    # The next turn of the first: all but the last of 16 tokens were there.
    TraceRequest("c", (SYSTEM, HELLO, ANSWER, Segment("more", 1)), Segment("c", 9), arrival_time=2.5),
    # With an adapter or a salt of its own, nothing is shared.
    TraceRequest("d", (SYSTEM,), Segment("d", 3), arrival_time=4.0, lora_name="adapter"),
    TraceRequest("e", (SYSTEM, HELLO), Segment("e", 7), arrival_time=4.5, cache_salt="salt"),
    # The whole prompt of the first; its answer is no prompt.
    TraceRequest("f", (SYSTEM, HELLO), Segment("answer", 5), arrival_time=5.0),
]
FIGURES = {
    "requests": 6,
    "last_arrival_s": 5.0,
    # 6, 8, 10, 10, 10, 16: the 99th percentile is 95 % of the way from the fifth to the sixth.
    "prompt_tokens": {"mean": 10.0, "p50": 10.0, "p99": pytest.approx(15.7), "longest": 16},
    # 3, 5, 5, 7, 7, 9.
    "output_tokens": {"mean": 6.0, "p50": 6.0, "p99": pytest.approx(8.9), "longest": 9},
    "shared_prompt_share": pytest.approx((6 + 15 + 10) / 60),
}


def test_a_trace_is_described_as_by_hand() -> None:
    assert describe(iter(TRACE)) == FIGURES


def test_a_request_alone_shares_nothing() -> None:
    spread = {"mean": 6.0, "p50": 6.0, "p99": 6.0, "longest": 6}
    assert describe(iter([TRACE[3]])) == {
        "requests": 1,
        "last_arrival_s": 4.0,
        "prompt_tokens": spread,
        "output_tokens": {"mean": 3.0, "p50": 3.0, "p99": 3.0, "longest": 3},
        "shared_prompt_share": 0.0,
    }


def test_an_empty_trace_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^trace must be at least one request, got \[\]$"):
        describe(iter([]))


def test_a_file_is_described_for_people_and_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "trace.jsonl"
    save_trace(TRACE, path)
    assert main(["trace", "--input", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == FIGURES
    assert main(["trace", "--input", str(path)]) == 0
    title, _, table = capsys.readouterr().out.partition("┏")
    assert " ".join(title.split()) == "6 requests within 5.0 s; 52 % of the prompts is shared"
    rows = [re.split(r"\s*│\s*", line.strip("│ ")) for line in table.splitlines() if line.startswith("│")]
    assert rows == [["prompt", "10", "10", "16", "16"], ["output", "6", "6", "9", "9"]]


def test_the_shipped_workloads_are_listed_for_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "--list", "--json"]) == 0
    texts = json.loads(capsys.readouterr().out)
    assert list(texts) == ["sharegpt", "alpaca", "long-answers", "shared-prefix", "chat", "parallel-sampling"]
    assert texts["alpaca"].startswith("Short instructions and answers: 19 and 58 tokens on average")
    assert main(["trace", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [[name, text] for name, text in texts.items()]
