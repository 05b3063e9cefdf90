"""All that can be seen of the core, to compare before and after a refused call."""

from typing import Any

from paged_sim import BlockPool, KVCacheManager, Scheduler


def pool_state(pool: BlockPool) -> dict[str, Any]:
    """Returns the free queue, the references and the contents of all blocks."""
    return {
        "free": pool.free_block_ids(),
        "num_free": pool.num_free_blocks,
        "references": [block.ref_cnt for block in pool.blocks],
        "contents": [block.block_hash for block in pool.blocks],
        "found": [pool.cached_block(block.block_hash) for block in pool.blocks if block.block_hash],
    }


def manager_state(manager: KVCacheManager, *request_ids: str) -> dict[str, Any]:
    """Returns the pool's state and the tables of these requests."""
    return pool_state(manager.pool) | {"tables": {i: manager.block_ids(i) for i in request_ids}}


def scheduler_state(scheduler: Scheduler) -> dict[str, Any]:
    """Returns the manager's state, both queues, and how far each request is."""
    return manager_state(scheduler.manager, *scheduler.requests) | {
        "running": [request.request_id for request in scheduler.running],
        "waiting": [request.request_id for request in scheduler.waiting],
        "requests": {
            request.request_id: (request.status, list(request.all_token_ids), request.num_computed_tokens)
            for request in scheduler.requests.values()
        },
    }
