"""How often prefix caching helped, counted in tokens."""

from collections import deque
from dataclasses import dataclass, fields

from paged_sim.checks import require_integer


@dataclass(slots=True)
class PrefixCacheStats:
    """Tokens asked for and found at admissions (vLLM: `PrefixCacheStats` in v1/metrics/stats.py).

    Requests that were preempted before are counted apart: they mostly find their own earlier blocks, which says
    nothing about sharing.

    Attributes:
        requests, queries, hits: admissions of new requests, their tokens, and those found in the cache.
        preempted_requests, preempted_queries, preempted_hits: the same of resumed requests.
        reset: whether the cache was emptied since the last count.
    """

    requests: int = 0
    queries: int = 0
    hits: int = 0
    preempted_requests: int = 0
    preempted_queries: int = 0
    preempted_hits: int = 0
    reset: bool = False

    def record(self, num_tokens: int, num_hits: int, preempted: bool) -> None:
        """Counts one admission.

        Raises:
            ValueError: a number is negative.
        """
        require_integer("num_tokens", num_tokens, 0)
        require_integer("num_hits", num_hits, 0)
        if preempted:
            self.preempted_requests += 1
            self.preempted_queries += num_tokens
            self.preempted_hits += num_hits
        else:
            self.requests += 1
            self.queries += num_tokens
            self.hits += num_hits

    def add(self, other: "PrefixCacheStats") -> None:
        """Adds the counts of another."""
        for counter in fields(self):
            if counter.name != "reset":
                setattr(self, counter.name, getattr(self, counter.name) + getattr(other, counter.name))
        self.reset |= other.reset

    @property
    def hit_rate(self) -> float:
        """Share of the new requests' tokens that were found, 0 to 1."""
        return self.hits / self.queries if self.queries else 0.0


class CachingMetrics:
    """The hit rate over the most recent requests, as vLLM logs it (`CachingMetrics` in v1/metrics/stats.py).

    Args:
        max_recent_requests: oldest entries are dropped while those left hold more requests; the newest stays.

    Raises:
        ValueError: `max_recent_requests` is not a positive integer.
    """

    def __init__(self, max_recent_requests: int = 1000) -> None:
        require_integer("max_recent_requests", max_recent_requests, 1)
        self.max_recent_requests = max_recent_requests
        self._entries: deque[tuple[int, int, int]] = deque()
        self._sums = (0, 0, 0)

    def observe(self, stats: PrefixCacheStats) -> None:
        """Takes in the counts since the last call; those without a new request change nothing but a reset."""
        if stats.reset:
            self._entries.clear()
            self._sums = (0, 0, 0)
        if stats.requests == 0:
            return
        entry = (stats.requests, stats.queries, stats.hits)
        self._entries.append(entry)
        self._sums = tuple(total + part for total, part in zip(self._sums, entry, strict=True))
        while len(self._entries) > 1 and self._sums[0] > self.max_recent_requests:
            oldest = self._entries.popleft()
            self._sums = tuple(total - part for total, part in zip(self._sums, oldest, strict=True))

    @property
    def hit_rate(self) -> float:
        """Share of the tokens that were found, 0 to 1."""
        _, queries, hits = self._sums
        return hits / queries if queries else 0.0
