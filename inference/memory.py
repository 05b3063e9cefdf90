"""How much KV cache to ask for on a CPU, and whether model and cache fit: answered before the engine starts."""

from dataclasses import dataclass

import psutil

from inference.base_shapes import BaseShapes
from inference.errors import MemoryBudgetError

GIB = 1024**3
DEFAULT_KV_CACHE_BYTES = GIB
# Interpreter, libraries and activations of the engine, beside weights and KV cache.
_RUNTIME_BYTES = int(1.5 * GIB)


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """What a CPU engine will take.

    Attributes:
        kv_cache_bytes: size of the KV cache.
        kv_cache_tokens: tokens that it holds.
        max_model_len: longest prompt and answer together, in tokens.
    """

    kv_cache_bytes: int
    kv_cache_tokens: int
    max_model_len: int


def plan_cpu_memory(
    shapes: BaseShapes, dtype: str, max_model_len: int | None, kv_cache_bytes: int | None
) -> MemoryPlan:
    """Returns the sizes to start a CPU engine with.

    Args:
        shapes: sizes of the base model.
        dtype: of weights and cache.
        max_model_len: longest context wanted, in tokens; None takes what the model was made for.
        kv_cache_bytes: size of the KV cache; None takes 1 GiB, or more where one full context needs more.

    Raises:
        MemoryBudgetError: the model or the cache does not fit into the memory that is free, or the cache does not hold
            one full context. The message says how many tokens fit and what to set.
    """
    length = max_model_len or shapes.max_positions
    per_token = shapes.kv_bytes_per_token(dtype)
    size = kv_cache_bytes or max(DEFAULT_KV_CACHE_BYTES, length * per_token)
    if size < length * per_token:
        raise MemoryBudgetError(
            f"kv_cache_memory_bytes={size:,} holds {size // per_token:,} tokens ({per_token:,} bytes each in {dtype}), "
            f"fewer than max_model_len={length:,}. Set max_model_len={size // per_token} or lower, "
            f"or kv_cache_memory_bytes={length * per_token} or higher."
        )
    _check_free_memory(shapes.weight_bytes(dtype), size, per_token, dtype)
    return MemoryPlan(size, size // per_token, length)


def _check_free_memory(weights: int, kv_cache: int, per_token: int, dtype: str) -> None:
    free = psutil.virtual_memory().available - _RUNTIME_BYTES
    if weights > free:
        raise MemoryBudgetError(
            f"The weights take {weights / GIB:.1f} GiB in {dtype}, but only {max(free, 0) / GIB:.1f} GiB of memory are "
            "free for them. Choose a smaller base model, dtype='float16', or end other programs."
        )
    if weights + kv_cache > free:
        tokens = (free - weights) // per_token
        raise MemoryBudgetError(
            f"Weights ({weights / GIB:.1f} GiB) and KV cache ({kv_cache / GIB:.1f} GiB) do not fit into the "
            f"{free / GIB:.1f} GiB of memory that are free: {tokens:,} tokens of KV cache would. "
            f"Set max_model_len={tokens} or lower and kv_cache_memory_bytes={tokens * per_token}."
        )
