"""A request of a trace checks its values; contents follow from the names of its segments."""

import re
from typing import Any

import pytest

from paged_sim.workload.trace import Segment, TraceRequest, segment_token_ids

GOOD = {"request_id": "a", "prompt": (Segment("x", 3),), "output": Segment("y", 4)}
NO_TEXT = "a text that UTF-8 can hold"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"request_id": ""}, "request_id must be a non-empty text, got ''"),
        ({"request_id": 7}, "request_id must be a non-empty text, got 7"),
        ({"prompt": ()}, "prompt must be at least one segment, got ()"),
        ({"prompt": Segment("x", 3)}, "prompt must be made of segments, got 'x'"),
        ({"prompt": (Segment("x", 3), ("y", 4))}, "prompt must be made of segments, got ('y', 4)"),
        ({"prompt": (Segment(7, 3),)}, f"name of a segment of prompt must be {NO_TEXT}, got 7"),
        ({"prompt": (Segment(b"x", 3),)}, f"name of a segment of prompt must be {NO_TEXT}, got b'x'"),
        ({"prompt": (Segment("\ud800", 3),)}, f"name of a segment of prompt must be {NO_TEXT}, got '\\ud800'"),
        ({"prompt": (Segment("x", 0),)}, "length of segment 'x' must be an integer of at least 1, got 0"),
        ({"prompt": (Segment("x", True),)}, "length of segment 'x' must be an integer of at least 1, got True"),
        ({"prompt": (Segment("x", 2.0),)}, "length of segment 'x' must be an integer of at least 1, got 2.0"),
        ({"output": "y"}, "output must be made of segments, got 'y'"),
        ({"output": None}, "output must be made of segments, got None"),
        ({"output": Segment(None, 4)}, f"name of a segment of output must be {NO_TEXT}, got None"),
        ({"output": Segment("y", -1)}, "length of segment 'y' must be an integer of at least 1, got -1"),
        ({"arrival_time": -0.1}, "arrival_time must be a number in [0, 1000000], got -0.1"),
        ({"arrival_time": 1e7}, "arrival_time must be a number in [0, 1000000], got 10000000.0"),
        ({"arrival_time": 2.0, "abort_time": 1.0}, "abort_time must be a number in [2.0, 1000000], got 1.0"),
        ({"priority": 0.5}, "priority must be an integer, got 0.5"),
        ({"lora_name": 5}, "lora_name must be a text, or None, got 5"),
        ({"lora_name": ["a"]}, "lora_name must be a text, or None, got ['a']"),
        ({"cache_salt": b"s"}, "cache_salt must be a text, or None, got b's'"),
        ({"cache_salt": False}, "cache_salt must be a text, or None, got False"),
    ],
)
def test_bad_values_are_refused(change: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        TraceRequest(**GOOD | change)


def test_the_edges_of_what_is_allowed() -> None:
    request = TraceRequest(
        "é",
        (Segment("", 1), Segment("한😀", 2)),
        Segment("y", 1),
        0,
        abort_time=0,
        priority=-5,
        lora_name="",
        cache_salt="",
    )
    assert (request.num_prompt_tokens, request.num_output_tokens) == (3, 1)
    assert len(request.prompt_token_ids()) == 3


def test_a_longer_segment_starts_with_the_tokens_of_a_shorter_one() -> None:
    longer, shorter, other = (segment_token_ids(Segment(*named)) for named in (("x", 9), ("x", 4), ("y", 9)))
    assert longer[:4] == shorter
    assert len({*longer, *other}) == 18
