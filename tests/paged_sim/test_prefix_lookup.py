"""The rules of the prefix cache: when a block is cached, and which blocks a request hits."""

import pytest

from tests.paged_sim.core_state import manager_state
from tests.paged_sim.manager_calls import admit, decode, hit, ids, manager_of, request_of

# When a block is cached.


def test_a_full_block_is_cached_before_the_model_has_run() -> None:
    manager, request = manager_of(), request_of("a", range(10))
    manager.allocate_slots(request, 10)
    assert manager.pool.cached_block_ids() == [1, 2]
    assert request.num_computed_tokens == 0


def test_requests_of_the_same_step_share_a_prefix() -> None:
    manager = manager_of()
    first, second = request_of("a", range(9)), request_of("b", range(9))
    manager.allocate_slots(first, 9)
    assert hit(manager, second) == ([1, 2], 8)
    assert admit(manager, second) == [4]
    assert (manager.block_ids("a"), manager.block_ids("b")) == ([1, 2, 3], [1, 2, 4])
    assert [block.ref_cnt for block in manager.pool.blocks[1:5]] == [2, 2, 1, 1]


def test_a_chunk_caches_the_blocks_that_it_fills() -> None:
    manager, request = manager_of(), request_of("a", range(10))
    admit(manager, request, num_tokens=3)
    assert manager.pool.cached_block_ids() == []
    manager.allocate_slots(request, 1)
    assert manager.pool.cached_block_ids() == [1]


def test_a_block_filled_by_decoding_is_cached_with_its_last_token() -> None:
    manager, request = manager_of(), request_of("a", range(6))
    admit(manager, request)
    assert manager.pool.cached_block_ids() == [1]
    decode(manager, request, token_id=9)
    assert manager.pool.cached_block_ids() == [1]
    decode(manager, request, token_id=9)
    assert manager.pool.cached_block_ids() == [1, 2]


def test_slots_beyond_the_tokens_are_not_cached() -> None:
    manager, request = manager_of(), request_of("a", range(6))
    assert ids(manager.allocate_slots(request, 8)) == [1, 2]
    assert manager.pool.cached_block_ids() == [1]


def test_with_caching_off_nothing_is_cached_or_hit() -> None:
    manager = manager_of(enable_caching=False)
    admit(manager, request_of("a", range(9)))
    assert manager.pool.cached_block_ids() == []
    assert hit(manager, request_of("b", range(9))) == ([], 0)


# What is hit.


def test_a_hit_ends_at_the_first_block_that_differs() -> None:
    manager = manager_of()
    admit(manager, request_of("a", range(12)))
    assert hit(manager, request_of("b", [0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0])) == ([1, 2], 8)
    assert hit(manager, request_of("c", [9, 1, 2, 3, 4, 5, 6, 7])) == ([], 0)


def test_a_hit_ends_at_the_first_block_that_is_gone() -> None:
    manager = manager_of()
    admit(manager, request_of("a", range(13)))
    manager.pool.evict_blocks([2])
    assert hit(manager, request_of("b", range(13))) == ([1], 4)


def test_a_started_block_is_never_shared() -> None:
    manager = manager_of()
    admit(manager, request_of("a", range(7)))
    assert hit(manager, request_of("b", range(7))) == ([1], 4)


def test_a_prompt_cached_whole_computes_its_last_block_again_into_a_copy() -> None:
    manager = manager_of()
    admit(manager, request_of("a", range(8)))
    second = request_of("b", range(8))
    assert hit(manager, second) == ([1], 4)
    assert admit(manager, second) == [3]
    assert (manager.block_ids("a"), manager.block_ids("b")) == ([1, 2], [1, 3])
    assert manager.pool.cached_block_ids() == [1, 2, 3]


def test_of_several_copies_the_one_cached_first_is_hit() -> None:
    manager = manager_of()
    first, second, third = (request_of(request_id, range(8)) for request_id in "abc")
    admit(manager, first)
    admit(manager, second)
    longer = request_of("d", range(9))
    assert hit(manager, longer) == ([1, 2], 8)
    manager.free(first)
    manager.pool.evict_blocks([2])
    assert hit(manager, longer) == ([1, 3], 8)
    assert hit(manager, third) == ([1], 4)


def test_a_lookup_changes_nothing() -> None:
    manager, first = manager_of(), request_of("a", range(9))
    admit(manager, first)
    manager.free(first)
    before = manager_state(manager, "a", "b")
    hit(manager, request_of("b", range(9)))
    assert manager_state(manager, "a", "b") == before


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"lora_name": "sql"}, {}),
        ({}, {"lora_name": "sql"}),
        ({"lora_name": "sql"}, {"lora_name": "chat"}),
        ({"cache_salt": "tenant"}, {}),
        ({"cache_salt": "tenant"}, {"cache_salt": "other"}),
        ({"cache_salt": "sql"}, {"lora_name": "sql"}),
    ],
    ids=str,
)
def test_adapters_and_salts_share_no_blocks(first: dict[str, str], second: dict[str, str]) -> None:
    manager = manager_of()
    admit(manager, request_of("a", range(9), **first))
    assert hit(manager, request_of("b", range(9), **second)) == ([], 0)
    assert hit(manager, request_of("c", range(9), **first)) == ([1, 2], 8)


def test_a_request_that_does_not_read_the_cache_writes_it() -> None:
    manager = manager_of()
    admit(manager, request_of("a", range(9)))
    skipping = request_of("b", range(9), skip_reading_prefix_cache=True)
    assert hit(manager, skipping) == ([], 0)
    assert admit(manager, skipping) == [4, 5, 6]
    assert manager.pool.cached_block_ids() == [1, 2, 4, 5]


def test_a_preempted_request_hits_its_own_answer() -> None:
    manager, request = manager_of(), request_of("a", range(6))
    admit(manager, request)
    for _ in range(3):
        decode(manager, request, token_id=9)
    manager.free(request)
    request.num_computed_tokens = 0
    assert hit(manager, request) == ([1, 2], 8)


def test_hit_blocks_are_adopted_and_only_the_new_ones_returned() -> None:
    manager, first = manager_of(), request_of("a", range(8))
    admit(manager, first)
    manager.free(first)
    assert manager.pool.free_block_ids() == [3, 4, 5, 6, 7, 8, 9, 10, 2, 1]
    second = request_of("b", [*range(8), 90, 91])
    assert admit(manager, second) == [3]
    assert manager.block_ids("b") == [1, 2, 3]
    assert manager.pool.free_block_ids() == [4, 5, 6, 7, 8, 9, 10]


def test_hit_blocks_are_not_evicted_by_the_request_that_hits_them() -> None:
    manager, first = manager_of(num_blocks=4), request_of("a", range(8))
    admit(manager, first)
    manager.free(first)
    assert manager.pool.free_block_ids() == [3, 2, 1]
    assert admit(manager, request_of("b", range(12))) == [3]
    assert manager.block_ids("b") == [1, 2, 3]


def test_a_free_hit_block_takes_room() -> None:
    manager, first, other = manager_of(num_blocks=5), request_of("a", range(8)), request_of("b", range(50, 54))
    admit(manager, first)
    manager.free(first)
    admit(manager, other)
    assert manager.pool.free_block_ids() == [4, 2, 1]
    request = request_of("c", range(16))
    blocks, num_hits = manager.get_computed_blocks(request)
    assert (ids(blocks), num_hits) == ([1, 2], 8)
    assert manager.num_blocks_needed(request, 16, blocks) == 4
    before = manager_state(manager, "c")
    assert manager.allocate_slots(request, 8, num_hits, blocks) is None
    assert manager_state(manager, "c") == before
    assert ids(manager.allocate_slots(request, 4, num_hits, blocks)) == [4]


def test_a_hit_block_in_use_takes_no_room() -> None:
    manager = manager_of(num_blocks=4)
    admit(manager, request_of("a", range(8)))
    request = request_of("b", range(9))
    blocks, num_hits = manager.get_computed_blocks(request)
    assert manager.num_blocks_needed(request, 9, blocks) == 1
    assert ids(manager.allocate_slots(request, 1, num_hits, blocks)) == [3]


def test_a_prefix_can_be_adopted_without_computing_anything() -> None:
    manager = manager_of()
    admit(manager, request_of("a", range(8)))
    request = request_of("b", range(9))
    blocks, num_hits = manager.get_computed_blocks(request)
    assert ids(manager.allocate_slots(request, 0, num_hits, blocks)) == []
    assert manager.block_ids("b") == [1, 2]
