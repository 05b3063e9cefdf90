"""Part 1: bytes of a token, blocks of a request, the slot of a token, and attention in two halves."""

import math
import random

import numpy as np

from course.exercise import Exercise, all_close
from course.pictures import draw_token_slots
from paged_sim.kv_cache_arrays import compute_slot_mapping

# Of the tokens of some blocks: the largest score, the sum of exp(score - largest), and the values summed with these
# weights.
Half = tuple[float, float, np.ndarray]


def kv_bytes_per_token(num_layers: int, num_kv_heads: int, head_size: int, bytes_per_value: int) -> int:
    """What vLLM reserves for one token, from the page size of its own attention layers."""
    import torch
    from vllm.v1.kv_cache_interface import FullAttentionSpec

    dtype = {1: torch.uint8, 2: torch.bfloat16, 4: torch.float32}[bytes_per_value]
    layer = FullAttentionSpec(block_size=16, num_kv_heads=num_kv_heads, head_size=head_size, dtype=dtype)
    return num_layers * layer.page_size_bytes // 16


def num_blocks(num_tokens: int, block_size: int) -> int:
    """What vLLM's block tables hold."""
    from vllm.utils.math_utils import cdiv

    return cdiv(num_tokens, block_size)


def slot_of(block_table: list[int], position: int, block_size: int) -> int:
    """The slot that the simulator writes to, as vLLM's `compute_slot_mapping` does."""
    return int(compute_slot_mapping(block_table, [position], block_size)[0])


def merge_blocks(a: Half, b: Half) -> Half:
    """Softmax over all scores: both halves as sums of exp(score), then measured against the larger maximum."""
    total, weighted = (math.exp(a[0]) * a[part] + math.exp(b[0]) * b[part] for part in (1, 2))
    maximum = max(a[0], b[0])
    return maximum, total / math.exp(maximum), weighted / math.exp(maximum)


def _added_up(a: Half, b: Half) -> Half:
    return max(a[0], b[0]), a[1] + b[1], a[2] + b[2]


def _scaled(a: Half, b: Half, sign: int = 1) -> Half:
    maximum = max(a[0], b[0])
    first, second = math.exp(sign * (a[0] - maximum)), math.exp(sign * (b[0] - maximum))
    return maximum, a[1] * first + b[1] * second, a[2] * first + b[2] * second


def _scaled_up(a: Half, b: Half) -> Half:
    return _scaled(a, b, sign=-1)


def _values_not_scaled(a: Half, b: Half) -> Half:
    return *_scaled(a, b)[:2], a[2] + b[2]


def _divided(a: Half, b: Half) -> Half:
    maximum, total, weighted = _scaled(a, b)
    return maximum, total, weighted / total


def _against_zero(a: Half, b: Half) -> Half:
    first, second = math.exp(a[0]), math.exp(b[0])
    return 0.0, a[1] * first + b[1] * second, a[2] * first + b[2] * second


def _sizes() -> list[tuple[int, ...]]:
    # SmolLM2-135M, SmolLM2-1.7B, Llama-3.1-8B and OPT-13B in 16 bits, Qwen2.5-7B in 8, SmolLM2-135M in 32.
    return [(30, 3, 64, 2), (24, 32, 64, 2), (32, 8, 128, 2), (40, 40, 128, 2), (28, 4, 128, 1), (30, 3, 64, 4)]


def _lengths() -> list[tuple[int, int]]:
    chance = random.Random(1)
    return [
        (33, 16), (32, 16), (1, 16), (16, 32), *((chance.randint(1, 4096), chance.choice([8, 16, 128])) for _ in "1234")
    ]  # fmt: skip


def _tables() -> list[tuple[list[int], int, int]]:
    chance = random.Random(2)
    cases = [([7, 2, 5], 0, 4), ([7, 2, 5], 3, 4), ([7, 2, 5], 4, 4), ([7, 2, 5], 10, 4)]
    for _ in range(6):
        table, size = chance.sample(range(1, 64), 5), chance.choice([4, 16, 32])
        cases.append((table, chance.randrange(5 * size), size))
    return cases


def _halves() -> list[tuple[Half, Half]]:
    chance = np.random.default_rng(3)
    return [(_half(chance, 0.0), _half(chance, lower)) for lower in (0.0, 5.0, -5.0, 40.0)]


def _half(chance: np.random.Generator, lower: float) -> Half:
    scores, values = chance.normal(size=4) + lower, chance.normal(size=(4, 2))
    weights = np.exp(scores - scores.max())
    return float(scores.max()), float(weights.sum()), weights @ values


EXERCISES = {
    "kv_bytes_per_token": Exercise(
        oracle=kv_bytes_per_token,
        source="the pages that vLLM reserves",
        cases=_sizes,
        mistakes={
            "A token has a key and a value: twice as much.": lambda num_layers, num_kv_heads, head_size, size: (
                num_layers * num_kv_heads * head_size * size
            ),
            "Every layer keeps keys and values of its own.": lambda num_layers, num_kv_heads, head_size, size: (
                2 * num_kv_heads * head_size * size
            ),
            "Count bytes, not numbers.": lambda num_layers, num_kv_heads, head_size, size: (
                2 * num_layers * num_kv_heads * head_size
            ),
            "bytes_per_value is not used: a cache in float32 takes twice that of bfloat16.": (
                lambda num_layers, num_kv_heads, head_size, size: 2 * num_layers * num_kv_heads * head_size * 2
            ),
            "Bytes are asked for, not KiB.": lambda num_layers, num_kv_heads, head_size, size: (
                2 * num_layers * num_kv_heads * head_size * size / 1024
            ),
        },
    ),
    "num_blocks": Exercise(
        oracle=num_blocks,
        source="vLLM's own rounding",
        cases=_lengths,
        mistakes={
            "The last tokens need a block too, even if they do not fill it: round up.": lambda num_tokens, block_size: (
                num_tokens // block_size
            ),
            "A length that fills its blocks exactly needs none more.": lambda num_tokens, block_size: (
                num_tokens // block_size + 1
            ),
            "round() goes down below a half; a block that is begun counts whole.": lambda num_tokens, block_size: round(
                num_tokens / block_size
            ),
            "A block that is begun counts whole: an integer, rounded up.": lambda num_tokens, block_size: (
                num_tokens / block_size
            ),
        },
    ),
    "slot_of": Exercise(
        oracle=slot_of,
        source="the simulator's slot mapping, which is vLLM's",
        cases=_tables,
        mistakes={
            "The offset within the block is missing.": lambda block_table, position, block_size: (
                block_table[position // block_size] * block_size
            ),
            "position // block_size is a place in the table; the table says which block lies there.": (
                lambda block_table, position, block_size: position
            ),
            "Block b begins at slot b * block_size, not at slot b.": lambda block_table, position, block_size: (
                block_table[position // block_size] + position % block_size
            ),
            "Quotient and remainder are swapped: // finds the block, % the place within it.": (
                lambda block_table, position, block_size: (
                    block_table[position % block_size] * block_size + position // block_size
                )
            ),
            "One number is wanted: the block's first slot plus the offset.": lambda block_table, position, block_size: (
                (block_table[position // block_size], position % block_size)
            ),
        },
        picture=lambda function: draw_token_slots([function([7, 2, 5], position, 4) for position in range(11)], 9, 4),
    ),
    "merge_blocks": Exercise(
        oracle=merge_blocks,
        source="softmax over both halves at once",
        cases=_halves,
        same=all_close,
        mistakes={
            "Each half was summed against its own maximum: scale it by exp(its maximum - the larger one) first.": (
                _added_up
            ),
            "The values are sums as well: scale the third part like the second.": _values_not_scaled,
            "The third part stays a sum; nothing is divided before the last block.": _divided,
            "The scale is exp(own maximum - larger maximum), at most 1; this is its inverse.": _scaled_up,
            "The first part is the larger of both maxima; against 0, exp of a large score overflows.": _against_zero,
        },
    ),
}
