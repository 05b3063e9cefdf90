"""A KV cache manager of small blocks, driven as a scheduler drives it."""

from collections.abc import Sequence
from typing import Any

from paged_sim import Block, KVCacheManager, Request, RequestStatus


def manager_of(num_blocks: int = 11, block_size: int = 4, **settings: Any) -> KVCacheManager:
    """Returns a manager of small blocks."""
    return KVCacheManager(num_blocks, block_size, **settings)


def request_of(request_id: str, token_ids: Sequence[int], **fields: Any) -> Request:
    """Returns a request with this prompt."""
    return Request(request_id, token_ids, max_tokens=50, **fields)


def ids(blocks: Sequence[Block] | None) -> list[int]:
    """Returns the ids of blocks, of which there must be some."""
    assert blocks is not None
    return [block.block_id for block in blocks]


def hit(manager: KVCacheManager, request: Request) -> tuple[list[int], int]:
    """Returns the ids of the hit blocks, and their tokens."""
    blocks, num_tokens = manager.get_computed_blocks(request)
    return ids(blocks), num_tokens


def admit(manager: KVCacheManager, request: Request, num_tokens: int | None = None) -> list[int]:
    """Adopts the hit prefix and computes `num_tokens` more, by default all; returns the ids of the new blocks."""
    blocks, num_hits = manager.get_computed_blocks(request)
    num_new = request.num_tokens - num_hits if num_tokens is None else num_tokens
    new_blocks = ids(manager.allocate_slots(request, num_new, num_hits, blocks))
    request.status = RequestStatus.RUNNING
    request.num_computed_tokens = num_hits + num_new
    return new_blocks


def decode(manager: KVCacheManager, request: Request, token_id: int) -> list[int]:
    """Appends a sampled token and computes it; returns the ids of the new blocks."""
    request.append_output_token_ids(token_id)
    new_blocks = ids(manager.allocate_slots(request, 1))
    request.num_computed_tokens += 1
    return new_blocks
