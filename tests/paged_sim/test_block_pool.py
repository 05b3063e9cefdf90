"""The rules of the block pool: which block is handed out next, who refers to it, and whose contents can be hit."""

import pytest

from paged_sim import Block, BlockPool
from tests.paged_sim.core_state import pool_state


def ids(blocks: list[Block]) -> list[int]:
    """Returns the ids of blocks."""
    return [block.block_id for block in blocks]


def cached_pool(num_blocks: int, num_cached: int) -> tuple[BlockPool, list[Block]]:
    """Returns a pool whose first blocks are in use and hold contents named h1, h2 and so on, and those blocks."""
    pool = BlockPool(num_blocks)
    blocks = pool.get_new_blocks(num_cached)
    pool.cache_full_blocks(blocks, [f"h{block.block_id}".encode() for block in blocks])
    return pool, blocks


# Handing out.


def test_block_0_is_never_handed_out() -> None:
    pool = BlockPool(num_blocks=4)
    assert ids(pool.get_new_blocks(3)) == [1, 2, 3]
    assert pool.null_block is pool.blocks[0]
    assert [block.is_null for block in pool.blocks] == [True, False, False, False]


def test_the_first_ids_are_1_2_3() -> None:
    pool = BlockPool(num_blocks=10)
    assert ids(pool.get_new_blocks(1)) == [1]
    assert ids(pool.get_new_blocks(2)) == [2, 3]
    assert pool.free_block_ids() == [4, 5, 6, 7, 8, 9]


def test_a_new_block_has_one_reference() -> None:
    pool = BlockPool(num_blocks=4)
    pool.get_new_blocks(2)
    assert [block.ref_cnt for block in pool.blocks] == [0, 1, 1, 0]


def test_no_blocks_can_be_asked_for() -> None:
    pool = BlockPool(num_blocks=3)
    assert pool.get_new_blocks(0) == []
    assert pool.free_block_ids() == [1, 2]


def test_all_free_blocks_can_be_taken_but_no_more() -> None:
    pool = BlockPool(num_blocks=3)
    pool.get_new_blocks(2)
    with pytest.raises(ValueError, match="n must be at most the 0 free blocks, got 1"):
        pool.get_new_blocks(1)


# Usage.


def test_usage_is_the_share_of_the_usable_blocks() -> None:
    pool = BlockPool(num_blocks=5)
    assert (pool.num_usable_blocks, pool.num_free_blocks, pool.usage) == (4, 4, 0.0)
    blocks = pool.get_new_blocks(1)
    assert (pool.num_free_blocks, pool.usage) == (3, 0.25)
    pool.get_new_blocks(3)
    assert (pool.num_free_blocks, pool.usage) == (0, 1.0)
    pool.free_blocks(blocks)
    assert (pool.num_free_blocks, pool.usage) == (1, 0.75)


def test_a_pool_of_the_null_block_alone_is_empty() -> None:
    pool = BlockPool(num_blocks=1)
    assert (pool.num_usable_blocks, pool.num_free_blocks, pool.usage) == (0, 0, 0.0)
    with pytest.raises(ValueError, match="n must be at most the 0 free blocks, got 1"):
        pool.get_new_blocks(1)


# Freeing.


def test_freed_blocks_without_contents_are_reused_first() -> None:
    pool = BlockPool(num_blocks=6)
    blocks = pool.get_new_blocks(3)
    pool.free_blocks(reversed(blocks))
    assert pool.free_block_ids() == [3, 2, 1, 4, 5]


def test_freed_blocks_without_contents_are_a_stack() -> None:
    pool = BlockPool(num_blocks=6)
    first, second = pool.get_new_blocks(2), pool.get_new_blocks(2)
    pool.free_blocks(first)
    pool.free_blocks(second)
    assert pool.free_block_ids() == [3, 4, 1, 2, 5]


def test_freed_blocks_with_contents_are_reused_last() -> None:
    pool, blocks = cached_pool(num_blocks=6, num_cached=3)
    pool.free_blocks(reversed(blocks))
    assert pool.free_block_ids() == [4, 5, 3, 2, 1]


def test_freed_blocks_with_contents_are_a_queue() -> None:
    pool, blocks = cached_pool(num_blocks=6, num_cached=4)
    pool.free_blocks(blocks[2:])
    pool.free_blocks(blocks[:2])
    assert pool.free_block_ids() == [5, 3, 4, 1, 2]


def test_a_mixed_table_is_split_and_each_part_keeps_its_order() -> None:
    pool, cached = cached_pool(num_blocks=8, num_cached=2)
    plain = pool.get_new_blocks(2)
    pool.free_blocks([plain[1], cached[1], plain[0], cached[0]])
    assert pool.free_block_ids() == [4, 3, 5, 6, 7, 2, 1]


def test_a_shared_block_is_free_when_its_last_reference_goes() -> None:
    pool = BlockPool(num_blocks=4)
    blocks = pool.get_new_blocks(1)
    pool.touch(blocks)
    pool.free_blocks(blocks)
    assert (blocks[0].ref_cnt, pool.free_block_ids()) == (1, [2, 3])
    pool.free_blocks(blocks)
    assert (blocks[0].ref_cnt, pool.free_block_ids()) == (0, [1, 2, 3])


def test_both_references_can_go_in_one_call() -> None:
    pool = BlockPool(num_blocks=4)
    blocks = pool.get_new_blocks(2)
    pool.touch(blocks[:1])
    pool.free_blocks([blocks[0], blocks[1], blocks[0]])
    assert pool.free_block_ids() == [2, 1, 3]


def test_freeing_and_touching_the_null_block_changes_nothing() -> None:
    pool = BlockPool(num_blocks=3)
    before = pool_state(pool)
    pool.touch([pool.null_block])
    pool.free_blocks([pool.null_block, pool.null_block])
    assert pool_state(pool) == before


# Hits.


def test_a_hit_on_a_block_in_use_adds_a_reference() -> None:
    pool, blocks = cached_pool(num_blocks=4, num_cached=2)
    pool.touch(blocks)
    assert [block.ref_cnt for block in blocks] == [2, 2]
    assert pool.free_block_ids() == [3]


def test_a_hit_takes_a_free_block_out_of_the_middle_of_the_queue() -> None:
    pool, blocks = cached_pool(num_blocks=5, num_cached=3)
    pool.free_blocks(blocks)
    assert pool.free_block_ids() == [4, 1, 2, 3]
    pool.touch([blocks[1]])
    assert (blocks[1].ref_cnt, pool.free_block_ids()) == (1, [4, 1, 3])


# Contents.


def test_a_free_block_keeps_its_contents_until_it_is_handed_out() -> None:
    pool, blocks = cached_pool(num_blocks=3, num_cached=1)
    pool.free_blocks(blocks)
    assert pool.free_block_ids() == [2, 1]
    assert pool.cached_block(b"h1") is blocks[0]
    pool.get_new_blocks(1)
    assert pool.cached_block(b"h1") is blocks[0]
    pool.get_new_blocks(1)
    assert pool.cached_block(b"h1") is None
    assert pool.cached_block_ids() == []


def test_unknown_contents_are_in_no_block() -> None:
    pool, _ = cached_pool(num_blocks=3, num_cached=1)
    assert pool.cached_block(b"h2") is None


def test_of_several_copies_the_one_cached_first_is_found() -> None:
    pool = BlockPool(num_blocks=5)
    blocks = pool.get_new_blocks(3)
    for block in (blocks[2], blocks[0], blocks[1]):
        pool.cache_full_blocks([block], [b"same"])
    assert pool.cached_block_ids() == [1, 2, 3]
    assert pool.cached_block(b"same") is blocks[2]
    pool.evict_blocks([3])
    assert pool.cached_block(b"same") is blocks[0]
    pool.evict_blocks([2])
    assert pool.cached_block(b"same") is blocks[0]
    pool.evict_blocks([1])
    assert pool.cached_block(b"same") is None


def test_evicting_forgets_contents_and_nothing_else() -> None:
    pool, blocks = cached_pool(num_blocks=6, num_cached=4)
    pool.free_blocks(blocks[1:])
    assert pool.free_block_ids() == [5, 2, 3, 4]
    pool.evict_blocks({1, 3})
    assert pool.free_block_ids() == [5, 2, 3, 4]
    assert [block.ref_cnt for block in blocks] == [1, 0, 0, 0]
    assert pool.cached_block_ids() == [2, 4]


def test_evicting_a_block_without_contents_changes_nothing() -> None:
    pool, _ = cached_pool(num_blocks=5, num_cached=2)
    before = pool_state(pool)
    pool.evict_blocks([0, 3, 4])
    assert pool_state(pool) == before


def test_an_evicted_block_is_reused_first_once_it_is_freed() -> None:
    pool, blocks = cached_pool(num_blocks=5, num_cached=2)
    pool.evict_blocks([1])
    pool.free_blocks(blocks)
    assert pool.free_block_ids() == [1, 3, 4, 2]


def test_a_reset_forgets_all_contents_and_keeps_the_order() -> None:
    pool, blocks = cached_pool(num_blocks=5, num_cached=3)
    pool.free_blocks(reversed(blocks))
    assert pool.reset_prefix_cache()
    assert pool.free_block_ids() == [4, 3, 2, 1]
    assert pool.cached_block_ids() == []
    assert pool.cached_block(b"h1") is None


def test_a_reset_is_refused_while_a_block_is_in_use() -> None:
    pool, blocks = cached_pool(num_blocks=5, num_cached=3)
    pool.free_blocks(blocks[:2])
    before = pool_state(pool)
    assert not pool.reset_prefix_cache()
    assert pool_state(pool) == before


def test_after_a_reset_blocks_are_a_stack_again() -> None:
    pool, blocks = cached_pool(num_blocks=4, num_cached=2)
    pool.free_blocks(blocks)
    pool.reset_prefix_cache()
    again = pool.get_new_blocks(2)
    assert ids(again) == [3, 1]
    pool.free_blocks(again)
    assert pool.free_block_ids() == [3, 1, 2]
