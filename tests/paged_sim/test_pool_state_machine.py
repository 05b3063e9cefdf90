"""BlockPool against plain lists and dictionaries: reference counts, the order of the free queue, cached contents."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from paged_sim import BlockPool

HASHES = [b"a", b"b", b"c", b"d"]
PICKS = st.lists(st.integers(0, 99), max_size=6)


class PoolMachine(RuleBasedStateMachine):
    """Every rule does the same to the pool and to the model, which is `free`, `references` and `cached`."""

    @initialize(num_blocks=st.integers(1, 10))
    def make_pool(self, num_blocks: int) -> None:
        self.pool = BlockPool(num_blocks)
        self.free = list(range(1, num_blocks))
        self.references = dict.fromkeys(self.free, 0)
        # By hash, the blocks that hold it, in the order in which they were cached.
        self.cached: dict[bytes, list[int]] = {block_hash: [] for block_hash in HASHES}

    @rule(n=st.integers(0, 8), hashes=st.lists(st.sampled_from(HASHES), max_size=8))
    def get_and_cache(self, n: int, hashes: list[bytes]) -> None:
        if n > len(self.free):
            with pytest.raises(ValueError, match=rf"n must be at most the {len(self.free)} free blocks, got {n}"):
                self.pool.get_new_blocks(n)
            return
        expected, self.free = self.free[:n], self.free[n:]
        blocks = self.pool.get_new_blocks(n)
        assert [block.block_id for block in blocks] == expected
        self.references |= dict.fromkeys(expected, 1)
        self.forget(expected)
        self.pool.cache_full_blocks(blocks[: len(hashes)], hashes[:n])
        for block_id, block_hash in zip(expected, hashes, strict=False):
            self.cached[block_hash].append(block_id)

    @precondition(lambda self: self.in_use())
    @rule(picks=PICKS, block_hash=st.sampled_from(HASHES))
    def cache(self, picks: list[int], block_hash: bytes) -> None:
        ids = list(dict.fromkeys(self.picked(self.in_use(), picks)))
        blocks = [self.pool.blocks[i] for i in ids]
        if any(map(self.hash_of, ids)):
            with pytest.raises(ValueError, match="blocks must be without cached contents"):
                self.pool.cache_full_blocks(blocks, [block_hash] * len(ids))
            return
        self.pool.cache_full_blocks(blocks, [block_hash] * len(ids))
        self.cached[block_hash] += ids

    @precondition(lambda self: self.touchable())
    @rule(picks=PICKS)
    def touch(self, picks: list[int]) -> None:
        ids = self.picked(self.touchable(), picks)
        self.pool.touch([self.pool.null_block, *(self.pool.blocks[i] for i in ids)])
        for block_id in ids:
            self.references[block_id] += 1
        self.free = [i for i in self.free if i not in ids]

    @precondition(lambda self: self.in_use())
    @rule(picks=PICKS)
    def free_some(self, picks: list[int]) -> None:
        self.free_these(self.picked(self.in_use(), picks))

    @precondition(lambda self: self.in_use())
    @rule(picks=st.permutations(range(12)), all_references=st.booleans())
    def free_many(self, picks: list[int], all_references: bool) -> None:
        ids = list(dict.fromkeys(self.picked(self.in_use(), picks)))
        self.free_these([i for i in ids for _ in range(self.references[i] if all_references else 1)])

    @precondition(lambda self: any(self.cached.values()))
    @rule(picks=PICKS, beyond=st.integers(0, 3))
    def evict(self, picks: list[int], beyond: int) -> None:
        ids = self.picked(range(self.pool.num_blocks), picks)
        with pytest.raises(ValueError, match=rf"block_ids must be in \[0, {self.pool.num_blocks}\)"):
            self.pool.evict_blocks([*ids, self.pool.num_blocks + beyond])
        self.pool.evict_blocks(ids)
        self.forget(ids)

    @precondition(lambda self: any(self.cached.values()))
    @rule()
    def reset(self) -> None:
        is_idle = not self.in_use()
        assert self.pool.reset_prefix_cache() == is_idle
        if is_idle:
            self.cached = {block_hash: [] for block_hash in HASHES}

    @invariant()
    def pool_is_as_the_model(self) -> None:
        assert self.pool.free_block_ids() == self.free
        assert self.pool.num_free_blocks == len(self.free)
        assert {block.block_id: block.ref_cnt for block in self.pool.blocks[1:]} == self.references
        assert self.pool.cached_block_ids() == sorted(i for ids in self.cached.values() for i in ids)
        for block_hash, ids in self.cached.items():
            found = self.pool.cached_block(block_hash)
            assert (found and found.block_id) == (ids[0] if ids else None)

    @invariant()
    def every_block_is_free_or_used(self) -> None:
        used = {i for i, n in self.references.items() if n > 0}
        assert used.isdisjoint(self.free)
        assert len(self.free) + len(used) == self.pool.num_blocks - 1
        expected = len(used) / (self.pool.num_blocks - 1) if self.pool.num_blocks > 1 else 0.0
        assert self.pool.usage == pytest.approx(expected)

    def free_these(self, ids: list[int]) -> None:
        blocks = [self.pool.null_block, *(self.pool.blocks[i] for i in ids)]
        if any(ids.count(i) > self.references[i] for i in ids):
            with pytest.raises(ValueError, match="blocks must be freed at most as often as they are referred to"):
                self.pool.free_blocks(blocks)
            return
        self.pool.free_blocks(blocks)
        for block_id in ids:
            self.references[block_id] -= 1
        # A block is free from its last mention on.
        released = [i for n, i in enumerate(ids) if self.references[i] == 0 and i not in ids[n + 1 :]]
        unhashed = [i for i in released if not self.hash_of(i)]
        self.free = unhashed + self.free + [i for i in released if self.hash_of(i)]

    def in_use(self) -> list[int]:
        return [i for i, n in self.references.items() if n > 0]

    def touchable(self) -> list[int]:
        return [i for i in self.references if self.references[i] > 0 or self.hash_of(i)]

    def picked(self, ids: list[int] | range, picks: list[int]) -> list[int]:
        return [ids[pick % len(ids)] for pick in picks]

    def hash_of(self, block_id: int) -> bytes | None:
        return next((block_hash for block_hash, ids in self.cached.items() if block_id in ids), None)

    def forget(self, block_ids: list[int]) -> None:
        self.cached = {block_hash: [i for i in ids if i not in block_ids] for block_hash, ids in self.cached.items()}


PoolMachineTest = PoolMachine.TestCase
PoolMachineTest.settings = settings(max_examples=150, stateful_step_count=40, deadline=None, derandomize=True)
