"""Waiting requests go in the order of the policy; a preempted one goes back to where the policy wants it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paged_sim import Request
from paged_sim.request_queue import RequestQueue, request_queue


def request_of(request_id: str, **fields: Any) -> Request:
    """Returns a request of which only the place in the line matters."""
    return Request(request_id, [1], max_tokens=1, **fields)


def ids(queue: RequestQueue) -> list[str]:
    """Returns the ids in the order in which they will go."""
    return [request.request_id for request in queue]


def test_first_come_is_first_served() -> None:
    queue = request_queue("fcfs")
    for request_id in "bca":
        queue.add(request_of(request_id))
    assert (ids(queue), len(queue)) == (["b", "c", "a"], 3)
    assert queue.peek().request_id == "b"
    assert [queue.pop().request_id for _ in range(3)] == ["b", "c", "a"]


def test_first_come_first_served_puts_a_preempted_request_first() -> None:
    queue = request_queue("fcfs")
    queue.add(request_of("a"))
    queue.put_back(request_of("y"))
    queue.put_back(request_of("x"))
    assert ids(queue) == ["x", "y", "a"]


@pytest.mark.parametrize("put", ["add", "put_back"])
def test_by_priority_every_request_goes_to_its_own_place(put: str) -> None:
    queue = request_queue("priority")
    queue.add(request_of("a", priority=1))
    queue.add(request_of("c", priority=3))
    getattr(queue, put)(request_of("b", priority=2))
    assert (ids(queue), len(queue)) == (["a", "b", "c"], 3)
    assert queue.peek().request_id == "a"
    assert [queue.pop().request_id for _ in range(3)] == ["a", "b", "c"]


@pytest.mark.parametrize("policy", ["fcfs", "priority"])
def test_any_request_can_be_taken_out(policy: str) -> None:
    queue = request_queue(policy)
    requests = [request_of(request_id) for request_id in "abc"]
    for request in requests:
        queue.add(request)
    queue.remove(requests[1])
    assert (ids(queue), len(queue)) == (["a", "c"], 2)


PLACES = st.tuples(st.integers(-1, 1), st.integers(0, 2))


@given(places=st.lists(PLACES, max_size=14), data=st.data())
def test_the_priority_queue_behaves_as_a_sorted_list(places: list[tuple[int, int]], data: st.DataObject) -> None:
    queue, model = request_queue("priority"), []
    for index, (priority, arrival_time) in enumerate(places):
        model.append(request_of(f"{index:02}", priority=priority, arrival_time=float(arrival_time)))
        queue.add(model[-1])
    for _ in places:
        model.sort(key=lambda request: request.sort_key)
        assert list(queue) == model
        if data.draw(st.booleans()):
            assert queue.pop() is model.pop(0)
        else:
            queue.remove(model.pop(data.draw(st.integers(0, len(model) - 1))))
    assert len(queue) == 0
