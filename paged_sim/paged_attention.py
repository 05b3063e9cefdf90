"""Attention over a KV cache in blocks, and the dense attention that it must equal.

`dense_attention` is the textbook's softmax(Q K^T / sqrt(d)) V over keys that lie one after the other.
`paged_attention` gathers the keys through the block table first and then does the same.
`online_paged_attention` sums block by block (arXiv 2309.06180, section 4.1), as vLLM's kernels do
(v1/attention/ops/triton_unified_attention.py): it reads one block at a time where it lies, and keeps only a running
maximum and a running sum (the online softmax, arXiv 1805.02867), so neither the gathered keys nor the row of all scores
ever exists.

Queries are the last tokens of their request: `query_len` of them after `context_len` tokens that are already in the
cache, `seq_len` = `context_len` + `query_len`, as vLLM names them. A prefill has context 0, a chunk of a prefill more,
a decode has query_len 1. The keys and values of the queries' own tokens are in the cache too: every layer writes
first and attends then.

What this does not show: speed. A GPU spreads the blocks over its cores; NumPy walks through them.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from paged_sim.checks import require, require_integer, require_number
from paged_sim.kv_cache_arrays import Array, KVCacheArrays, Slots


def dense_attention(
    query: Array,
    key: Array,
    value: Array,
    *,
    scale: float | None = None,
    sliding_window: int | None = None,
    matmul: Callable[[Array, Array], Array] = np.matmul,
) -> Array:
    """Returns causal attention, of the shape of `query`.

    Args:
        query: [query_len, num_heads, head_size]; the last tokens of the sequence.
        key, value: [seq_len, num_kv_heads, head_size], seq_len at least query_len. With fewer KV heads than heads,
            consecutive heads share one (grouped-query attention).
        scale: factor of the scores, above 0; None is 1 / sqrt(head_size).
        sliding_window: how many tokens a query sees, itself included, at least 1; None is all.
        matmul: how matrices are multiplied, for those who count it.

    Raises:
        ValueError: shapes do not agree or a value is out of its range.
    """
    _check(query, key.shape, scale, sliding_window)
    require(key.shape == value.shape, "shape of value", f"that of key, {key.shape}", value.shape)
    require(len(key) >= len(query), "key", f"at least as long as the {len(query)} queries", len(key))
    queries = _by_kv_head(query, key.shape[1])
    keys, values = (_by_kv_head(array, key.shape[1]) for array in (key, value))
    seen = _seen(np.arange(len(key) - len(query), len(key)), np.arange(len(key)), sliding_window)
    scores = matmul(queries, keys.swapaxes(-1, -2)) * _scale(query, scale)
    scores = np.where(seen, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return _by_token(matmul(weights, values))


def paged_attention(
    query: Array,
    cache: KVCacheArrays,
    block_table: Sequence[int],
    context_len: int,
    *,
    scale: float | None = None,
    sliding_window: int | None = None,
) -> Array:
    """Returns what `dense_attention` returns, for keys and values that lie in blocks: gathered first.

    Args:
        query: [query_len, num_heads, head_size]; their own keys and values are written already.
        cache: the layer's keys and values.
        block_table: ids of the request's blocks. Blocks before the sliding window are not looked at, so they may have
            been given back.
        context_len: tokens of the request before the first query, at least 0.
        scale: factor of the scores, above 0; None is 1 / sqrt(head_size).
        sliding_window: how many tokens a query sees, itself included, at least 1; None is all.

    Raises:
        ValueError: shapes do not agree, the table is too short, or a slot was never written.
    """
    start, stop = _read_range(query, cache, context_len, scale, sliding_window)
    key, value = cache.gather(block_table, start, stop)
    return dense_attention(query, key, value, scale=scale, sliding_window=sliding_window)


def online_paged_attention(
    query: Array,
    cache: KVCacheArrays,
    block_table: Sequence[int],
    context_len: int,
    *,
    scale: float | None = None,
    sliding_window: int | None = None,
) -> Array:
    """Returns what `paged_attention` returns, reading one block after the other.

    A block can raise the largest score so far. Then everything summed before was measured against too small a
    maximum, and is scaled down by exp(old maximum - new maximum): the online softmax. Arguments and errors are those
    of `paged_attention`.
    """
    start, stop = _read_range(query, cache, context_len, scale, sliding_window)
    queries = _by_kv_head(query, cache.num_kv_heads) * _scale(query, scale)
    # The lowest number and not -inf, whose difference to itself is no number, for rows that see nothing of a block.
    maximum = np.full((*queries.shape[:-1], 1), np.finfo(query.dtype).min, query.dtype)
    total, weighted = np.zeros_like(maximum), np.zeros_like(queries)
    for first in range(start - start % cache.block_size, stop, cache.block_size):
        positions = np.arange(max(first, start), min(first + cache.block_size, stop))
        block = cache.gather(block_table, int(positions[0]), int(positions[-1]) + 1)
        keys, values = (_by_kv_head(array, cache.num_kv_heads) for array in block)
        seen = _seen(np.arange(context_len, stop), positions, sliding_window)
        scores = np.where(seen, queries @ keys.swapaxes(-1, -2), -np.inf)
        new_maximum = np.maximum(maximum, scores.max(axis=-1, keepdims=True))
        shrink, weights = np.exp(maximum - new_maximum), np.exp(scores - new_maximum)
        total = total * shrink + weights.sum(axis=-1, keepdims=True)
        weighted = weighted * shrink + weights @ values
        maximum = new_maximum
    return _by_token(weighted / total)


def _check(query: Array, key_shape: tuple[int, ...], scale: float | None, sliding_window: int | None) -> None:
    """Raises ValueError unless queries of this shape can attend to keys of that shape."""
    is_floating = isinstance(query, np.ndarray) and np.issubdtype(query.dtype, np.floating)
    require(is_floating, "query", "a floating-point array", query)
    require(query.ndim == 3 and len(query) > 0, "shape of query", "[query_len, num_heads, head_size]", query.shape)
    require(len(key_shape) == 3, "shape of key", "[seq_len, num_kv_heads, head_size]", key_shape)
    _, num_kv_heads, head_size = key_shape
    require(query.shape[2] == head_size, "head size of query", f"that of key, {head_size}", query.shape[2])
    rule = f"a multiple of the {num_kv_heads} KV heads"
    require(query.shape[1] % num_kv_heads == 0, "number of query heads", rule, query.shape[1])
    if scale is not None:
        require_number("scale", scale, 0)
        require(scale > 0, "scale", "above 0", scale)
    if sliding_window is not None:
        require_integer("sliding_window", sliding_window, 1)


def _read_range(
    query: Array, cache: KVCacheArrays, context_len: int, scale: float | None, sliding_window: int | None
) -> tuple[int, int]:
    """Returns the range of positions that the queries see together."""
    _check(query, (0, cache.num_kv_heads, cache.head_size), scale, sliding_window)
    require_integer("context_len", context_len, 0)
    start = 0 if sliding_window is None else max(0, context_len - sliding_window + 1)
    return start, context_len + len(query)


def _seen(query_positions: Slots, key_positions: Slots, sliding_window: int | None) -> NDArray[np.bool_]:
    """Returns [queries, keys]: no query sees what comes after it, or what lies before its window."""
    distance = query_positions[:, None] - key_positions[None, :]
    return (distance >= 0) & (sliding_window is None or distance < sliding_window)


def _scale(query: Array, scale: float | None) -> float:
    return scale if scale is not None else 1 / math.sqrt(query.shape[2])


def _by_kv_head(array: Array, num_kv_heads: int) -> Array:
    """Returns [num_kv_heads, heads per KV head, tokens, head_size] of [tokens, heads, head_size]."""
    tokens, _, head_size = array.shape
    return array.reshape(tokens, num_kv_heads, -1, head_size).transpose(1, 2, 0, 3)


def _by_token(array: Array) -> Array:
    """Returns [tokens, heads, head_size] of [num_kv_heads, heads per KV head, tokens, head_size]."""
    return array.transpose(2, 0, 1, 3).reshape(array.shape[2], -1, array.shape[3])
