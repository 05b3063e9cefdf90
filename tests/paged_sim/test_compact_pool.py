"""The pool in plain numbers decides as the readable one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from paged_sim import Block, BlockPool
from paged_sim.simulation.compact_pool import CompactBlockPool


class BothPools:
    """Does the same with either pool, and compares them."""

    def __init__(self, num_blocks: int, caching: bool) -> None:
        self.readable = BlockPool(num_blocks, caching)
        self.compact = CompactBlockPool(num_blocks, caching)
        self.caching = caching
        self.tables: list[list[int]] = []
        self.compare()

    def allocate(self, n: int, contents: list[int], num_full: int) -> None:
        """Makes a table of hits on `contents`, as far as they are cached, and `n` new blocks, some of them full."""
        hits = self._hits(contents)
        blocks = [self.readable.blocks[block] for block in hits]
        num_free_hits = sum(block.ref_cnt == 0 for block in blocks)
        assert self.compact.num_free_among(hits) == num_free_hits
        n = min(n, self.readable.num_free_blocks - num_free_hits)
        self.readable.touch(blocks)
        self.compact.touch(hits)
        new = [block.block_id for block in self.readable.get_new_blocks(n)]
        assert self.compact.get_new_blocks(n) == new
        full = new[: min(num_full, len(new), len(contents) - len(hits))] if self.caching else []
        keys = contents[len(hits) : len(hits) + len(full)]
        self.readable.cache_full_blocks([self.readable.blocks[block] for block in full], [_hash(key) for key in keys])
        self.compact.cache_blocks(full, keys)
        # A table whose last block is not the only one that is not full does not occur: take those back at once.
        table = [*hits, *full, *new[len(full) : len(full) + 1]]
        self._free(new[len(full) + 1 :])
        self.tables.append(table)
        self.compare()

    def free(self, index: int) -> None:
        if self.tables:
            self._free(self.tables.pop(index % len(self.tables)))
        self.compare()

    def reset(self) -> None:
        assert self.compact.reset_prefix_cache() == self.readable.reset_prefix_cache()
        self.compare()

    def compare(self) -> None:
        assert self.compact.free_block_ids() == self.readable.free_block_ids()
        assert self.compact.num_free_blocks == self.readable.num_free_blocks
        assert self.compact.cached_block_ids() == self.readable.cached_block_ids()
        assert self.compact.usage == self.readable.usage

    def _hits(self, contents: list[int]) -> list[int]:
        hits = []
        for key in contents:
            block: Block | None = self.readable.cached_block(_hash(key))
            assert self.compact.cached_block(key) == (block.block_id if block else None)
            if block is None:
                break
            hits.append(block.block_id)
        return hits

    def _free(self, table: list[int]) -> None:
        self.readable.free_blocks(self.readable.blocks[block] for block in reversed(table))
        self.compact.free_table(table)


def _hash(key: int) -> bytes:
    return key.to_bytes(16)


@settings(max_examples=150, deadline=None)
@given(st.integers(2, 30), st.booleans(), st.data())
def test_both_pools_agree_after_every_action(num_blocks: int, caching: bool, data: st.DataObject) -> None:
    pools = BothPools(num_blocks, caching)
    for _ in range(data.draw(st.integers(1, 40))):
        action = data.draw(st.sampled_from(["allocate", "allocate", "free", "free", "reset"]))
        if action == "allocate":
            prefix = data.draw(st.lists(st.integers(0, 3), max_size=5))
            # A chain: the same key never stands for two places.
            contents = [
                sum((digit + 1) * 5**place for place, digit in enumerate(prefix[: i + 1])) for i in range(len(prefix))
            ]
            pools.allocate(data.draw(st.integers(0, 8)), contents, data.draw(st.integers(0, 8)))
        elif action == "free":
            pools.free(data.draw(st.integers(0, 10)))
        else:
            pools.reset()
