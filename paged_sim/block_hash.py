"""Names for the contents of full blocks: equal names, equal tokens from the start of the sequence on.

A block's hash is made of its own tokens and of the hash of the block before it, so it stands for the whole prefix.
Keys and values of a token depend on all tokens before it; a hash of the block's own tokens alone would find blocks
whose contents are wrong.
"""

import hashlib
from array import array
from collections.abc import Sequence

DIGEST_BYTES = 16


def root_hash(lora_name: str | None = None, cache_salt: str | None = None) -> bytes:
    """Returns what stands before the first block.

    An adapter changes keys and values, and a salt keeps tenants apart, so both separate all blocks. vLLM puts the
    adapter into the hash of each block and the salt into that of the first; as every hash holds its parent's, a root
    made of both separates the same requests.

    Args:
        lora_name: name of the adapter, or None.
        cache_salt: the request's salt, or None.
    """
    return hashlib.blake2b(repr((lora_name, cache_salt)).encode(), digest_size=DIGEST_BYTES).digest()


def hash_block(parent: bytes, token_ids: Sequence[int]) -> bytes:
    """Returns the hash of a full block (vLLM: `hash_block_tokens` in v1/core/kv_cache_utils.py, with SHA-256).

    Args:
        parent: the hash of the block before it, or `root_hash`.
        token_ids: its tokens, numbers in [0, 2**32).
    """
    return hashlib.blake2b(parent + array("I", token_ids).tobytes(), digest_size=DIGEST_BYTES).digest()


def extend_block_hashes(hashes: list[bytes], root: bytes, token_ids: Sequence[int], block_size: int) -> None:
    """Appends the hashes of the blocks that have become full.

    Args:
        hashes: those of the first blocks; changed.
        root: the `root_hash` of the request.
        token_ids: all tokens of the sequence.
        block_size: tokens of a block.
    """
    for start in range(len(hashes) * block_size, len(token_ids) - block_size + 1, block_size):
        parent = hashes[-1] if hashes else root
        hashes.append(hash_block(parent, token_ids[start : start + block_size]))
