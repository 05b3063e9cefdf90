"""The rules of block tables: what a request needs, who is let in, and how blocks are freed."""

import pytest

from paged_sim import RequestStatus
from tests.paged_sim.core_state import manager_state
from tests.paged_sim.manager_calls import admit, decode, hit, ids, manager_of, request_of

# What a request needs.


@pytest.mark.parametrize(("num_tokens", "table"), [(1, [1]), (3, [1]), (4, [1]), (5, [1, 2]), (9, [1, 2, 3])])
def test_a_started_block_is_a_block(num_tokens: int, table: list[int]) -> None:
    manager, request = manager_of(), request_of("a", range(num_tokens))
    assert admit(manager, request) == table
    assert manager.block_ids("a") == table


def test_a_new_block_is_taken_only_when_the_last_one_is_full() -> None:
    manager, request = manager_of(), request_of("a", range(6))
    assert admit(manager, request) == [1, 2]
    assert [decode(manager, request, token_id=9) for _ in range(4)] == [[], [], [3], []]
    assert manager.block_ids("a") == [1, 2, 3]


def test_a_prompt_can_be_computed_in_chunks() -> None:
    manager, request = manager_of(), request_of("a", range(10))
    assert admit(manager, request, num_tokens=3) == [1]
    assert ids(manager.allocate_slots(request, 3)) == [2]
    request.num_computed_tokens += 3
    assert ids(manager.allocate_slots(request, 4)) == [3]


def test_tables_of_several_requests_interleave() -> None:
    manager, first, second = manager_of(), request_of("a", range(4)), request_of("b", range(10, 14))
    admit(manager, first)
    admit(manager, second)
    decode(manager, first, token_id=9)
    decode(manager, second, token_id=9)
    assert (manager.block_ids("a"), manager.block_ids("b")) == ([1, 3], [2, 4])


def test_the_last_free_block_can_be_used() -> None:
    manager = manager_of(num_blocks=4)
    assert admit(manager, request_of("a", range(12))) == [1, 2, 3]
    assert manager.usage == 1.0


def test_without_room_there_are_no_blocks_and_nothing_changes() -> None:
    manager, request = manager_of(num_blocks=4), request_of("a", range(13))
    before = manager_state(manager, "a")
    assert manager.allocate_slots(request, 13) is None
    assert manager_state(manager, "a") == before
    assert not manager.holds_blocks(request)


def test_slots_beyond_the_longest_request_are_not_needed() -> None:
    manager, request = manager_of(max_model_len=8), request_of("a", range(7))
    assert ids(manager.allocate_slots(request, 20)) == [1, 2]


def test_an_unknown_request_has_an_empty_table() -> None:
    assert manager_of().block_ids("nobody") == []


def test_a_table_that_is_longer_than_needed_gets_no_blocks() -> None:
    manager, request = manager_of(), request_of("a", range(6))
    assert ids(manager.allocate_slots(request, 20)) == [1, 2, 3, 4, 5]
    assert ids(manager.allocate_slots(request, 6)) == []


# The admission gate.


def test_the_gate_asks_for_room_for_all_tokens() -> None:
    manager, request = manager_of(num_blocks=4), request_of("a", range(13))
    before = manager_state(manager, "a")
    assert manager.allocate_slots(request, 4, full_sequence_must_fit=True) is None
    assert manager_state(manager, "a") == before
    assert ids(manager.allocate_slots(request, 4)) == [1]


def test_the_gate_reserves_nothing() -> None:
    manager = manager_of(num_blocks=5)
    for request_id, first_token, new in (("a", 0, [1]), ("b", 20, [2])):
        request = request_of(request_id, range(first_token, first_token + 12))
        assert ids(manager.allocate_slots(request, 4, full_sequence_must_fit=True)) == new
    third = request_of("c", range(40, 52))
    assert manager.allocate_slots(third, 4, full_sequence_must_fit=True) is None


def test_the_gate_asks_for_no_more_than_the_longest_request() -> None:
    manager, request = manager_of(num_blocks=4, max_model_len=12), request_of("a", range(12))
    request.append_output_token_ids(9)
    assert ids(manager.allocate_slots(request, 4, full_sequence_must_fit=True)) == [1]


def test_the_gate_counts_the_answer_of_a_resumed_request() -> None:
    manager, request = manager_of(num_blocks=5), request_of("a", range(4))
    request.append_output_token_ids([9] * 9)
    admit(manager, request_of("b", range(100, 104)))
    assert manager.allocate_slots(request, 4, full_sequence_must_fit=True) is None
    assert ids(manager.allocate_slots(request, 4)) == [2]


# The watermark.


@pytest.mark.parametrize(("watermark", "blocks"), [(0.0, 0), (0.09, 0), (0.1, 1), (0.25, 2), (0.99, 9)])
def test_the_watermark_is_a_share_of_all_blocks_rounded_down(watermark: float, blocks: int) -> None:
    assert manager_of(num_blocks=10, watermark=watermark).watermark_blocks == blocks


@pytest.mark.parametrize("status", [RequestStatus.WAITING, RequestStatus.PREEMPTED])
def test_an_admission_leaves_the_watermark_free_while_others_run(status: RequestStatus) -> None:
    manager, request = manager_of(num_blocks=5, watermark=0.4), request_of("a", range(12))
    request.status = status
    assert manager.watermark_blocks == 2
    assert not manager.can_allocate(request, 9)
    assert manager.allocate_slots(request, 9) is None
    assert ids(manager.allocate_slots(request, 8)) == [1, 2]


def test_the_watermark_is_not_for_the_first_request() -> None:
    manager, request = manager_of(num_blocks=5, watermark=0.4), request_of("a", range(16))
    assert ids(manager.allocate_slots(request, 16, has_scheduled_reqs=False)) == [1, 2, 3, 4]


def test_the_watermark_is_not_for_running_requests() -> None:
    manager, request = manager_of(num_blocks=5, watermark=0.4), request_of("a", range(16))
    admit(manager, request, num_tokens=8)
    assert ids(manager.allocate_slots(request, 8)) == [3, 4]


def test_the_gate_leaves_the_watermark_free_too() -> None:
    manager, request = manager_of(num_blocks=5, watermark=0.4), request_of("a", range(12))
    assert manager.allocate_slots(request, 1, full_sequence_must_fit=True) is None
    assert ids(manager.allocate_slots(request, 1)) == [1]


# Freeing.


def test_the_end_of_a_table_is_reused_before_its_start() -> None:
    manager, request = manager_of(num_blocks=6), request_of("a", range(12))
    admit(manager, request)
    manager.free(request)
    assert manager.pool.free_block_ids() == [4, 5, 3, 2, 1]
    assert manager.block_ids("a") == []


def test_the_started_block_of_a_table_is_reused_first_of_all() -> None:
    manager, request = manager_of(num_blocks=6), request_of("a", range(10))
    admit(manager, request)
    manager.free(request)
    assert manager.pool.free_block_ids() == [3, 4, 5, 2, 1]


def test_with_caching_off_the_pool_is_a_stack() -> None:
    manager = manager_of(num_blocks=6, enable_caching=False)
    first, second = request_of("a", range(8)), request_of("b", range(8))
    admit(manager, first)
    admit(manager, second)
    manager.free(first)
    manager.free(second)
    assert manager.pool.free_block_ids() == [4, 3, 2, 1, 5]
    assert admit(manager, request_of("c", range(12))) == [4, 3, 2]


def test_blocks_that_are_shared_stay_with_the_others() -> None:
    manager, first, second = manager_of(num_blocks=6), request_of("a", range(9)), request_of("b", range(9))
    admit(manager, first)
    admit(manager, second)
    manager.free(first)
    assert manager.block_ids("b") == [1, 2, 4]
    assert manager.pool.free_block_ids() == [3, 5]
    assert [block.ref_cnt for block in manager.pool.blocks[1:]] == [1, 1, 0, 1, 0]


def test_a_request_that_comes_again_caches_its_blocks_anew() -> None:
    manager, request = manager_of(), request_of("a", range(9))
    admit(manager, request)
    manager.free(request)
    assert manager.reset_prefix_cache()
    request.num_computed_tokens = 0
    admit(manager, request)
    assert len(manager.pool.cached_block_ids()) == 2


def test_the_last_sampled_token_is_never_cached() -> None:
    manager, request = manager_of(), request_of("a", range(6))
    admit(manager, request)
    for _ in range(2):
        decode(manager, request, token_id=9)
    request.append_output_token_ids(9)
    manager.free(request)
    # Prompt 6 and answer 3: the last token is in no block, so floor((6 + 3 - 1) / 4) blocks are cached.
    assert manager.pool.cached_block_ids() == [1, 2]


def test_a_reset_is_refused_while_a_request_holds_blocks() -> None:
    manager, request = manager_of(), request_of("a", range(9))
    admit(manager, request)
    assert not manager.reset_prefix_cache()
    assert hit(manager, request_of("b", range(9))) == ([1, 2], 8)
    manager.free(request)
    assert manager.reset_prefix_cache()
    assert hit(manager, request_of("b", range(9))) == ([], 0)
