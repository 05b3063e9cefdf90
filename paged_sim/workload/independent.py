"""Requests that share nothing with each other."""

from collections.abc import Iterable, Iterator
from itertools import count

from paged_sim.workload.trace import Segment, TraceRequest


def independent_requests(lengths: Iterable[tuple[int, int]], arrivals: Iterable[float]) -> Iterator[TraceRequest]:
    """Returns a request for each pair of (prompt, answer) lengths and arrival time, as long as there are both.

    Args:
        lengths: in tokens, each at least 1.
        arrivals: seconds since the start of the trace, in rising order.

    Raises:
        ValueError: a length or a time is out of its range. Raised when that request is taken.
    """
    for index, (prompt, output), arrival_time in zip(count(), lengths, arrivals, strict=False):
        name = f"r{index:07d}"
        segments = (Segment(f"{name}/prompt", prompt),)
        yield TraceRequest(name, segments, Segment(f"{name}/answer", output), arrival_time)
