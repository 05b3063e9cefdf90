"""Who sends the requests of a trace, and when: at their arrival times, or as fast as a limit of concurrency allows."""

import heapq
from collections.abc import Iterable, Iterator

from paged_sim.checks import require, require_integer
from paged_sim.simulation.cost_model import PS_PER_S
from paged_sim.workload.trace import TraceRequest


class Clients:
    """Hands the requests of a trace over as they fall due.

    Args:
        trace: in the order of arrival; read as far as needed only, so it may be longer than memory.
        max_concurrency: most requests that are under way at once, as a load generator limits them; None sends each
            at its arrival time.

    Raises:
        ValueError: `max_concurrency` is not positive.
    """

    def __init__(self, trace: Iterable[TraceRequest], max_concurrency: int | None = None) -> None:
        if max_concurrency is not None:
            require_integer("max_concurrency", max_concurrency, 1)
        self.max_concurrency = max_concurrency
        self._trace: Iterator[TraceRequest] = iter(trace)
        self._next: TraceRequest | None = None
        self.next_arrival_ps = 0
        self._aborts: list[tuple[int, str]] = []
        self._read_next()

    @property
    def has_more(self) -> bool:
        """Whether a request is still to be sent."""
        return self._next is not None

    @property
    def has_aborts(self) -> bool:
        """Whether a client may still give up."""
        return bool(self._aborts)

    def next_event_ps(self, num_under_way: int) -> int | None:
        """Returns when time itself makes something happen next: an arrival, or a client that gives up; None is never.

        Args:
            num_under_way: requests that are not finished.
        """
        may_send = self.max_concurrency is None or num_under_way < self.max_concurrency
        arrival = self.next_arrival_ps if self._next and may_send else None
        abort = self._aborts[0][0] if self._aborts else None
        return min((time for time in (arrival, abort) if time is not None), default=None)

    def send(self, clock_ps: int, num_under_way: int, num_before: int) -> Iterator[tuple[TraceRequest, int]]:
        """Yields the requests that are sent now, each with the time from which its client waits.

        That is its arrival, or the moment at which a place became free: now, unless one was free all the time.

        Args:
            clock_ps: the time, the end of a step.
            num_under_way: requests that are not finished.
            num_before: requests that were not finished when that step began.
        """
        num_free_places = 0 if self.max_concurrency is None else self.max_concurrency - num_before
        while self._next is not None and self.next_arrival_ps <= clock_ps:
            if self.max_concurrency is not None and num_under_way >= self.max_concurrency:
                return
            request = self._next
            if request.abort_time is not None:
                heapq.heappush(self._aborts, (round(request.abort_time * PS_PER_S), request.request_id))
            waits_since_arrival = self.max_concurrency is None or num_free_places > 0
            submitted_ps = self.next_arrival_ps if waits_since_arrival else clock_ps
            num_free_places -= 1
            self._read_next()
            num_under_way += 1
            yield request, submitted_ps

    def give_up(self, clock_ps: int) -> Iterator[str]:
        """Yields the requests whose clients give up now, whether they are finished or not."""
        while self._aborts and self._aborts[0][0] <= clock_ps:
            yield heapq.heappop(self._aborts)[1]

    def _read_next(self) -> None:
        self._next = next(self._trace, None)
        if self._next is not None:
            arrival_ps = round(self._next.arrival_time * PS_PER_S)
            in_order = arrival_ps >= self.next_arrival_ps
            require(in_order, "trace", "in the order of arrival_time", self._next.request_id)
            self.next_arrival_ps = arrival_ps
