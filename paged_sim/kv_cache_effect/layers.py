"""The parts of a Llama layer that are no matrix products."""

import numpy as np

from paged_sim.kv_cache_arrays import Array, Slots

NORM_EPSILON = 1e-5
ROTARY_BASE = 10_000.0


def rms_norm(x: Array, weight: Array) -> Array:
    """Returns each row of [tokens, hidden_size] divided by its root mean square, times `weight` (arXiv 1910.07467)."""
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + NORM_EPSILON) * weight


def rotary_embedding(x: Array, positions: Slots) -> Array:
    """Returns the heads of [tokens, heads, head_size], turned by angles that grow with the position.

    Number i of a head's first half and number i of its second half are a point in the plane, turned by
    position / `ROTARY_BASE` ** (2 i / head_size) (arXiv 2104.09864). A score then depends on the distance of query and
    key alone, and a key that was turned once can be kept.
    """
    half = x.shape[-1] // 2
    angles = positions[:, None] / ROTARY_BASE ** (np.arange(half) / half)
    cos, sin = (turn[:, None].astype(x.dtype) for turn in (np.cos(angles), np.sin(angles)))
    first, second = x[..., :half], x[..., half:]
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def silu(x: Array) -> Array:
    """Returns x times the logistic function of x, written such that nothing overflows."""
    return x * (0.5 + 0.5 * np.tanh(0.5 * x))
