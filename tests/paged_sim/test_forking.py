"""Fork with copy-on-write: hand-made cases, and a state machine against dense copies."""

import pytest
from hypothesis import settings

from paged_sim import Request
from paged_sim.paper.forking import BlockUse, ForkingKVCacheManager
from tests.paged_sim.cache_machine import CacheMachine

ForkMachineTest = CacheMachine.TestCase
ForkMachineTest.settings = settings(max_examples=150, stateful_step_count=40, deadline=None, derandomize=True)


def computed(manager: ForkingKVCacheManager, request_id: str, num_tokens: int) -> Request:
    """Returns a request whose tokens are all in blocks."""
    request = Request(request_id, range(num_tokens), 100)
    assert manager.allocate_slots(request, num_tokens) is not None
    request.num_computed_tokens = num_tokens
    return request


def forked(manager: ForkingKVCacheManager, parent: Request, request_id: str) -> Request:
    child = Request(request_id, parent.all_token_ids, 100)
    manager.fork(parent, child)
    return child


def decode(manager: ForkingKVCacheManager, request: Request, token: int = 7) -> list[int]:
    """Computes one more token; returns the ids of the blocks that were added."""
    request.append_output_token_ids(token)
    new_blocks = manager.allocate_slots(request, 1)
    request.num_computed_tokens += 1
    return manager.ids(new_blocks)


def test_the_example_of_figure_8() -> None:
    manager = ForkingKVCacheManager(8, block_size=4)
    first = computed(manager, "A1", 7)
    second = forked(manager, first, "A2")
    assert manager.block_ids("A1") == manager.block_ids("A2") == [1, 2]
    assert manager.block_use([first, second]) == BlockUse(with_sharing=2, without_sharing=4)
    # A1 writes first: it gets a copy; A2 is then the last that refers to the block and writes in place.
    assert decode(manager, first) == []
    assert manager.take_copies() == [(2, 3)]
    assert decode(manager, second) == []
    assert manager.take_copies() == []
    assert (manager.block_ids("A1"), manager.block_ids("A2")) == ([1, 3], [1, 2])
    assert [manager.pool.blocks[i].ref_cnt for i in (1, 2, 3)] == [2, 1, 1]


def test_a_full_last_block_is_not_copied() -> None:
    manager = ForkingKVCacheManager(8, block_size=4)
    parent = computed(manager, "parent", 8)
    child = forked(manager, parent, "child")
    assert decode(manager, parent) == [3]
    assert decode(manager, child) == [4]
    assert manager.take_copies() == []
    assert manager.block_use([parent, child]) == BlockUse(4, 6)


def test_the_room_for_a_copy_is_counted_before_anything_changes() -> None:
    manager = ForkingKVCacheManager(4, block_size=4)
    parent = computed(manager, "parent", 6)
    child = forked(manager, parent, "child")
    child.append_output_token_ids([7, 7, 7])
    # A copy and one more block, of which only one is free.
    assert manager.num_blocks_needed(child, 9) == 2
    assert manager.allocate_slots(child, 3) is None
    assert manager.block_ids("child") == [1, 2]
    assert manager.pool.free_block_ids() == [3]
    assert manager.take_copies() == []
    # It is enough for two tokens; with the whole sequence to fit, it is not.
    assert manager.allocate_slots(child, 2, full_sequence_must_fit=True) is None
    assert manager.take_copies() == []
    assert manager.allocate_slots(child, 2) == []
    assert manager.take_copies() == [(2, 3)]


def test_freeing_any_member_leaves_the_others_intact() -> None:
    manager = ForkingKVCacheManager(8, block_size=4)
    parent = computed(manager, "parent", 6)
    children = [forked(manager, parent, f"child {i}") for i in range(3)]
    manager.free(children[1])
    manager.free(parent)
    assert [manager.pool.blocks[i].ref_cnt for i in (1, 2)] == [2, 2]
    manager.free(children[0])
    assert decode(manager, children[2]) == []
    assert manager.take_copies() == []
    manager.free(children[2])
    assert manager.pool.num_free_blocks == 7


def test_forks_and_prefix_hits_share_the_same_blocks() -> None:
    manager = ForkingKVCacheManager(8, block_size=4)
    parent = computed(manager, "parent", 10)
    forked(manager, parent, "child")
    other = Request("other", [*range(8), 99], 100)
    hit_blocks, num_hit_tokens = manager.get_computed_blocks(other)
    assert manager.ids(hit_blocks) == [1, 2]
    assert manager.ids(manager.allocate_slots(other, 1, num_hit_tokens, hit_blocks)) == [4]
    assert [manager.pool.blocks[i].ref_cnt for i in (1, 2, 3, 4)] == [3, 3, 2, 1]
    assert manager.pool.cached_block_ids() == [1, 2]


def test_a_child_caches_the_blocks_that_it_fills() -> None:
    manager = ForkingKVCacheManager(8, block_size=2)
    parent = computed(manager, "parent", 3)
    child = forked(manager, parent, "child")
    decode(manager, child, token=50)
    manager.free(child)
    again = Request("again", [0, 1, 2, 50, 51], 1)
    assert manager.get_computed_blocks(again)[1] == 4
    other = Request("other", [0, 1, 2, 60, 61], 1)
    assert manager.get_computed_blocks(other)[1] == 2


def test_children_can_be_forked_without_caching() -> None:
    manager = ForkingKVCacheManager(8, block_size=2, enable_caching=False)
    child = forked(manager, computed(manager, "parent", 3), "child")
    decode(manager, child)
    decode(manager, child)
    assert manager.block_ids(forked(manager, child, "grandchild").request_id) == manager.block_ids("child")


def test_the_last_of_several_writers_needs_no_copy() -> None:
    manager = ForkingKVCacheManager(8, block_size=4)
    parent = computed(manager, "parent", 6)
    requests = [parent, forked(manager, parent, "a"), forked(manager, parent, "b")]
    assert manager.num_blocks_needed_by_all(dict.fromkeys(requests, 7)) == 2
    assert manager.num_blocks_needed_by_all(dict.fromkeys(requests[:2], 7)) == 2
    assert manager.num_blocks_needed_by_all(dict.fromkeys(requests, 9)) == 5


@pytest.mark.parametrize(
    ("tokens", "options", "message"),
    [
        ([0, 1, 2, 3, 9, 5], {}, "child must be one that starts with the 6 computed tokens of the parent"),
        ([0, 1, 2, 3, 4], {}, "child must be one that starts with the 6 computed tokens of the parent"),
        (range(6), {"lora_name": "sql"}, "child must be one with the adapter and salt of the parent"),
        (range(6), {"cache_salt": "me"}, "child must be one with the adapter and salt of the parent"),
    ],
)
def test_a_child_must_continue_its_parent(tokens: list[int], options: dict[str, str], message: str) -> None:
    manager = ForkingKVCacheManager(8, block_size=4)
    parent = computed(manager, "parent", 6)
    child = Request("child", tokens, 10, **options)
    with pytest.raises(ValueError, match=message):
        manager.fork(parent, child)
    assert child.num_computed_tokens == 0
    assert not manager.holds_blocks(child)
    assert [manager.pool.blocks[i].ref_cnt for i in (1, 2)] == [1, 1]


def test_only_settled_requests_are_forked_into_new_ones() -> None:
    manager = ForkingKVCacheManager(8, block_size=4)
    stranger = Request("stranger", [1], 10)
    with pytest.raises(ValueError, match="parent must be one that holds blocks"):
        manager.fork(stranger, Request("child", [1], 10))
    parent = computed(manager, "parent", 7)
    with pytest.raises(ValueError, match="child must be a new request that holds no blocks"):
        manager.fork(parent, parent)
    with pytest.raises(ValueError, match="child must be a new request that holds no blocks"):
        manager.fork(parent, computed(manager, "other", 7))


@pytest.mark.parametrize(
    ("num_computed_tokens", "num_new_tokens", "caching"),
    [(7, 1, True), (7, 2, True), (8, 1, True), (7, 2, False), (8, 1, False)],
)
def test_requests_within_a_step_are_not_forked(num_computed_tokens: int, num_new_tokens: int, caching: bool) -> None:
    manager = ForkingKVCacheManager(8, block_size=4, enable_caching=caching)
    parent = computed(manager, "parent", num_computed_tokens)
    parent.append_output_token_ids([7, 8])
    manager.allocate_slots(parent, num_new_tokens)
    with pytest.raises(ValueError, match="parent must be between steps"):
        manager.fork(parent, Request("child", range(num_computed_tokens), 10))


def test_bad_allocations_change_nothing() -> None:
    manager = ForkingKVCacheManager(8, block_size=4)
    child = forked(manager, computed(manager, "parent", 6), "child")
    with pytest.raises(ValueError, match="num_new_tokens must be at least 1"):
        manager.allocate_slots(child, 0)
    hit_blocks, num_hit_tokens = manager.get_computed_blocks(child)
    with pytest.raises(ValueError, match="new_computed_blocks must be given to a request without blocks only"):
        manager.allocate_slots(child, 1, num_hit_tokens, hit_blocks)
    assert manager.block_ids("child") == [1, 2]
    assert manager.take_copies() == []
