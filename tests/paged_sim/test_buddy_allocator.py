"""The buddy allocator never hands a slot out twice, and gets back to where it started."""

from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from paged_sim.paper.buddy_allocator import BuddyAllocator, Chunk, power_of_two_at_least


@pytest.mark.parametrize(("number", "power"), [(1, 1), (2, 2), (3, 4), (4, 4), (25, 32), (32, 32), (1025, 2048)])
def test_power_of_two_at_least(number: int, power: int) -> None:
    assert power_of_two_at_least(number) == power


def test_15728_slots_hold_seven_chunks_of_2048() -> None:
    allocator = BuddyAllocator(15_728)
    assert [chunk.size for chunk in allocator.free_chunks()] == [8192, 4096, 2048, 1024, 256, 64, 32, 16]
    assert allocator.largest_chunk == 8192
    chunks = [allocator.allocate(2048) for _ in range(7)]
    assert sorted(chunks) == [Chunk(2048 * index, 2048) for index in range(7)]
    assert allocator.allocate(2048) is None
    assert not allocator.can_allocate(1025)
    assert allocator.can_allocate(1024)
    assert allocator.num_free_slots == 15_728 - 7 * 2048


def test_split_and_merge() -> None:
    allocator = BuddyAllocator(16)
    first, second = allocator.allocate(3), allocator.allocate(2)
    assert (first, second) == (Chunk(0, 4), Chunk(4, 2))
    assert allocator.free_chunks() == [Chunk(6, 2), Chunk(8, 8)]
    # Free neighbours that are not buddies stay apart.
    allocator.free(0)
    assert allocator.free_chunks() == [Chunk(0, 4), Chunk(6, 2), Chunk(8, 8)]
    allocator.free(4)
    assert allocator.free_chunks() == [Chunk(0, 16)]


def test_the_smallest_chunk_that_fits_is_split() -> None:
    allocator = BuddyAllocator(8 + 4 + 2)
    assert allocator.allocate(1) == Chunk(12, 1)
    assert allocator.allocate(4) == Chunk(8, 4)
    assert allocator.allocate(2) == Chunk(0, 2)


def test_free_slots_in_pieces_do_not_make_a_chunk() -> None:
    allocator = BuddyAllocator(8)
    for _ in range(4):
        allocator.allocate(2)
    allocator.free(2)
    allocator.free(4)
    assert allocator.num_free_slots == 4
    assert allocator.allocate(4) is None


def test_errors_change_nothing() -> None:
    allocator = BuddyAllocator(8)
    allocator.allocate(2)
    allocator.free(0)
    for address in (0, 1, -1, 8):
        with pytest.raises(ValueError, match=f"address must be that of an allocated chunk, got {address}"):
            allocator.free(address)
    for number in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match=f"num_slots must be an integer of at least 1, got {number}"):
            allocator.allocate(number)
    assert allocator.allocate(9) is None
    assert allocator.free_chunks() == [Chunk(0, 8)]
    with pytest.raises(ValueError, match="num_slots must be an integer of at least 1, got 0"):
        BuddyAllocator(0)


class BuddyMachine(RuleBasedStateMachine):
    @initialize(num_slots=st.integers(1, 300))
    def start(self, num_slots: int) -> None:
        self.allocator = BuddyAllocator(num_slots)
        self.at_start = self.allocator.free_chunks()
        self.held: dict[int, Chunk] = {}

    @rule(num_slots=st.integers(1, 40) | st.integers(1, 400))
    def allocate(self, num_slots: int) -> None:
        size = power_of_two_at_least(num_slots)
        before = self.allocator.free_chunks()
        fits = any(chunk.size >= size for chunk in before)
        assert self.allocator.can_allocate(num_slots) == fits
        chunk = self.allocator.allocate(num_slots)
        assert (chunk is not None) == fits
        if chunk is None:
            assert self.allocator.free_chunks() == before
        else:
            assert chunk.size == size
            # The lowest address among the smallest free chunks that fit.
            assert chunk.address == min((free.size, free.address) for free in before if free.size >= size)[1]
            self.held[chunk.address] = chunk

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        address = data.draw(st.sampled_from(sorted(self.held)))
        self.allocator.free(address)
        del self.held[address]

    @invariant()
    def every_slot_is_in_one_chunk(self) -> None:
        free, held = self.allocator.free_chunks(), self.allocator.allocated_chunks()
        assert held == sorted(self.held.values())
        chunks = sorted(free + held)
        assert chunks[0].address == 0
        assert all(chunk.address + chunk.size == following.address for chunk, following in pairwise(chunks))
        assert chunks[-1].address + chunks[-1].size == self.allocator.num_slots
        assert all(chunk.size.bit_count() == 1 and chunk.address % chunk.size == 0 for chunk in chunks)
        assert self.allocator.num_free_slots == sum(chunk.size for chunk in free)

    @invariant()
    def no_two_buddies_are_free(self) -> None:
        free = set(self.allocator.free_chunks())
        assert not any(Chunk(chunk.address ^ chunk.size, chunk.size) in free for chunk in free)

    def teardown(self) -> None:
        for address in self.held:
            self.allocator.free(address)
        assert self.allocator.free_chunks() == self.at_start


TestBuddyMachine = BuddyMachine.TestCase
TestBuddyMachine.settings = settings(max_examples=60, stateful_step_count=40)
