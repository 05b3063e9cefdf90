"""A state machine for block tables that fork: every step against dense copies of all sequences."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from paged_sim import Request
from paged_sim.paper.forking import ForkingKVCacheManager
from paged_sim.paper.swapping import SwappingKVCacheManager
from tests.paged_sim.physical_memory import PhysicalMemory, contents

# Few tokens and few prefixes, so that prompts often share blocks and forks often become equal again.
TOKENS = st.integers(0, 1)
PROMPTS = st.builds(lambda n, tail: [0] * n + tail, st.integers(0, 9), st.lists(TOKENS, min_size=1, max_size=3))
PICK = st.integers(0, 99)
MOST_REQUESTS = 8


class CacheMachine(RuleBasedStateMachine):
    """Admits, forks, continues and frees requests on a small pool."""

    @initialize(data=st.data(), block_size=st.sampled_from([1, 2, 4, 5]), caching=st.booleans())
    def make_cache(self, data: st.DataObject, block_size: int, caching: bool) -> None:
        self.block_size = block_size
        self.manager = self.new_manager(data, data.draw(st.integers(3, 30)), block_size, caching)
        self.memory = PhysicalMemory(block_size)
        self.live: dict[str, Request] = {}
        # The first ancestor of each request.
        self.family: dict[str, str] = {}
        self.num_made = 0

    def new_manager(self, data: st.DataObject, num_blocks: int, block_size: int, caching: bool) -> Any:
        return ForkingKVCacheManager(num_blocks, block_size, caching)

    @precondition(lambda self: len(self.live) < MOST_REQUESTS)
    @rule(prompt=PROMPTS, whole=st.booleans())
    def admit(self, prompt: list[int], whole: bool) -> None:
        request = self.new_request(prompt)
        hit_blocks, num_hit_tokens = self.manager.get_computed_blocks(request)
        evictable = sum(block.ref_cnt == 0 for block in hit_blocks)
        num_new_tokens = len(prompt) - num_hit_tokens if whole else 1
        needed = self.num_blocks(len(prompt) if whole else num_hit_tokens + 1) - len(hit_blocks) + evictable
        before = self.everything()
        found = self.manager.allocate_slots(
            request, num_new_tokens, num_hit_tokens, hit_blocks, full_sequence_must_fit=whole
        )
        assert (found is None) == (needed > len(before["free"]))
        if found is None:
            assert self.everything() == before
            return
        self.live[request.request_id] = request
        request.num_computed_tokens = num_hit_tokens
        self.write(request, num_new_tokens, before)

    @precondition(lambda self: self.on_gpu() and len(self.live) < MOST_REQUESTS)
    @rule(pick=PICK, later_tokens=st.lists(st.lists(TOKENS, max_size=2), min_size=1, max_size=3), part=st.booleans())
    def fork(self, pick: int, later_tokens: list[list[int]], part: bool) -> None:
        parent = self.picked(self.on_gpu(), pick)
        free = self.manager.pool.free_block_ids()
        for tokens in later_tokens:
            child = self.new_request(parent.all_token_ids[: parent.num_computed_tokens] + tokens)
            self.manager.fork(parent, child)
            self.live[child.request_id] = child
            self.family[child.request_id] = self.family[parent.request_id]
            assert child.num_computed_tokens == parent.num_computed_tokens
            assert self.manager.block_ids(child.request_id) == self.manager.block_ids(parent.request_id)
        assert self.manager.pool.free_block_ids() == free
        if part:
            self.extend(child, [1], must_fit=False)

    @precondition(lambda self: self.on_gpu())
    @rule(pick=PICK, new=st.lists(TOKENS, min_size=1, max_size=9), num_later=st.integers(0, 8), must_fit=st.booleans())
    def go_on(self, pick: int, new: list[int], num_later: int, must_fit: bool) -> None:
        request = self.picked(self.on_gpu(), pick)
        self.lengthen(request, new)
        self.extend(request, new[: max(len(new) - num_later, 1)], must_fit)

    def extend(self, request: Request, new: list[int], must_fit: bool) -> None:
        """Computes as many tokens as `new` has, which are appended if the request does not know them yet."""
        self.lengthen(request, new)
        num_tokens = request.num_tokens if must_fit else request.num_computed_tokens + len(new)
        before = self.everything()
        needed = self.num_blocks(num_tokens) - len(before["tables"][request.request_id])
        source = self.shared_block_to_fill(request)
        assert self.manager.num_blocks_needed(request, num_tokens) == needed + (source is not None)
        found = self.manager.allocate_slots(request, len(new), full_sequence_must_fit=must_fit)
        assert (found is None) == (needed + (source is not None) > len(before["free"]))
        if found is None:
            assert self.everything() == before
            assert self.manager.take_copies() == []
            return
        assert source not in self.table(request)
        copies = self.write(request, len(new), before)
        assert [pair[0] for pair in copies] == ([] if source is None else [source])

    @precondition(lambda self: self.on_gpu())
    @rule(picks=st.permutations(range(6)), num=st.integers(1, 6), token=TOKENS)
    def go_on_together(self, picks: list[int], num: int, token: int) -> None:
        requests = list(dict.fromkeys(self.picked(self.on_gpu(), pick) for pick in picks[:num]))
        for request in requests:
            self.lengthen(request, [token])
        needed = self.manager.num_blocks_needed_by_all({r: r.num_computed_tokens + 1 for r in requests})
        free = self.manager.pool.num_free_blocks
        if needed > free:
            return
        for request in requests:
            before = self.everything()
            assert self.manager.allocate_slots(request, 1) is not None
            self.write(request, 1, before)
        assert free - self.manager.pool.num_free_blocks == needed

    @precondition(lambda self: self.live)
    @rule(pick=PICK, then_reset=st.booleans())
    def free(self, pick: int, then_reset: bool) -> None:
        request = self.picked(list(self.live.values()), pick)
        del self.live[request.request_id]
        self.manager.free(request)
        assert not self.manager.holds_blocks(request)
        if then_reset:
            assert self.manager.reset_prefix_cache() == (not self.live)
            assert self.live or self.manager.pool.cached_block_ids() == []

    @invariant()
    def contents_are_those_of_the_dense_copies(self) -> None:
        for request in self.on_gpu():
            expected = contents(request.all_token_ids, 0, request.num_computed_tokens)
            table = self.manager.block_ids(request.request_id)
            assert self.memory.read(table, request.num_computed_tokens) == expected
        self.memory.check_cached(self.manager, self.live.values())

    @invariant()
    def references_are_table_entries(self) -> None:
        pool = self.manager.pool
        references = Counter(block_id for request in self.on_gpu() for block_id in self.table(request))
        assert {block.block_id: block.ref_cnt for block in pool.blocks if block.ref_cnt} == references
        free = pool.free_block_ids()
        assert len(free) == len(set(free)) == pool.num_free_blocks
        assert references.keys().isdisjoint(free)
        assert len(free) + len(references) == pool.num_blocks - 1
        assert self.manager.enable_caching or pool.cached_block_ids() == []

    @invariant()
    def partly_filled_blocks_have_no_hash(self) -> None:
        for request in self.on_gpu():
            full, partly = divmod(request.num_computed_tokens, self.block_size)
            assert len(self.table(request)) == full + bool(partly)
            if partly:
                assert self.manager.pool.blocks[self.table(request)[-1]].block_hash is None
            if self.manager.enable_caching:
                assert all(self.manager.pool.blocks[i].block_hash for i in self.table(request)[:full])

    def teardown(self) -> None:
        for request in list(getattr(self, "live", {}).values()):
            self.manager.free(request)
            del self.live[request.request_id]
        if hasattr(self, "manager"):
            self.references_are_table_entries()
            assert self.manager.pool.num_free_blocks == self.manager.pool.num_blocks - 1

    def write(self, request: Request, num_tokens: int, before: dict[str, Any]) -> list[tuple[int, int]]:
        """Copies, computes and advances; a block that is written has one reference, and held nothing cached."""
        copies = self.manager.take_copies()
        self.memory.copy(copies)
        table = self.table(request)
        start, end = request.num_computed_tokens, request.num_computed_tokens + num_tokens
        for index in range(start // self.block_size, (end - 1) // self.block_size + 1):
            block = self.manager.pool.blocks[table[index]]
            assert block.ref_cnt == 1
            was_in_use = block.block_id in before["tables"].get(request.request_id, [])
            assert not (was_in_use and block.block_id in before["cached"])
            assert was_in_use or block.block_id in before["free"]
        self.memory.compute(table, request, start, end)
        request.num_computed_tokens = end
        return copies

    def new_request(self, tokens: list[int]) -> Request:
        self.num_made += 1
        self.family[f"{self.num_made}"] = f"{self.num_made}"
        return Request(f"{self.num_made}", tokens, 100)

    def lengthen(self, request: Request, tokens: list[int]) -> None:
        """Appends what is missing for the next tokens; a request that knows more tokens already keeps them."""
        missing = request.num_computed_tokens + len(tokens) - request.num_tokens
        if missing > 0:
            request.append_output_token_ids(tokens[-missing:])

    def picked(self, requests: list[Request], pick: int) -> Request:
        return requests[pick % len(requests)]

    def on_gpu(self) -> list[Request]:
        return list(self.live.values())

    def table(self, request: Request) -> list[int]:
        return self.manager.block_ids(request.request_id)

    def num_blocks(self, num_tokens: int) -> int:
        return -(-num_tokens // self.block_size)

    def shared_block_to_fill(self, request: Request) -> int | None:
        """Returns the partly filled block that others have in their tables too."""
        tables = [self.table(other) for other in self.on_gpu() if other is not request]
        if request.num_computed_tokens % self.block_size == 0:
            return None
        block = self.table(request)[-1]
        return block if any(block in table for table in tables) else None

    def everything(self) -> dict[str, Any]:
        pool = self.manager.pool
        return {
            "tables": {request_id: self.manager.block_ids(request_id) for request_id in self.live},
            "references": [block.ref_cnt for block in pool.blocks],
            "free": pool.free_block_ids(),
            "cached": pool.cached_block_ids(),
        }


class SwappingMachine(CacheMachine):
    """The same with requests that are swapped out and in."""

    def new_manager(self, data: st.DataObject, num_blocks: int, block_size: int, caching: bool) -> Any:
        return SwappingKVCacheManager(num_blocks, block_size, caching, num_cpu_blocks=data.draw(st.integers(0, 20)))

    def on_gpu(self) -> list[Request]:
        return [request for request in self.live.values() if not self.manager.is_swapped_out(request)]

    def group_of(self, request: Request) -> list[Request]:
        family = self.family[request.request_id]
        return [member for member in self.live.values() if self.family[member.request_id] == family]

    def on_cpu(self) -> list[Request]:
        return [request for request in self.live.values() if self.manager.is_swapped_out(request)]

    def everything(self) -> dict[str, Any]:
        return super().everything() | {
            "cpu tables": {request_id: self.manager.cpu_block_ids(request_id) for request_id in self.live},
            "cpu free": self.manager.cpu_pool.free_block_ids(),
        }

    @precondition(lambda self: self.on_gpu())
    @rule(pick=PICK)
    def swap_out(self, pick: int) -> None:
        group = self.group_of(self.picked(self.on_gpu(), pick))
        before = self.everything()
        different = {block_id for member in group for block_id in self.table(member)}
        moves = self.manager.swap_out(group[0])
        assert (moves is None) == (len(different) > len(before["cpu free"]))
        if moves is None:
            assert self.everything() == before
            return
        assert sorted(gpu_id for gpu_id, _ in moves) == sorted(different)
        self.memory.swap_out(moves)
        assert all(self.manager.is_swapped_out(member) and not self.table(member) for member in group)

    @precondition(lambda self: self.on_cpu())
    @rule(pick=PICK)
    def swap_in(self, pick: int) -> None:
        group = self.group_of(self.picked(self.on_cpu(), pick))
        before = self.everything()
        different = {block_id for member in group for block_id in before["cpu tables"][member.request_id]}
        moves = self.manager.swap_in(group[-1])
        assert (moves is None) == (len(different) > len(before["free"]))
        if moves is None:
            assert self.everything() == before
            return
        assert sorted(cpu_id for cpu_id, _ in moves) == sorted(different)
        self.memory.swap_in(moves)
        assert not any(map(self.manager.is_swapped_out, group))

    @precondition(lambda self: self.on_cpu())
    @rule(pick=PICK, num=st.integers(1, 3), token=TOKENS)
    def swap_in_and_go_on(self, pick: int, num: int, token: int) -> None:
        group = self.group_of(self.picked(self.on_cpu(), pick))
        writers = group[:num]
        for request in writers:
            self.lengthen(request, [token])
        needed = self.manager.block_use(group).with_sharing
        needed += self.manager.num_blocks_needed_by_all({r: r.num_computed_tokens + 1 for r in writers})
        free = self.manager.pool.num_free_blocks
        if needed > free:
            return
        self.memory.swap_in(self.manager.swap_in(group[0]))
        for request in writers:
            before = self.everything()
            assert self.manager.allocate_slots(request, 1) is not None
            self.write(request, 1, before)
        assert free - self.manager.pool.num_free_blocks == needed

    @precondition(lambda self: self.on_cpu())
    @rule(pick=PICK)
    def swapped_out_requests_cannot_go_on(self, pick: int) -> None:
        request = self.picked(self.on_cpu(), pick)
        before = self.everything()
        with pytest.raises(ValueError, match="request must be one that is not swapped out"):
            self.manager.allocate_slots(request, 1)
        with pytest.raises(ValueError, match="parent must be one that holds blocks"):
            self.manager.fork(request, self.new_request([0]))
        assert self.everything() == before

    @invariant()
    def groups_are_the_families_of_forks(self) -> None:
        for request in self.live.values():
            expected = self.group_of(request)
            assert self.manager.group(request) == expected
            assert len(set(map(self.manager.is_swapped_out, expected))) == 1

    @invariant()
    def cpu_references_are_table_entries(self) -> None:
        pool = self.manager.cpu_pool
        references = Counter(i for r in self.on_cpu() for i in self.manager.cpu_block_ids(r.request_id))
        assert {block.block_id: block.ref_cnt for block in pool.blocks if block.ref_cnt} == references
        assert references.keys().isdisjoint(pool.free_block_ids())
        assert pool.num_free_blocks + len(references) == pool.num_blocks - 1

    @invariant()
    def cpu_contents_are_those_of_the_dense_copies(self) -> None:
        for request in self.on_cpu():
            num_tokens = request.num_computed_tokens
            found = self.memory.read(self.manager.cpu_block_ids(request.request_id), num_tokens, on_cpu=True)
            assert found == contents(request.all_token_ids, 0, num_tokens)

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "manager"):
            assert self.manager.cpu_pool.num_free_blocks == self.manager.cpu_pool.num_blocks - 1
