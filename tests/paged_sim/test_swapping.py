"""Swapping block tables: hand-made cases, and a state machine against dense copies."""

import pytest
from hypothesis import settings

from paged_sim import Request
from paged_sim.paper.swapping import SwappingKVCacheManager
from tests.paged_sim.cache_machine import SwappingMachine

SwappingMachineTest = SwappingMachine.TestCase
SwappingMachineTest.settings = settings(max_examples=150, stateful_step_count=40, deadline=None, derandomize=True)


def computed(manager: SwappingKVCacheManager, request_id: str, num_tokens: int) -> Request:
    """Returns a request whose tokens are all in blocks."""
    request = Request(request_id, range(num_tokens), 100)
    manager.allocate_slots(request, num_tokens)
    request.num_computed_tokens = num_tokens
    return request


def test_a_table_goes_out_and_comes_back() -> None:
    manager = SwappingKVCacheManager(8, block_size=4, num_cpu_blocks=5)
    request = computed(manager, "a", 10)
    assert manager.swap_out(request) == [(1, 1), (2, 2), (3, 3)]
    assert (manager.block_ids("a"), manager.cpu_block_ids("a")) == ([], [1, 2, 3])
    assert manager.is_swapped_out(request)
    assert manager.holds_blocks(request)
    assert (manager.num_blocks_held(request), manager.usage) == (3, 0)
    # The full blocks are cached, so they are reused last.
    assert manager.pool.free_block_ids() == [3, 4, 5, 6, 7, 2, 1]
    assert manager.swap_in(request) == [(1, 3), (2, 4), (3, 5)]
    assert (manager.block_ids("a"), manager.cpu_block_ids("a")) == ([3, 4, 5], [])
    assert manager.cpu_pool.num_free_blocks == 5


def test_shared_blocks_of_a_group_are_moved_once_and_stay_shared() -> None:
    manager = SwappingKVCacheManager(8, block_size=4, num_cpu_blocks=4)
    parent = computed(manager, "parent", 7)
    child = Request("child", range(7), 10)
    manager.fork(parent, child)
    child.append_output_token_ids(50)
    manager.allocate_slots(child, 1)
    child.num_computed_tokens += 1
    assert manager.take_copies() == [(2, 3)]
    assert manager.group(child) == [parent, child]
    assert manager.swap_out(child) == [(1, 1), (2, 2), (3, 3)]
    assert (manager.cpu_block_ids("parent"), manager.cpu_block_ids("child")) == ([1, 2], [1, 3])
    assert [manager.cpu_pool.blocks[i].ref_cnt for i in (1, 2, 3)] == [2, 1, 1]
    assert len(manager.swap_in(parent)) == 3
    assert manager.block_ids("parent")[0] == manager.block_ids("child")[0]
    assert manager.block_ids("parent")[1] != manager.block_ids("child")[1]


def test_no_room_changes_nothing() -> None:
    manager = SwappingKVCacheManager(5, block_size=4, num_cpu_blocks=2)
    large, small = computed(manager, "large", 9), computed(manager, "small", 3)
    assert manager.swap_out(large) is None
    assert manager.block_ids("large") == [1, 2, 3]
    assert manager.cpu_pool.num_free_blocks == 2
    assert manager.swap_out(small) == [(4, 1)]
    filler = computed(manager, "filler", 4)
    assert manager.swap_in(small) is None
    assert manager.cpu_block_ids("small") == [1]
    manager.free(filler)
    assert manager.swap_in(small) == [(1, 4)]


def test_what_was_swapped_in_can_be_hit_again() -> None:
    manager = SwappingKVCacheManager(4, block_size=4, num_cpu_blocks=4)
    request = computed(manager, "a", 8)
    manager.swap_out(request)
    manager.pool.evict_blocks([1, 2])
    assert manager.get_computed_blocks(Request("same", range(9), 1)) == ([], 0)
    manager.swap_in(request)
    hit_blocks, num_hit_tokens = manager.get_computed_blocks(Request("same", range(9), 1))
    assert (manager.ids(hit_blocks), num_hit_tokens) == (manager.block_ids("a"), 8)


def test_what_was_swapped_out_can_be_hit_until_it_is_overwritten() -> None:
    manager = SwappingKVCacheManager(4, block_size=4, num_cpu_blocks=4)
    manager.swap_out(computed(manager, "a", 8))
    assert manager.ids(manager.get_computed_blocks(Request("same", range(9), 1))[0]) == [1, 2]


def test_swapped_out_requests_can_be_freed_and_keep_the_cache_from_being_reset() -> None:
    manager = SwappingKVCacheManager(8, block_size=4, num_cpu_blocks=3)
    request = computed(manager, "a", 10)
    manager.swap_out(request)
    assert not manager.reset_prefix_cache()
    manager.free(request)
    assert manager.cpu_pool.num_free_blocks == 3
    assert not manager.holds_blocks(request)
    assert manager.reset_prefix_cache()


def test_room_to_go_on_is_counted_for_swapped_out_requests_too() -> None:
    manager = SwappingKVCacheManager(8, block_size=4, num_cpu_blocks=4)
    parent = computed(manager, "parent", 6)
    child = Request("child", range(6), 10)
    manager.fork(parent, child)
    manager.swap_out(parent)
    assert manager.block_use([parent, child]) == (2, 4)
    assert manager.num_blocks_needed_by_all({parent: 7, child: 7}) == 1
    assert manager.num_blocks_needed_by_all({parent: 9, child: 9}) == 3


def test_bad_calls_are_refused() -> None:
    manager = SwappingKVCacheManager(8, block_size=4, num_cpu_blocks=4)
    with pytest.raises(ValueError, match="request must be one that holds blocks"):
        manager.swap_out(Request("new", [1], 1))
    request = computed(manager, "a", 6)
    with pytest.raises(ValueError, match="request must be swapped out"):
        manager.swap_in(request)
    request.append_output_token_ids([6, 7, 8])
    manager.allocate_slots(request, 3)
    with pytest.raises(ValueError, match="request must be between steps"):
        manager.swap_out(request)
    request.num_computed_tokens += 3
    manager.swap_out(request)
    with pytest.raises(ValueError, match="request must be one that holds blocks"):
        manager.swap_out(request)
    with pytest.raises(ValueError, match="num_cpu_blocks must be an integer of at least 0, got -1"):
        SwappingKVCacheManager(8, num_cpu_blocks=-1)
