"""How much KV cache to ask for on a CPU, and whether model and cache fit: answered before the engine starts."""

from dataclasses import dataclass

from inference.base_shapes import BaseShapes
from inference.errors import MemoryBudgetError
from inference.free_memory import free_memory

GIB = 1024**3
DEFAULT_KV_CACHE_BYTES = GIB
# vLLM hands the cache out in blocks, and keeps one back (its null block). 32 is the smallest that it takes on a CPU:
# prompts that begin alike share more of them than of its own 128. 200 questions about 6 databases were read in half
# the time.
BLOCK_TOKENS = 32
# Interpreter, libraries and activations of the engine, beside weights and KV cache.
_RUNTIME_BYTES = int(1.5 * GIB)
_ADVISED_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """What a CPU engine will take.

    Attributes:
        kv_cache_bytes: size of the KV cache.
        kv_cache_tokens: tokens in its blocks, as vLLM logs it.
        max_model_len: longest prompt and answer together, in tokens.
    """

    kv_cache_bytes: int
    kv_cache_tokens: int
    max_model_len: int


def plan_cpu_memory(
    shapes: BaseShapes, dtype: str, max_model_len: int | None, kv_cache_bytes: int | None, lora_bytes: int = 0
) -> MemoryPlan:
    """Returns the sizes to start a CPU engine with.

    Args:
        shapes: sizes of the base model.
        dtype: of weights and cache.
        max_model_len: longest context wanted, in tokens; None takes what the model was made for.
        kv_cache_bytes: size of the KV cache; None takes 1 GiB, or more where one full context needs more.
        lora_bytes: memory of the adapters' slots.

    Raises:
        MemoryBudgetError: the model or the cache does not fit into the memory that is free, or the cache does not hold
            one full context. The message says how many tokens fit and what to set.
    """
    length = max_model_len or shapes.max_positions
    if length is None:
        raise MemoryBudgetError("The base model's configuration names no longest context: set max_model_len.")
    per_token = shapes.kv_bytes_per_token(dtype)
    needed = bytes_for_context(length, per_token)
    size = kv_cache_bytes or max(DEFAULT_KV_CACHE_BYTES, needed)
    if size < needed:
        fits = longest_context(size, per_token)
        shorter = f"max_model_len={fits} or lower, or " if fits else ""
        raise MemoryBudgetError(
            f"kv_cache_memory_bytes={size:,} holds a context of {fits:,} tokens ({per_token:,} bytes each in {dtype}, "
            f"in blocks of {BLOCK_TOKENS}), fewer than max_model_len={length:,}. "
            f"Set {shorter}kv_cache_memory_bytes={needed} or higher."
        )
    _check_free_memory(shapes.weight_bytes(dtype) + lora_bytes, size, per_token, length, dtype)
    return MemoryPlan(size, size // (BLOCK_TOKENS * per_token) * BLOCK_TOKENS, length)


def bytes_for_context(tokens: int, bytes_per_token: int) -> int:
    """Returns the size of the smallest KV cache that holds one context of this length."""
    blocks = -(-tokens // BLOCK_TOKENS) + 1
    return blocks * BLOCK_TOKENS * bytes_per_token


def longest_context(kv_cache_bytes: int, bytes_per_token: int) -> int:
    """Returns the longest context, in tokens, that a KV cache of this size holds; 0 if not one block is left."""
    blocks = kv_cache_bytes // (BLOCK_TOKENS * bytes_per_token) - 1
    return max(blocks, 0) * BLOCK_TOKENS


def _check_free_memory(weights: int, kv_cache: int, per_token: int, length: int, dtype: str) -> None:
    free = free_memory() - _RUNTIME_BYTES
    if weights + kv_cache <= free:
        return
    # A little less than what is free now: it varies.
    fits = longest_context(int(_ADVISED_SHARE * (free - weights)), per_token)
    if not fits:
        raise MemoryBudgetError(
            f"Weights and adapters take {weights / GIB:.1f} GiB in {dtype}, but only {max(free, 0) / GIB:.1f} GiB of "
            "memory are free for them and the KV cache. Choose a smaller base model, dtype='float16', or end other "
            "programs."
        )
    shorter = f"max_model_len={fits} or lower and " if fits < length else ""
    raise MemoryBudgetError(
        f"Weights and adapters ({weights / GIB:.1f} GiB) and KV cache ({kv_cache / GIB:.1f} GiB) do not fit into the "
        f"{free / GIB:.1f} GiB of memory that are free: {fits:,} tokens would. "
        f"Set {shorter}kv_cache_memory_bytes={bytes_for_context(fits, per_token)} or lower."
    )
