"""A request counts its tokens and refuses what is no request."""

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paged_sim import Request, RequestStatus


def test_a_new_request_waits_and_has_computed_nothing() -> None:
    request = Request("a", [5, 6, 7], max_tokens=4)
    assert request.status is RequestStatus.WAITING
    assert (request.num_tokens, request.num_prompt_tokens, request.num_output_tokens) == (3, 3, 0)
    assert (request.num_computed_tokens, request.num_preemptions) == (0, 0)
    assert (request.all_token_ids, request.output_token_ids) == ([5, 6, 7], [])


def test_the_answer_counts_as_tokens_but_not_as_prompt() -> None:
    request = Request("a", [5, 6, 7], max_tokens=4)
    request.append_output_token_ids(8)
    request.append_output_token_ids([9, 10])
    assert (request.num_tokens, request.num_prompt_tokens, request.num_output_tokens) == (6, 3, 3)
    assert request.all_token_ids == [5, 6, 7, 8, 9, 10]
    assert request.output_token_ids == [8, 9, 10]


def test_the_prompt_is_copied() -> None:
    prompt = [1, 2]
    request = Request("a", prompt, max_tokens=1)
    request.append_output_token_ids(3)
    assert prompt == [1, 2]


def test_a_range_is_a_prompt() -> None:
    assert Request("a", range(3), max_tokens=1).all_token_ids == [0, 1, 2]


def test_requests_are_ordered_by_priority_then_arrival_then_id() -> None:
    requests = [
        Request("d", [1], 1, priority=1, arrival_time=0.0),
        Request("c", [1], 1, priority=0, arrival_time=2.0),
        Request("b", [1], 1, priority=0, arrival_time=1.0),
        Request("a", [1], 1, priority=0, arrival_time=2.0),
        Request("e", [1], 1, priority=-1, arrival_time=9.0),
    ]
    ordered = sorted(requests, key=lambda request: request.sort_key)
    assert [request.request_id for request in ordered] == ["e", "b", "a", "c", "d"]


def test_ids_are_ordered_as_text() -> None:
    requests = [Request(request_id, [1], 1) for request_id in ("9", "21", "19", "10")]
    ordered = sorted(requests, key=lambda request: request.sort_key)
    assert [request.request_id for request in ordered] == ["10", "19", "21", "9"]


def test_a_request_shows_how_far_it_is() -> None:
    request = Request("a", [1, 2, 3], max_tokens=4)
    request.append_output_token_ids(4)
    request.num_computed_tokens = 3
    assert repr(request) == "Request('a', waiting, prompt 3, output 1, computed 3)"


def test_three_states_are_final() -> None:
    assert {status.name for status in RequestStatus if status.is_finished} == {
        "FINISHED_STOPPED",
        "FINISHED_LENGTH_CAPPED",
        "FINISHED_ABORTED",
    }
    assert {status.name for status in RequestStatus if not status.is_finished} == {"WAITING", "RUNNING", "PREEMPTED"}


@given(token_ids=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20))
def test_every_number_of_32_bits_is_a_token(token_ids: list[int]) -> None:
    request = Request("a", token_ids, max_tokens=1)
    request.append_output_token_ids(token_ids)
    assert request.all_token_ids == token_ids * 2


TOKENS = "must be numbers in [0, 2**32), got"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"request_id": ""}, "request_id must be a non-empty text, got ''"),
        ({"request_id": 5}, "request_id must be a non-empty text, got 5"),
        ({"request_id": None}, "request_id must be a non-empty text, got None"),
        ({"prompt_token_ids": []}, "prompt_token_ids must be at least one token, got []"),
        ({"prompt_token_ids": [1, -1]}, f"prompt_token_ids {TOKENS} -1"),
        ({"prompt_token_ids": [2**32]}, f"prompt_token_ids {TOKENS} 4294967296"),
        ({"prompt_token_ids": [1.0]}, f"prompt_token_ids {TOKENS} 1.0"),
        ({"prompt_token_ids": [None]}, f"prompt_token_ids {TOKENS} None"),
        ({"prompt_token_ids": "text"}, f"prompt_token_ids {TOKENS} 't'"),
        ({"max_tokens": 0}, "max_tokens must be an integer of at least 1, got 0"),
        ({"max_tokens": -3}, "max_tokens must be an integer of at least 1, got -3"),
        ({"max_tokens": 2.0}, "max_tokens must be an integer of at least 1, got 2.0"),
        ({"max_tokens": None}, "max_tokens must be an integer of at least 1, got None"),
        ({"max_tokens": True}, "max_tokens must be an integer of at least 1, got True"),
        ({"priority": 1.5}, "priority must be an integer, got 1.5"),
        ({"priority": None}, "priority must be an integer, got None"),
        ({"arrival_time": math.nan}, "arrival_time must be a number of at least -inf, got nan"),
        ({"arrival_time": math.inf}, "arrival_time must be a number of at least -inf, got inf"),
        ({"arrival_time": "now"}, "arrival_time must be a number of at least -inf, got 'now'"),
        ({"arrival_time": None}, "arrival_time must be a number of at least -inf, got None"),
    ],
    ids=str,
)
def test_what_is_no_request_is_refused_by_field_rule_and_value(arguments: dict[str, Any], text: str) -> None:
    fine = {"request_id": "a", "prompt_token_ids": [1], "max_tokens": 1}
    with pytest.raises(ValueError, match=re.escape(text)):
        Request(**fine | arguments)


@pytest.mark.parametrize("token_ids", [-1, 2**32, [-1], [7, 2**32], [7, 1.5], "text"])
def test_what_is_no_token_is_not_appended(token_ids: Any) -> None:
    request = Request("a", [1, 2], max_tokens=9)
    request.append_output_token_ids(3)
    with pytest.raises(ValueError, match=re.escape(f"token_ids {TOKENS}")):
        request.append_output_token_ids(token_ids)
    assert request.all_token_ids == [1, 2, 3]
