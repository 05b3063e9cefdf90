"""A small decoder-only model in NumPy, of the same make as Llama, that counts what it computes.

Its weights are random, so its text means nothing; that it computes what Llama computes is tested against Transformers.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from paged_sim.checks import require, require_integer
from paged_sim.kv_cache_arrays import Array
from paged_sim.kv_cache_effect.layers import rms_norm, rotary_embedding, silu
from paged_sim.kv_cache_effect.model_shape import ModelShape
from paged_sim.kv_cache_effect.work_counter import WorkCounter
from paged_sim.paged_attention import dense_attention


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """The weights of one layer; a matrix has a row for each of its inputs."""

    attention_norm: Array
    query: Array
    key: Array
    value: Array
    output: Array
    mlp_norm: Array
    gate: Array
    up: Array
    down: Array


class LayerCache:
    """Keys and values of one request in one layer, one after the other, with room for `capacity` tokens."""

    def __init__(self, shape: ModelShape, capacity: int, dtype: DTypeLike) -> None:
        self.num_tokens = 0
        self._keys = np.empty((capacity, shape.num_kv_heads, shape.head_size), dtype)
        self._values = np.empty_like(self._keys)

    def append(self, key: Array, value: Array) -> tuple[Array, Array]:
        """Writes keys and values after the cached ones, and returns views of all of them."""
        start, stop = self.num_tokens, self.num_tokens + len(key)
        self._keys[start:stop], self._values[start:stop] = key, value
        self.num_tokens = stop
        return self._keys[:stop], self._values[:stop]


class ContiguousKVCache:
    """The KV cache of one request: in each layer as much room from the start as it will need at the end.

    Raises:
        ValueError: `capacity` is no integer of at least 1.
    """

    def __init__(self, shape: ModelShape, capacity: int, dtype: DTypeLike) -> None:
        require_integer("capacity", capacity, 1)
        self.capacity = capacity
        self.layers = [LayerCache(shape, capacity, dtype) for _ in range(shape.num_layers)]

    @property
    def num_tokens(self) -> int:
        """Tokens whose keys and values are kept."""
        return self.layers[0].num_tokens


class TinyDecoder:
    """Embedding, layers of attention and MLP, and logits.

    Args:
        shape: its sizes.
        seed: an integer of at least 0; the same seed gives the same weights.
        dtype: of weights and everything computed from them.

    Raises:
        ValueError: `seed` is no integer of at least 0.
    """

    def __init__(self, shape: ModelShape, seed: int = 0, dtype: DTypeLike = np.float32) -> None:
        require_integer("seed", seed, 0)
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._random = np.random.default_rng(seed)
        self.embedding = self._matrix(shape.vocab_size, shape.hidden_size) * math.sqrt(shape.vocab_size)
        self.layers = [self._layer() for _ in range(shape.num_layers)]
        self.final_norm = self._norm()
        self.head = self._matrix(shape.hidden_size, shape.vocab_size)

    def new_cache(self, capacity: int) -> ContiguousKVCache:
        """Returns an empty KV cache with room for `capacity` tokens."""
        return ContiguousKVCache(self.shape, capacity, self.dtype)

    def forward(self, token_ids: list[int], cache: ContiguousKVCache, counter: WorkCounter) -> Array:
        """Sends tokens through the model and returns the logits of the last one, of shape [vocab_size].

        Args:
            token_ids: the tokens after those in the cache, at least one.
            cache: what is known of the earlier tokens; the new ones' keys and values are added.
            counter: adds up the work.

        Raises:
            ValueError: there is no token, an id is not in the vocabulary, or the cache has too little room.
        """
        self._check(token_ids, cache)
        hidden = self.embedding[token_ids]
        for layer, layer_cache in zip(self.layers, cache.layers, strict=True):
            hidden = hidden + self._attention(layer, hidden, layer_cache, counter)
            hidden = hidden + self._mlp(layer, hidden, counter)
        return counter.linear(rms_norm(hidden[-1:], self.final_norm), self.head)[0]

    def _attention(self, layer: LayerWeights, hidden: Array, cache: LayerCache, counter: WorkCounter) -> Array:
        inputs = rms_norm(hidden, layer.attention_norm)
        query, key, value = (
            counter.linear(inputs, weight).reshape(len(inputs), -1, self.shape.head_size)
            for weight in (layer.query, layer.key, layer.value)
        )
        positions = np.arange(cache.num_tokens, cache.num_tokens + len(inputs))
        query, key = rotary_embedding(query, positions), rotary_embedding(key, positions)
        counter.store(key, value)
        keys, values = cache.append(key, value)
        attended = dense_attention(query, keys, values, matmul=counter.attend)
        return counter.linear(attended.reshape(len(inputs), -1), layer.output)

    def _mlp(self, layer: LayerWeights, hidden: Array, counter: WorkCounter) -> Array:
        inputs = rms_norm(hidden, layer.mlp_norm)
        gated = silu(counter.linear(inputs, layer.gate)) * counter.linear(inputs, layer.up)
        return counter.linear(gated, layer.down)

    def _check(self, token_ids: list[int], cache: ContiguousKVCache) -> None:
        require(len(token_ids) > 0, "token_ids", "at least one token", token_ids)
        known = all(type(token) is int and 0 <= token < self.shape.vocab_size for token in token_ids)
        require(known, "token_ids", f"integers in [0, {self.shape.vocab_size})", token_ids)
        room = cache.capacity - cache.num_tokens
        require(
            len(token_ids) <= room, "token_ids", f"at most the {room} tokens that the cache has room for", token_ids
        )

    def _layer(self) -> LayerWeights:
        shape = self.shape
        hidden, queries, kv, inner = shape.hidden_size, shape.query_size, shape.kv_size, shape.intermediate_size
        return LayerWeights(
            attention_norm=self._norm(),
            query=self._matrix(hidden, queries),
            key=self._matrix(hidden, kv),
            value=self._matrix(hidden, kv),
            output=self._matrix(queries, hidden),
            mlp_norm=self._norm(),
            gate=self._matrix(hidden, inner),
            up=self._matrix(hidden, inner),
            down=self._matrix(inner, hidden),
        )

    def _matrix(self, rows: int, columns: int) -> Array:
        """Returns a random matrix that keeps the size of what is multiplied with it."""
        return (self._random.standard_normal((rows, columns)) / math.sqrt(rows)).astype(self.dtype)

    def _norm(self) -> Array:
        return self._random.uniform(0.5, 1.5, self.shape.hidden_size).astype(self.dtype)
