"""vLLM 0.32's own KV cache manager behind the calls of `ManagerSide`."""

from typing import Any

import torch
from vllm.v1.core.kv_cache_manager import KVCacheManager
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec
from vllm.v1.request import Request, RequestStatus

from tests.differential.manager_side import ManagerSide
from tests.differential.scenario import RequestSpec
from tests.differential.vllm_side import vllm_request


class VLLMManager(ManagerSide):
    """vLLM's manager of a KV cache of one full-attention group."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.block_size = settings["block_size"]
        attention = FullAttentionSpec(block_size=self.block_size, num_kv_heads=1, head_size=1, dtype=torch.float32)
        manager = KVCacheManager(
            KVCacheConfig(settings["num_blocks"], [], [KVCacheGroupSpec(["layer"], attention)]),
            max_model_len=settings["max_model_len"],
            scheduler_block_size=self.block_size,
            hash_block_size=self.block_size,
            enable_caching=settings["enable_caching"],
            log_stats=True,
            watermark=settings["watermark"],
        )
        super().__init__(manager, manager.block_pool, RequestStatus)

    def new_request(self, spec: RequestSpec) -> Request:
        return vllm_request(spec, self.block_size)

    def lookup(self, request_id: str) -> tuple[Any, int]:
        blocks, num_tokens, _ = self.manager.get_computed_blocks(self.requests[request_id])
        return blocks, num_tokens

    def block_ids(self, blocks: Any) -> list[int]:
        return blocks.get_block_ids()[0]

    def table(self, request_id: str) -> list[int]:
        return self.manager.get_block_ids(request_id)[0]

    def free_block_ids(self) -> list[int]:
        return [block.block_id for block in self.pool.free_block_queue.get_all_free_blocks()]
