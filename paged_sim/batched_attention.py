"""A whole step's attention: the tokens of all scheduled requests in one array, without padding."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from paged_sim.checks import require, require_integer
from paged_sim.kv_cache_arrays import Array, KVCacheArrays, Slots, compute_slot_mapping
from paged_sim.paged_attention import paged_attention


@dataclass(frozen=True, slots=True)
class ScheduledRequest:
    """A request's part of a step: a whole prompt, a chunk of one, or one decoded token.

    Attributes:
        block_table: ids of its blocks.
        context_len: tokens that are in the cache already, at least 0.
        query_len: tokens of this step, at least 1.

    Raises:
        ValueError: a length is out of its range.
    """

    block_table: Sequence[int]
    context_len: int
    query_len: int

    def __post_init__(self) -> None:
        require_integer("context_len", self.context_len, 0)
        require_integer("query_len", self.query_len, 1)

    @property
    def seq_len(self) -> int:
        """Tokens that are in the cache after the step."""
        return self.context_len + self.query_len


def batch_slot_mapping(requests: Sequence[ScheduledRequest], block_size: int) -> Slots:
    """Returns the slots of a step's new tokens, request after request.

    Raises:
        ValueError: a block table is too short or wrong.
    """
    require(len(requests) > 0, "requests", "at least one", list(requests))
    slots = [
        compute_slot_mapping(request.block_table, np.arange(request.context_len, request.seq_len), block_size)
        for request in requests
    ]
    return np.concatenate(slots)


def batch_attention(
    query: Array,
    cache: KVCacheArrays,
    requests: Sequence[ScheduledRequest],
    *,
    scale: float | None = None,
    sliding_window: int | None = None,
    attention: Callable[..., Array] = paged_attention,
) -> Array:
    """Returns the attention of a whole step, in which some requests prefill and others decode.

    Args:
        query: [sum of query_len, num_heads, head_size], request after request, without padding.
        cache: the layer's keys and values, those of this step's tokens included.
        requests: in the order of `query`.
        scale, sliding_window: as in `paged_attention`.
        attention: how each request is computed: `paged_attention` or `online_paged_attention`.

    Raises:
        ValueError: `query` does not have one row for each token, or a request is wrong.
    """
    lengths = [request.query_len for request in requests]
    require(len(requests) > 0, "requests", "at least one", list(requests))
    rows = f"one row for each of the {sum(lengths)} tokens of the step"
    require(np.shape(query)[:1] == (sum(lengths),), "query", rows, np.shape(query))
    parts = np.split(query, np.cumsum(lengths)[:-1])
    outputs = [
        attention(part, cache, request.block_table, request.context_len, scale=scale, sliding_window=sliding_window)
        for part, request in zip(parts, requests, strict=True)
    ]
    return np.concatenate(outputs)
