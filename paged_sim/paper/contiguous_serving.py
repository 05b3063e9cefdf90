"""Serves requests from a contiguous cache, step by step, and averages what the cache's slots are used for.

The minimal model behind Figures 2 and 13: first come first served, one token per running request and step, a finished
request makes room at once. It knows neither the time of a step nor the prefill. Between two events (an arrival, a
finished request) every request only grows by a token per step, so a whole stretch is added up at once: the cost is
that of the events, not of the tokens.

    serve(always_queued(sharegpt_lengths(seed=0)), ContiguousCache(OPT_13B_SLOTS, reserve_max), num_requests=2000)
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from paged_sim.checks import require, require_integer
from paged_sim.paper.contiguous_cache import ContiguousCache


class QueuedRequest(NamedTuple):
    """A request that arrives before step `arrival_step` (0 or later); lengths in tokens, at least 1."""

    arrival_step: int
    prompt: int
    output: int


@dataclass(frozen=True, slots=True)
class ServingAverages:
    """Averages over the steps that were measured.

    Attributes:
        token_states, reservation, internal, external: percent of the cache's slots, see `SlotClass`.
        batch: requests that run in a step.
        steps: how many steps were measured.
    """

    token_states: float
    reservation: float
    internal: float
    external: float
    batch: float
    steps: int


def always_queued(lengths: Iterable[tuple[int, int]]) -> Iterator[QueuedRequest]:
    """Returns requests of these lengths, (prompt, answer), that have all arrived before the first step."""
    return (QueuedRequest(0, prompt, output) for prompt, output in lengths)


def serve(
    requests: Iterable[QueuedRequest], cache: ContiguousCache, num_requests: int, warmup_requests: int = 0
) -> ServingAverages:
    """Serves requests until enough have finished, and returns averages over the steps after the warm-up.

    Args:
        requests: by arrival step; more than `num_requests` of them if the queue is never to be empty.
        cache: an empty cache. It is left with the requests that run at the end.
        num_requests: the measurement ends when this many have finished, more than `warmup_requests`.
        warmup_requests: it starts when this many have finished, at least 0.

    Raises:
        ValueError: a value is out of its range, the cache is not empty, `requests` are not in order or end too early,
            or one of them can never fit.
    """
    require_integer("warmup_requests", warmup_requests, 0)
    require_integer("num_requests", num_requests, warmup_requests + 1)
    require(cache.num_requests == 0, "requests in the cache", "0", cache.num_requests)
    server = _Server(iter(requests), cache)
    totals = _Totals()
    # Requests may finish together, the last of the warm-up with the last of all.
    while server.num_finished < num_requests or totals.steps == 0:
        server.admit()
        steps = server.steps_to_next_event()
        if server.num_finished >= warmup_requests:
            totals.add(cache, steps)
        server.leap(steps)
    return totals.averages(cache.num_slots)


class _Server:
    def __init__(self, requests: Iterator[QueuedRequest], cache: ContiguousCache) -> None:
        self.num_finished = 0
        self._cache = cache
        self._step = 0
        self._requests = requests
        self._ids = count()
        # Step after which each running request is finished, and its id.
        self._running: list[tuple[int, str]] = []
        self._latest_arrival = 0
        self._head = self._next_request()

    def admit(self) -> None:
        """Admits requests in order until the next one has not arrived or does not fit."""
        while self._head is not None and self._head.arrival_step <= self._step:
            request_id = str(next(self._ids))
            if not self._cache.admit(request_id, self._head.prompt, self._head.output):
                return
            heapq.heappush(self._running, (self._step + self._head.output, request_id))
            self._head = self._next_request()

    def steps_to_next_event(self) -> int:
        """Returns the steps until a request finishes or the next one arrives, at least 1."""
        events = [self._running[0][0]] if self._running else []
        if self._head is not None and self._head.arrival_step > self._step:
            events.append(self._head.arrival_step)
        require(bool(events), "requests", "enough to finish num_requests of them", f"only {self.num_finished}")
        return min(events) - self._step

    def leap(self, steps: int) -> None:
        """Runs `steps` steps, in which no request may finish but at the end."""
        self._step += steps
        for _, request_id in self._running:
            self._cache.grow(request_id, steps)
        while self._running and self._running[0][0] == self._step:
            self._cache.free(heapq.heappop(self._running)[1])
            self.num_finished += 1

    def _next_request(self) -> QueuedRequest | None:
        request = next(self._requests, None)
        if request is not None:
            require_integer("arrival_step", request.arrival_step, self._latest_arrival)
            self._latest_arrival = request.arrival_step
        return request


@dataclass(slots=True)
class _Totals:
    """Sums over steps. In step 0 a request holds its prompt; the key and value of its last token are never written."""

    token_states: int = 0
    reservation: int = 0
    internal: int = 0
    external: int = 0
    batch: int = 0
    steps: int = 0

    def add(self, cache: ContiguousCache, steps: int) -> None:
        use = cache.slot_use
        grown = cache.num_requests * steps * (steps - 1) // 2
        self.token_states += use.token_states * steps + grown
        self.reservation += use.reservation * steps - grown
        self.internal += use.internal * steps
        self.external += use.external * steps
        self.batch += cache.num_requests * steps
        self.steps += steps

    def averages(self, num_slots: int) -> ServingAverages:
        percent = 100 / (self.steps * num_slots)
        return ServingAverages(
            token_states=self.token_states * percent,
            reservation=self.reservation * percent,
            internal=self.internal * percent,
            external=self.external * percent,
            batch=self.batch / self.steps,
            steps=self.steps,
        )
