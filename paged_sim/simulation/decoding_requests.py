"""Decoding requests, kept by the step in which something happens to them.

A request that decodes computes one token in every step. It takes a new block whenever its computed tokens are a
multiple of the block size, so always in the same step modulo the block size; it fills one, which is then cached, in
the step before; and it ends in a step that is known when it starts. In all other steps nothing needs to be done for it.
"""

import heapq
from collections.abc import Iterator
from itertools import islice

from paged_sim.request import RequestStatus
from paged_sim.simulation.replayed_request import ReplayedRequest


class DecodingRequests:
    """Running requests that lack a single token.

    Args:
        block_size: tokens of a block.
        enable_caching: whether blocks that become full are cached.
    """

    def __init__(self, block_size: int, enable_caching: bool) -> None:
        self._block_size = block_size
        self._caching = enable_caching
        self._by_growth: list[list[ReplayedRequest]] = [[] for _ in range(block_size)]
        self._ends: list[tuple[int, int, ReplayedRequest]] = []
        self.num_requests = 0
        self.num_context_tokens = 0
        """Tokens that the next step attends to, over all of them."""

    def start(self, request: ReplayedRequest, step: int) -> None:
        """Takes in a request that decodes from `step` on; later admitted ones come later."""
        request.token_offset = request.num_tokens - step
        if self._caching:
            request.next_keys = islice(request.keys, request.num_computed_tokens // self._block_size, None)
        last_step = request.num_final_tokens - request.token_offset - 1
        heapq.heappush(self._ends, (last_step, request.admission, request))
        self._growth_of(request).append(request)
        self.num_requests += 1
        self.num_context_tokens += request.num_tokens

    def stop(self, request: ReplayedRequest, step: int) -> None:
        """Lets a request go before it ends, brought up to date."""
        self._bring_up_to_date(request, step)
        self._remove(request, request.num_tokens)

    def growing(self, step: int) -> list[ReplayedRequest]:
        """Returns those that need a new block in a step, in the order of admission."""
        return self._by_growth[step % self._block_size]

    def filling(self, step: int) -> list[ReplayedRequest]:
        """Returns those whose last block becomes full in a step, in the order of admission."""
        return self._by_growth[(step + 1) % self._block_size]

    def advance(self, num_steps: int) -> None:
        """Counts the tokens of steps in which all were computed."""
        self.num_context_tokens += num_steps * self.num_requests

    def take_ended(self, step: int) -> Iterator[ReplayedRequest]:
        """Lets those go that got their last token in a step, in the order of admission."""
        while self._ends and self._ends[0][0] == step:
            _, admission, request = heapq.heappop(self._ends)
            # A request that was preempted leaves its entry behind.
            if request.status is RequestStatus.RUNNING and request.admission == admission:
                self._remove(request, request.num_final_tokens)
                yield request

    def num_quiet_steps(self, step: int) -> int:
        """Returns in how many steps from `step` on none grows, fills a block or ends; there must be a request."""
        distances = range(1, self._block_size + 1)
        until_growth = next(distance for distance in distances if self.growing(step + distance))
        until_change = until_growth - 1 if self._caching else until_growth
        return min(until_change, self._ends[0][0] - step)

    def bring_up_to_date(self, step: int) -> None:
        """Writes into all requests what they have before a step."""
        for requests in self._by_growth:
            for request in requests:
                self._bring_up_to_date(request, step)

    def clear(self) -> None:
        """Lets all go, as they are."""
        for requests in self._by_growth:
            requests.clear()
        self._ends.clear()
        self.num_requests = self.num_context_tokens = 0

    def _growth_of(self, request: ReplayedRequest) -> list[ReplayedRequest]:
        # It computes token number step + offset - 1 in a step, counted from 0.
        return self.growing(1 - request.token_offset)

    def _remove(self, request: ReplayedRequest, num_tokens: int) -> None:
        self._growth_of(request).remove(request)
        self.num_requests -= 1
        self.num_context_tokens -= num_tokens

    def _bring_up_to_date(self, request: ReplayedRequest, step: int) -> None:
        request.num_tokens = step + request.token_offset
        request.num_computed_tokens = request.num_tokens - 1
        request.num_cached_blocks = request.num_computed_tokens // self._block_size
