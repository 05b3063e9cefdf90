"""A KV cache that keeps each request in one chunk of contiguous slots, and what its slots are used for.

The paper's definitions (section 3.1, Figure 2) sort every slot into one of four classes:

* token state: holds the key and value of a token;
* reservation: the request will use it later, and holds it since admission;
* internal fragmentation: reserved, but never used, because the answer turns out shorter than was assumed;
* external fragmentation: never used, and known to be so before serving. This includes what the buddy allocator adds
  when it rounds up to a power of two, and free memory too small for the next chunk. Free slots count here whatever
  the reason, as in the figure's "external fragmentation and others".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from paged_sim.checks import require, require_integer
from paged_sim.paper.buddy_allocator import BuddyAllocator, Chunk, power_of_two_at_least
from paged_sim.paper.published import MAX_MODEL_LEN
from paged_sim.paper.reservation import ReservationRule


class SlotClass(StrEnum):
    """What a slot is used for."""

    USED = "token state"
    RESERVATION = "reservation"
    INTERNAL = "internal fragmentation"
    EXTERNAL = "external fragmentation"


class SlotRun(NamedTuple):
    """`num_slots` neighbouring slots of one class, from `address` on; `request_id` is None for free slots."""

    address: int
    num_slots: int
    slot_class: SlotClass
    request_id: str | None


class SlotUse(NamedTuple):
    """Number of slots of each class."""

    token_states: int
    reservation: int
    internal: int
    external: int


@dataclass(slots=True)
class _Held:
    """A request's chunk. Lengths in slots: written so far, at the end, reserved; the chunk's tail is rounding."""

    chunk: Chunk
    written: int
    final: int
    reserved: int


class ContiguousCache:
    """Slots shared by requests, each of which holds one chunk from admission until it is freed.

    Args:
        num_slots: slots for one token each, at least 1.
        rule: what is reserved for a request, one of `RESERVATION_RULES`.
        max_model_len: longest sequence of the model, in tokens, at least 1.

    Raises:
        ValueError: a value is out of its range; the message names field, rule and value.
    """

    def __init__(self, num_slots: int, rule: ReservationRule, max_model_len: int = MAX_MODEL_LEN) -> None:
        require_integer("max_model_len", max_model_len, 1)
        self.num_slots = num_slots
        self.max_model_len = max_model_len
        self._allocator = BuddyAllocator(num_slots)
        self._rule = rule
        self._held: dict[str, _Held] = {}
        self._token_states = self._reservation = self._internal = 0

    @property
    def num_requests(self) -> int:
        """Requests that hold a chunk."""
        return len(self._held)

    @property
    def slot_use(self) -> SlotUse:
        """Slots of each class; they add up to `num_slots`."""
        known = self._token_states + self._reservation + self._internal
        return SlotUse(self._token_states, self._reservation, self._internal, self.num_slots - known)

    def admit(self, request_id: str, prompt: int, output: int) -> bool:
        """Reserves a chunk and writes the prompt; False, which changes nothing, if there is no room now.

        Args:
            request_id: not in the cache yet.
            prompt: length of the prompt, in tokens, at least 1.
            output: true length of the answer, in tokens, at least 1. A rule may look at it, or not.

        Raises:
            ValueError: a value is out of its range, the request is longer than `max_model_len`, or its chunk would
                not fit into an empty cache.
        """
        reserved = self._slots_to_reserve(request_id, prompt, output)
        chunk = self._allocator.allocate(reserved)
        if chunk is None:
            return False
        self._held[request_id] = _Held(chunk, prompt, prompt + output, reserved)
        self._token_states += prompt
        self._reservation += output
        self._internal += reserved - prompt - output
        return True

    def grow(self, request_id: str, num_tokens: int = 1) -> None:
        """Writes `num_tokens` tokens of the answer.

        Raises:
            ValueError: the request is not in the cache, or its answer has not that many tokens left.
        """
        held = self._require_held(request_id)
        left = held.final - held.written
        rule = f"an integer in [1, {left}], the tokens left of {request_id!r}"
        require(type(num_tokens) is int and 1 <= num_tokens <= left, "num_tokens", rule, num_tokens)
        held.written += num_tokens
        self._token_states += num_tokens
        self._reservation -= num_tokens

    def free(self, request_id: str) -> None:
        """Gives the request's chunk back, whether its answer is complete or not.

        Raises:
            ValueError: the request is not in the cache.
        """
        held = self._require_held(request_id)
        self._allocator.free(held.chunk.address)
        del self._held[request_id]
        self._token_states -= held.written
        self._reservation -= held.final - held.written
        self._internal -= held.reserved - held.final

    def slot_runs(self) -> Iterator[SlotRun]:
        """Returns all slots by address, as runs of one class that belong to one request or to none."""
        owners: list[tuple[_Held, str | None]] = [(held, request_id) for request_id, held in self._held.items()]
        owners += [(_Held(chunk, written=0, final=0, reserved=0), None) for chunk in self._allocator.free_chunks()]
        for held, request_id in sorted(owners, key=lambda owner: owner[0].chunk):
            borders = (0, held.written, held.final, held.reserved, held.chunk.size)
            for slot_class, (start, end) in zip(SlotClass, pairwise(borders), strict=True):
                if start < end:
                    yield SlotRun(held.chunk.address + start, end - start, slot_class, request_id)

    def _slots_to_reserve(self, request_id: str, prompt: int, output: int) -> int:
        require(request_id not in self._held, "request_id", "that of a request not in the cache", request_id)
        require_integer("prompt", prompt, 1)
        require_integer("output", output, 1)
        total = prompt + output
        require(total <= self.max_model_len, "prompt + output", f"at most max_model_len {self.max_model_len}", total)
        reserved = self._rule(prompt, output, self.max_model_len)
        require(reserved >= total, "slots that the rule reserves", f"at least prompt + output {total}", reserved)
        largest = self._allocator.largest_chunk
        chunk = power_of_two_at_least(reserved)
        require(chunk <= largest, f"chunk of {request_id!r}", f"at most the largest one, {largest} slots", chunk)
        return reserved

    def _require_held(self, request_id: str) -> _Held:
        require(request_id in self._held, "request_id", "that of a request in the cache", request_id)
        return self._held[request_id]
