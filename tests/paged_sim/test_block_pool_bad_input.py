"""What the block pool refuses changes nothing, and the error names the field, the rule and the value."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from paged_sim import Block, BlockPool
from tests.paged_sim.core_state import pool_state


@pytest.mark.parametrize("num_blocks", [0, -1, 2.0, "8", None, True])
def test_a_pool_has_at_least_one_block(num_blocks: Any) -> None:
    expected = f"num_blocks must be an integer of at least 1, got {num_blocks!r}"
    with pytest.raises(ValueError, match=re.escape(expected)):
        BlockPool(num_blocks)


AT_LEAST_0 = "n must be an integer of at least 0, got"
TOO_OFTEN = "blocks must be freed at most as often as they are referred to, got 'block"
REFUSED: dict[str, tuple[Callable[[BlockPool, list[Block]], Any], str]] = {
    "more blocks than are free": (
        lambda pool, blocks: pool.get_new_blocks(4),
        "n must be at most the 3 free blocks, got 4",
    ),
    "a negative number of blocks": (lambda pool, blocks: pool.get_new_blocks(-1), f"{AT_LEAST_0} -1"),
    "a fraction of blocks": (lambda pool, blocks: pool.get_new_blocks(1.0), f"{AT_LEAST_0} 1.0"),
    "a truth value of blocks": (lambda pool, blocks: pool.get_new_blocks(True), f"{AT_LEAST_0} True"),
    "freeing a free block": (
        lambda pool, blocks: pool.free_blocks([pool.blocks[5]]),
        f"{TOO_OFTEN} 5 given 1 times with 0 references",
    ),
    "freeing a block twice in a call": (
        lambda pool, blocks: pool.free_blocks([blocks[2], blocks[0], blocks[0]]),
        f"{TOO_OFTEN} 1 given 2 times with 1 references",
    ),
    "freeing a shared block once too often": (
        lambda pool, blocks: pool.free_blocks([blocks[1]] * 3),
        f"{TOO_OFTEN} 2 given 3 times with 2 references",
    ),
    "caching a block that is cached": (
        lambda pool, blocks: pool.cache_full_blocks([blocks[2], blocks[0]], [b"new", b"newer"]),
        "blocks must be without cached contents, and not the null block, got 1",
    ),
    "evicting a block beyond the last": (
        lambda pool, blocks: pool.evict_blocks([1, 7]),
        "block_ids must be in [0, 7), got 7",
    ),
    "evicting a block before the first": (
        lambda pool, blocks: pool.evict_blocks([1, -1]),
        "block_ids must be in [0, 7), got -1",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_changes_nothing(name: str) -> None:
    call, expected = REFUSED[name]
    # Block 1 has contents, block 2 has two references, blocks 4 to 6 are free.
    pool = BlockPool(num_blocks=7)
    blocks = pool.get_new_blocks(3)
    pool.cache_full_blocks(blocks[:1], [b"old"])
    pool.touch([blocks[1]])
    before = pool_state(pool)
    with pytest.raises(ValueError, match=re.escape(expected)):
        call(pool, blocks)
    assert pool_state(pool) == before


def test_a_freed_block_cannot_be_freed_again() -> None:
    pool = BlockPool(num_blocks=3)
    blocks = pool.get_new_blocks(2)
    pool.free_blocks(blocks)
    before = pool_state(pool)
    with pytest.raises(ValueError, match=re.escape(f"{TOO_OFTEN} 1 given 1 times with 0 references")):
        pool.free_blocks(blocks)
    assert pool_state(pool) == before


def test_the_last_reference_to_a_shared_block_cannot_be_dropped_twice() -> None:
    pool = BlockPool(num_blocks=3)
    blocks = pool.get_new_blocks(1)
    pool.touch(blocks)
    pool.free_blocks(blocks)
    pool.free_blocks(blocks)
    before = pool_state(pool)
    with pytest.raises(ValueError, match=re.escape(f"{TOO_OFTEN} 1 given 1 times with 0 references")):
        pool.free_blocks(blocks)
    assert pool_state(pool) == before
