"""Replayed requests' block tables: the same ids as those of the readable manager."""

from hypothesis import given, settings
from hypothesis import strategies as st

from paged_sim import KVCacheManager, Request
from paged_sim.simulation.compact_manager import CompactKVCacheManager
from paged_sim.simulation.replayed_request import ReplayedRequest
from paged_sim.workload.trace import request_of_lengths


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 20)), max_size=30))
def test_tables_are_the_same_by_id(actions: list[tuple[str, int]]) -> None:
    readable, compact = (manager(12, 4, False, 64, 0.0) for manager in (KVCacheManager, CompactKVCacheManager))
    requests = {name: Request(name, [1] * 20, 20) for name in "abc"}
    replayed = {name: ReplayedRequest(request_of_lengths(name, 20, 20), 64) for name in "abc"}
    for name, num_tokens in actions:
        assert compact.holds_blocks(replayed[name]) == readable.holds_blocks(requests[name])
        if readable.holds_blocks(requests[name]):
            readable.free(requests[name])
            compact.free(replayed[name])
        else:
            new = readable.allocate_slots(requests[name], num_tokens)
            assert compact.allocate_slots(replayed[name], num_tokens) == (None if new is None else readable.ids(new))
        for other in "abc":
            assert compact.block_ids(other) == readable.block_ids(other)
            assert compact.num_blocks_held(replayed[other]) == readable.num_blocks_held(requests[other])
