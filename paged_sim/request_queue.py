"""Requests that wait, in the order of the policy."""

import heapq
from collections import deque
from collections.abc import Iterator
from typing import Any, Protocol

from paged_sim.request import Request


class RequestQueue(Protocol):
    """What the scheduler asks of its waiting line (vLLM: v1/core/sched/request_queue.py)."""

    def add(self, request: Request) -> None:
        """Takes in a new request."""

    def put_back(self, request: Request) -> None:
        """Takes in a request that was preempted."""

    def peek(self) -> Request:
        """Returns the request that goes next."""

    def pop(self) -> Request:
        """Takes that request out."""

    def remove(self, request: Request) -> None:
        """Takes any request out."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Any]:
        """Walks in the order in which they will go."""


class FCFSQueue:
    """First come, first served; a preempted request goes before all others."""

    def __init__(self) -> None:
        self._requests: deque[Request] = deque()

    def add(self, request: Request) -> None:
        """Puts a request at the end."""
        self._requests.append(request)

    def put_back(self, request: Request) -> None:
        """Puts a request at the front."""
        self._requests.appendleft(request)

    def peek(self) -> Request:
        """Returns the first request."""
        return self._requests[0]

    def pop(self) -> Request:
        """Takes the first request out."""
        return self._requests.popleft()

    def remove(self, request: Request) -> None:
        """Takes any request out."""
        self._requests.remove(request)

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[Request]:
        return iter(self._requests)


class PriorityQueue:
    """By priority, then by arrival, then by id; a preempted request goes back to its own place."""

    def __init__(self) -> None:
        self._heap: list[tuple[tuple[int, float, str], Request]] = []

    def add(self, request: Request) -> None:
        """Puts a request at its place."""
        heapq.heappush(self._heap, (request.sort_key, request))

    put_back = add

    def peek(self) -> Request:
        """Returns the most important request."""
        return self._heap[0][1]

    def pop(self) -> Request:
        """Takes the most important request out."""
        return heapq.heappop(self._heap)[1]

    def remove(self, request: Request) -> None:
        """Takes any request out."""
        self._heap.remove((request.sort_key, request))
        heapq.heapify(self._heap)

    def __len__(self) -> int:
        return len(self._heap)

    def __iter__(self) -> Iterator[Request]:
        return (request for _, request in sorted(self._heap, key=lambda entry: entry[0]))


def request_queue(policy: str) -> RequestQueue:
    """Returns an empty queue for `fcfs` or `priority`."""
    return PriorityQueue() if policy == "priority" else FCFSQueue()
