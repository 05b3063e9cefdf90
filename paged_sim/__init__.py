"""PagedAttention simulated: block allocation and scheduling as in vLLM 0.32, block id for block id.

The core needs the standard library only, and each idea has a file of its own: `block`, `free_queue`, `block_hash`,
`prefix_cache`, `block_pool`, `kv_cache_manager`, `request`, `request_queue`, `scheduler`.
"""

from paged_sim.block import Block
from paged_sim.block_pool import BlockPool
from paged_sim.kv_cache_manager import KVCacheManager
from paged_sim.prefix_cache_stats import CachingMetrics, PrefixCacheStats
from paged_sim.request import Request, RequestStatus
from paged_sim.scheduler import Scheduler, SchedulerStep
from paged_sim.scheduler_config import SchedulerConfig

__all__ = [
    "Block",
    "BlockPool",
    "CachingMetrics",
    "KVCacheManager",
    "PrefixCacheStats",
    "Request",
    "RequestStatus",
    "Scheduler",
    "SchedulerConfig",
    "SchedulerStep",
]
