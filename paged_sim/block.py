"""One block of the KV cache: room for the keys and values of `block_size` tokens."""

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Block:
    """What the pool knows of a block (vLLM: `KVCacheBlock` in v1/core/kv_cache_utils.py).

    Attributes:
        block_id: its place in the KV cache, 0 to num_blocks - 1.
        ref_cnt: in how many block tables it is; 0 is free. Not kept for the null block.
        block_hash: hash of its tokens and all before them once it is full and cached, else None.
        is_null: whether it is block 0, which no request may write.
        prev_free_block, next_free_block: its neighbours in the free queue; None while it is in use.
    """

    block_id: int
    ref_cnt: int = 0
    block_hash: bytes | None = None
    is_null: bool = False
    prev_free_block: "Block | None" = field(default=None, repr=False)
    next_free_block: "Block | None" = field(default=None, repr=False)
