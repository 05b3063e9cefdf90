"""A KV cache manager without a scheduler, the simulator's or vLLM's, behind the same few calls."""

from abc import ABC, abstractmethod
from typing import Any

from paged_sim import KVCacheManager, Request, RequestStatus
from tests.differential.scenario import RequestSpec


class ManagerSide(ABC):
    """What both managers have in common: the names of their methods are vLLM's.

    Attributes:
        requests: all requests that have come and not gone, by id.
        specs: what they were made of.
        held: the ids of blocks that were taken or touched outside of all tables, once for each reference.
    """

    def __init__(self, manager: Any, pool: Any, statuses: Any) -> None:
        self.manager, self.pool, self.statuses = manager, pool, statuses
        self.requests: dict[str, Any] = {}
        self.specs: dict[str, RequestSpec] = {}
        self.held: list[int] = []

    @abstractmethod
    def new_request(self, spec: RequestSpec) -> Any:
        """Returns a request of the manager's own kind."""

    @abstractmethod
    def lookup(self, request_id: str) -> tuple[Any, int]:
        """Returns the hit blocks, as the manager takes them, and their tokens."""

    @abstractmethod
    def block_ids(self, blocks: Any) -> list[int]:
        """Returns the ids of what `lookup` and `allocate_slots` return."""

    @abstractmethod
    def table(self, request_id: str) -> list[int]:
        """Returns the ids of a request's blocks."""

    @abstractmethod
    def free_block_ids(self) -> list[int]:
        """Returns the free blocks' ids, the one that is handed out next first."""

    def add(self, spec: RequestSpec) -> None:
        self.specs[spec.request_id] = spec
        self.requests[spec.request_id] = self.new_request(spec)

    def with_status(self, *names: str) -> list[str]:
        """Returns the ids of the requests in one of these states, the oldest first."""
        return [i for i, request in self.requests.items() if request.status.name in names]

    def admit(self, request_id: str, num_tokens: int, **flags: bool) -> Any:
        """Adopts the cached prefix and computes `num_tokens` more; returns what `_allocate` does."""
        blocks, num_hits = self.lookup(request_id)
        request = self.requests[request_id]
        new = self._allocate(request, num_tokens, num_hits, blocks, **flags)
        if isinstance(new, list):
            self.manager.record_prefix_cache_stats(request, num_hits)
            request.status = self.statuses.RUNNING
            request.num_computed_tokens = min(num_hits + num_tokens, request.num_tokens)
        return new

    def grow(self, request_id: str, num_tokens: int, **flags: bool) -> Any:
        """Computes `num_tokens` more of a running request; returns what `_allocate` does."""
        request = self.requests[request_id]
        new = self._allocate(request, num_tokens, **flags)
        if isinstance(new, list):
            request.num_computed_tokens = min(request.num_computed_tokens + num_tokens, request.num_tokens)
        return new

    def free(self, request_id: str) -> None:
        self.manager.free(self.requests.pop(request_id))

    def preempt(self, request_id: str) -> None:
        request = self.requests[request_id]
        self.manager.free(request)
        request.status, request.num_computed_tokens = self.statuses.PREEMPTED, 0
        request.num_preemptions += 1

    def take(self, n: int) -> Any:
        """Returns the ids of `n` new blocks, or the name of the error."""
        try:
            new = [block.block_id for block in self.pool.get_new_blocks(n)]
        except ValueError:
            return "ValueError"
        self.held += new
        return new

    def touch(self, block_ids: list[int]) -> None:
        self.pool.touch([self.pool.blocks[i] for i in block_ids])
        self.held += block_ids

    def give_back(self, block_ids: list[int]) -> None:
        for block_id in block_ids:
            self.held.remove(block_id)
        self.pool.free_blocks([self.pool.blocks[i] for i in block_ids])

    def state(self) -> dict[str, Any]:
        """Returns everything that can be seen; looking up is part of it, since it changes nothing."""
        hits = {request_id: self.lookup(request_id) for request_id in self.requests}
        return {
            "tables": {request_id: self.table(request_id) for request_id in self.requests},
            "references": [block.ref_cnt for block in self.pool.blocks[1:]],
            "free": self.free_block_ids(),
            "cached": [block.block_id for block in self.pool.blocks if block.block_hash is not None],
            "hits": {i: (self.block_ids(blocks), num_tokens) for i, (blocks, num_tokens) in hits.items()},
            "usage": round(self.manager.usage, 12),
        }

    def _allocate(self, request: Any, num_tokens: int, *hits: Any, **flags: bool) -> Any:
        """Returns the new blocks' ids, None if there is no room, or the name of the error."""
        try:
            new = self.manager.allocate_slots(request, num_tokens, *hits, **flags)
        except ValueError:
            return "ValueError"
        return None if new is None else self.block_ids(new)


class SimulatorManager(ManagerSide):
    """The simulator's manager."""

    def __init__(self, settings: dict[str, Any]) -> None:
        manager = KVCacheManager(**settings)
        super().__init__(manager, manager.pool, RequestStatus)

    def new_request(self, spec: RequestSpec) -> Request:
        return Request(
            spec.request_id,
            spec.prompt,
            spec.max_tokens,
            lora_name=spec.lora_name,
            cache_salt=spec.cache_salt,
            skip_reading_prefix_cache=spec.skip_reading,
        )

    def lookup(self, request_id: str) -> tuple[Any, int]:
        return self.manager.get_computed_blocks(self.requests[request_id])

    def block_ids(self, blocks: Any) -> list[int]:
        return [block.block_id for block in blocks]

    def table(self, request_id: str) -> list[int]:
        return self.manager.block_ids(request_id)

    def free_block_ids(self) -> list[int]:
        return self.pool.free_block_ids()
