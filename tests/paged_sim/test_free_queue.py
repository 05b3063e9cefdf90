"""The free queue hands out its first block next; blocks come back at either end and leave from anywhere."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paged_sim import Block
from paged_sim.free_queue import FreeBlockQueue


def queue_of(n: int) -> tuple[FreeBlockQueue, list[Block]]:
    """Returns a queue of the blocks 0 to n - 1, and the blocks."""
    blocks = [Block(block_id) for block_id in range(n)]
    return FreeBlockQueue(blocks), blocks


def ids(queue: FreeBlockQueue) -> list[int]:
    """Returns the ids in the order of the queue."""
    return [block.block_id for block in queue]


def test_blocks_are_in_the_given_order() -> None:
    queue, _ = queue_of(4)
    assert ids(queue) == [0, 1, 2, 3]
    assert len(queue) == 4


def test_an_empty_queue_has_no_blocks() -> None:
    queue, _ = queue_of(0)
    assert ids(queue) == []
    assert len(queue) == 0
    assert queue.popleft_n(0) == []


def test_blocks_leave_at_the_front() -> None:
    queue, blocks = queue_of(4)
    assert queue.popleft_n(2) == blocks[:2]
    assert ids(queue) == [2, 3]
    assert queue.popleft_n(2) == blocks[2:]
    assert ids(queue) == []


def test_no_block_leaves_when_none_is_asked_for() -> None:
    queue, _ = queue_of(2)
    assert queue.popleft_n(0) == []
    assert ids(queue) == [0, 1]


@pytest.mark.parametrize(("removed", "left"), [(0, [1, 2, 3]), (2, [0, 1, 3]), (3, [0, 1, 2])])
def test_any_block_can_be_taken_out(removed: int, left: list[int]) -> None:
    queue, blocks = queue_of(4)
    queue.remove(blocks[removed])
    assert ids(queue) == left
    assert len(queue) == 3


def test_a_block_that_left_has_no_neighbours() -> None:
    queue, blocks = queue_of(3)
    queue.remove(blocks[1])
    assert blocks[1].prev_free_block is None
    assert blocks[1].next_free_block is None


def test_blocks_put_before_all_others_keep_their_order() -> None:
    queue, _ = queue_of(2)
    queue.prepend_n([Block(7), Block(8)])
    assert ids(queue) == [7, 8, 0, 1]
    assert len(queue) == 4


def test_blocks_put_behind_all_others_keep_their_order() -> None:
    queue, _ = queue_of(2)
    queue.append_n([Block(7), Block(8)])
    assert ids(queue) == [0, 1, 7, 8]
    assert len(queue) == 4


def test_putting_no_blocks_changes_nothing() -> None:
    queue, _ = queue_of(2)
    queue.prepend_n([])
    queue.append_n([])
    assert ids(queue) == [0, 1]


def test_an_emptied_queue_takes_blocks_at_both_ends() -> None:
    queue, blocks = queue_of(2)
    queue.popleft_n(2)
    queue.append_n([blocks[0]])
    queue.prepend_n([blocks[1]])
    assert ids(queue) == [1, 0]


@given(num_blocks=st.integers(1, 12), seed=st.integers(0, 2**32 - 1))
def test_the_queue_behaves_as_a_list(num_blocks: int, seed: int) -> None:
    rng = random.Random(seed)
    queue, blocks = queue_of(num_blocks)
    inside, outside = list(blocks), []
    for _ in range(30):
        group = rng.sample(outside, rng.randint(0, len(outside)))
        kind = rng.choice(["pop", "remove", "prepend", "append"])
        if kind == "pop":
            n = rng.randint(0, len(inside))
            assert queue.popleft_n(n) == inside[:n]
            outside, inside = outside + inside[:n], inside[n:]
        elif kind == "remove" and inside:
            block = rng.choice(inside)
            queue.remove(block)
            inside.remove(block)
            outside.append(block)
        elif kind == "prepend":
            queue.prepend_n(group)
            inside = group + inside
            outside = [block for block in outside if block not in group]
        elif kind == "append":
            queue.append_n(group)
            inside = inside + group
            outside = [block for block in outside if block not in group]
        assert list(queue) == inside
        assert len(queue) == len(inside)
