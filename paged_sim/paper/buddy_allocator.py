"""A buddy allocator: contiguous chunks whose sizes are powers of two, as the paper's Orca baselines use it.

A chunk of 2**k slots starts at a multiple of 2**k and can be split into two buddies of half its size; two free buddies
merge again. So a freed chunk finds its buddy by flipping one bit of its address, and free memory never stays in
pieces that could be one. The price is that every request is rounded up to a power of two.
"""

from bisect import bisect_left, insort
from typing import NamedTuple

from paged_sim.checks import require, require_integer


class Chunk(NamedTuple):
    """Slots `address` to `address + size - 1`; the size is a power of two and divides the address."""

    address: int
    size: int


def power_of_two_at_least(number: int) -> int:
    """Returns the smallest power of two that is at least `number` (1 or more)."""
    return 1 << (number - 1).bit_length()


class BuddyAllocator:
    """Hands out chunks of `num_slots` slots, the lowest address of the smallest size that fits first.

    `num_slots` need not be a power of two: the slots are then several chunks from the start, one for each bit of the
    number, the largest at address 0. 15,728 slots are 8192 + 4096 + 2048 + 1024 + 256 + 64 + 32 + 16.

    Args:
        num_slots: at least 1.

    Raises:
        ValueError: `num_slots` is not an integer of at least 1.
    """

    def __init__(self, num_slots: int) -> None:
        require_integer("num_slots", num_slots, 1)
        self.num_slots = num_slots
        self._allocated: dict[int, Chunk] = {}
        # Addresses of the free chunks in rising order; the index is the logarithm of their size.
        self._free: list[list[int]] = [[] for _ in range(num_slots.bit_length())]
        address = 0
        for order in reversed(range(num_slots.bit_length())):
            if num_slots >> order & 1:
                self._free[order].append(address)
                address += 1 << order

    @property
    def largest_chunk(self) -> int:
        """Slots of the largest chunk there is when everything is free."""
        return 1 << (len(self._free) - 1)

    @property
    def num_free_slots(self) -> int:
        """Slots in free chunks."""
        return sum(len(addresses) << order for order, addresses in enumerate(self._free))

    def free_chunks(self) -> list[Chunk]:
        """Returns the free chunks by address."""
        return sorted(Chunk(address, 1 << order) for order, addresses in enumerate(self._free) for address in addresses)

    def allocated_chunks(self) -> list[Chunk]:
        """Returns the chunks that are handed out, by address."""
        return sorted(self._allocated.values())

    def can_allocate(self, num_slots: int) -> bool:
        """Returns whether `allocate` would find a chunk; `num_slots` is at least 1."""
        return self._order_to_split(num_slots) is not None

    def allocate(self, num_slots: int) -> Chunk | None:
        """Returns a chunk of `num_slots` rounded up to a power of two, or None, which changes nothing, without one.

        Args:
            num_slots: at least 1.

        Raises:
            ValueError: `num_slots` is not an integer of at least 1.
        """
        order = self._order_to_split(num_slots)
        if order is None:
            return None
        address = self._free[order].pop(0)
        chunk = Chunk(address, power_of_two_at_least(num_slots))
        while 1 << order > chunk.size:
            order -= 1
            insort(self._free[order], address + (1 << order))
        self._allocated[address] = chunk
        return chunk

    def free(self, address: int) -> None:
        """Takes back the chunk at `address` and merges it with its buddy as often as that is free.

        Raises:
            ValueError: no chunk is handed out at `address`, for example because it was freed before.
        """
        require(address in self._allocated, "address", "that of an allocated chunk", address)
        order = self._allocated.pop(address).size.bit_length() - 1
        while self._take_free(order, address ^ (1 << order)):
            address &= ~(1 << order)
            order += 1
        insort(self._free[order], address)

    def _order_to_split(self, num_slots: int) -> int | None:
        require_integer("num_slots", num_slots, 1)
        smallest = (num_slots - 1).bit_length()
        return next((order for order in range(smallest, len(self._free)) if self._free[order]), None)

    def _take_free(self, order: int, address: int) -> bool:
        """Removes a free chunk; False, which changes nothing, if there is none of this size at this address."""
        addresses = self._free[order]
        index = bisect_left(addresses, address)
        if index == len(addresses) or addresses[index] != address:
            return False
        del addresses[index]
        return True
