"""Names of full blocks in a trace, from the names of its segments instead of their tokens.

Two sequences agree up to a block's end exactly if they consist of the same segments up to there. So a number for "this
path of segments" and the block's place name the block's contents as well as a hash over all tokens would, and whoever
only needs to know what is equal need never make a token.
"""

import hashlib

from paged_sim.block_hash import DIGEST_BYTES, root_hash
from paged_sim.workload.trace import TraceRequest

# A sequence has fewer than 2**32 blocks.
_PLACE_BITS = 32


def block_keys(request: TraceRequest, block_size: int, num_tokens: int) -> list[int]:
    """Returns a key for each full block of a request's prompt and answer.

    Args:
        request: the request of a trace.
        block_size: tokens of a block.
        num_tokens: how many tokens of prompt and answer count.
    """
    keys: list[int] = []
    path = root_hash(request.lora_name, request.cache_salt)
    end = 0
    for segment in (*request.prompt, request.output):
        path = _digest(path, segment.name)
        start, end = end, min(end + segment.length, num_tokens)
        base = int.from_bytes(path) << _PLACE_BITS
        keys.extend(range(base + start // block_size, base + end // block_size))
        if end == num_tokens:
            break
        path = _digest(path, str(segment.length))
    return keys


def _digest(parent: bytes, text: str) -> bytes:
    return hashlib.blake2b(parent + text.encode(), digest_size=DIGEST_BYTES).digest()
