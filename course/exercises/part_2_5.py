"""Part 2.5: how many requests fit, and how fast decoding can be at best."""

from course.exercise import Exercise, close
from paged_sim.sizing.layout import computed_tokens

GIB = 1024**3


def requests_at_once(kv_cache_bytes: int, bytes_per_block: int, block_size: int, prompt: int, output: int) -> int:
    """How many equal requests run to their end, as `KVCacheCapacity.requests_at_once` counts."""
    usable = kv_cache_bytes // bytes_per_block - 1
    return usable // -(-computed_tokens(prompt, output) // block_size)


def most_tokens_per_second(
    weight_bytes: float, kv_bytes_per_token: float, context: int, batch: int, bytes_per_second: float
) -> float:
    """The tokens of a batch over the time of reading all weights once and every request's keys and values."""
    return batch * bytes_per_second / (weight_bytes + batch * context * kv_bytes_per_token)


def _capacities() -> list[tuple[int, int, int, int, int]]:
    small, large = 16 * 23_040, 16 * 131_072
    return [
        (GIB, small, 16, 512, 257),
        (GIB, small, 16, 33, 1),
        (40 * small, small, 16, 16, 1),
        (40 * small, small, 16, 320, 1),
        (8 * GIB, large, 16, 2000, 500),
        (GIB, 4 * small, 32, 100, 29),
    ]


EXERCISES = {
    "requests_at_once": Exercise(
        oracle=requests_at_once,
        source="the sizing calculator",
        cases=_capacities,
        mistakes={
            "Each request holds whole blocks: round up for one request, not for all.": (
                lambda kv_cache_bytes, bytes_per_block, block_size, prompt, output: (
                    (kv_cache_bytes // bytes_per_block - 1) * block_size // (prompt + output - 1)
                )
            ),
            "The last token of an answer is never given keys and values.": (
                lambda kv_cache_bytes, bytes_per_block, block_size, prompt, output: (
                    (kv_cache_bytes // bytes_per_block - 1) // -(-(prompt + output) // block_size)
                )
            ),
            "Block 0 is the null block: it holds no tokens.": (
                lambda kv_cache_bytes, bytes_per_block, block_size, prompt, output: (
                    kv_cache_bytes // bytes_per_block // -(-(prompt + output - 1) // block_size)
                )
            ),
            "The last block of a request may be partly filled: round its blocks up.": (
                lambda kv_cache_bytes, bytes_per_block, block_size, prompt, output: (
                    (kv_cache_bytes // bytes_per_block - 1) // max(1, (prompt + output - 1) // block_size)
                )
            ),
        },
    ),
    "most_tokens_per_second": Exercise(
        oracle=most_tokens_per_second,
        source="the simulator's cost model",
        cases=lambda: [
            (3.4e9, 196_608, 1000, 1, 3.35e12),
            (3.4e9, 196_608, 1000, 32, 3.35e12),
            (2.7e8, 23_040, 256, 8, 3e10),
            (1.6e10, 131_072, 4000, 128, 4.8e12),
        ],
        same=close,
        mistakes={
            "A step gives one token to every request of the batch.": (
                lambda weight_bytes, kv_bytes_per_token, context, batch, bytes_per_second: (
                    bytes_per_second / (weight_bytes + batch * context * kv_bytes_per_token)
                )
            ),
            "The weights are read once a step, whatever the batch.": (
                lambda weight_bytes, kv_bytes_per_token, context, batch, bytes_per_second: (
                    bytes_per_second / (weight_bytes + context * kv_bytes_per_token)
                )
            ),
            "The weights are read too, once a step.": (
                lambda weight_bytes, kv_bytes_per_token, context, batch, bytes_per_second: (
                    bytes_per_second / (context * kv_bytes_per_token)
                )
            ),
            "Every request reads keys and values of its own.": (
                lambda weight_bytes, kv_bytes_per_token, context, batch, bytes_per_second: (
                    batch * bytes_per_second / (weight_bytes + context * kv_bytes_per_token)
                )
            ),
        },
    ),
}
