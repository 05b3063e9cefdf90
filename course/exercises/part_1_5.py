"""Part 1.5: prefix hits, the order in which blocks are used again, and what reserving costs."""

import random

from course.exercise import Exercise
from paged_sim import BlockPool, KVCacheManager, Request
from paged_sim.paper.contiguous_cache import ContiguousCache
from paged_sim.paper.reservation import reserve_max


def hit_tokens(prompt: list[int], cached_prompt: list[int], block_size: int) -> int:
    """What the simulator's KV cache manager finds, after a request with `cached_prompt` has ended."""
    manager = KVCacheManager(num_blocks=64, block_size=block_size)
    earlier = Request("earlier", cached_prompt, max_tokens=1)
    manager.allocate_slots(earlier, len(cached_prompt))
    manager.free(earlier)
    return manager.get_computed_blocks(Request("new", prompt, max_tokens=1))[1]


def free_queue_after(free_queue: list[int], block_table: list[int], num_full_blocks: int) -> list[int]:
    """The free queue of the simulator's block pool, after the request with this table has ended."""
    pool = BlockPool(len(free_queue) + len(block_table) + 1)
    by_id = {block.block_id: block for block in pool.get_new_blocks(len(free_queue) + len(block_table))}
    # Free blocks without contents go to the front, the one freed last first.
    for block_id in reversed(free_queue):
        pool.free_blocks([by_id[block_id]])
    table = [by_id[block_id] for block_id in block_table]
    full = table[:num_full_blocks]
    pool.cache_full_blocks(full, [bytes([block.block_id]) for block in full])
    pool.free_blocks(reversed(table))
    return pool.free_block_ids()


def requests_in_reserved_memory(num_slots: int, max_model_len: int) -> int:
    """How many requests the paper's Orca (Max) admits, whose buddy allocator hands out powers of two."""
    cache, admitted = ContiguousCache(num_slots, reserve_max, max_model_len), 0
    while cache.admit(str(admitted), prompt=1, output=1):
        admitted += 1
    return admitted


def _prompts() -> list[tuple[list[int], list[int], int]]:
    chance, words = random.Random(4), list(range(100, 200))
    cases = [(words[:20], words[:20], 4), (words[:21], words[:21], 4), (words[:20], [*words[:10], 7, *words[11:20]], 4)]
    for _ in range(7):
        size, length, shared = chance.choice([4, 8, 16]), chance.randint(20, 60), chance.randint(0, 60)
        cached = [*words[:shared], *(1000 + token for token in range(chance.randint(1, 40)))]
        cases.append((words[:length], cached, size))
    return cases


def _queues() -> list[tuple[list[int], list[int], int]]:
    chance, cases = random.Random(5), [([4, 5, 6], [1, 2, 3], 2), ([4, 5, 6], [1, 2, 3], 3), ([4, 5, 6], [1, 2, 3], 0)]
    for _ in range(6):
        ids = chance.sample(range(1, 13), 12)
        held = chance.randint(1, 8)
        cases.append((ids[held:], ids[:held], chance.randint(0, held)))
    return cases


def _common(prompt: list[int], cached_prompt: list[int]) -> int:
    pairs = zip(prompt, cached_prompt, strict=False)
    return next(
        (place for place, (one, other) in enumerate(pairs) if one != other), min(len(prompt), len(cached_prompt))
    )


def _each_by_itself(prompt: list[int], cached_prompt: list[int], block_size: int) -> int:
    starts = range(0, min(len(prompt) - 1, len(cached_prompt)) // block_size * block_size, block_size)
    same = [start for start in starts if prompt[start:][:block_size] == cached_prompt[start:][:block_size]]
    return len(same) * block_size


EXERCISES = {
    "hit_tokens": Exercise(
        oracle=hit_tokens,
        source="the KV cache manager",
        cases=_prompts,
        mistakes={
            "Only full blocks are found, not single tokens.": lambda prompt, cached_prompt, block_size: _common(
                prompt, cached_prompt
            ),
            "The last token of a prompt is always computed, since its logits are wanted.": (
                lambda prompt, cached_prompt, block_size: _common(prompt, cached_prompt) // block_size * block_size
            ),
            "Blocks are hit whole: round down to a multiple of block_size.": lambda prompt, cached_prompt, block_size: (
                min(_common(prompt, cached_prompt), len(prompt) - 1)
            ),
            "A block's name covers everything before it too: nothing is hit behind a difference.": _each_by_itself,
        },
    ),
    "free_queue_after": Exercise(
        oracle=free_queue_after,
        source="the block pool",
        cases=_queues,
        mistakes={
            "The end of the table is freed first: a prefix is worth more than what follows it.": (
                lambda free_queue, block_table, num_full_blocks: (
                    block_table[num_full_blocks:] + free_queue + block_table[:num_full_blocks]
                )
            ),
            "Blocks without cached contents are used again first: they go to the front.": (
                lambda free_queue, block_table, num_full_blocks: free_queue + block_table[::-1]
            ),
        },
    ),
    "requests_in_reserved_memory": Exercise(
        oracle=requests_in_reserved_memory,
        source="the allocator of the paper's baseline",
        cases=lambda: [(15_728, 2048), (15_728, 1024), (15_728, 1500), (10_000, 1000), (4096, 4096), (60_074, 2049)],
        mistakes={
            "A chunk is a power of two: 1,500 slots take 2,048.": lambda num_slots, max_model_len: (
                num_slots // max_model_len
            ),
            "2,048 is a power of two already; (n - 1).bit_length() leaves it as it is.": (
                lambda num_slots, max_model_len: num_slots // 2 ** max_model_len.bit_length()
            ),
        },
    ),
}
