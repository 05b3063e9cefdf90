"""Which blocks hold which contents."""

from paged_sim.block import Block


class PrefixCache:
    """Full blocks by their hash (vLLM: `BlockHashToBlockMap` in v1/core/block_pool.py).

    Several blocks may have the same contents: tables only ever grow, so a block that turns out to be a copy is not
    replaced in the table that holds it. A lookup gives the copy that was cached first and still is.
    """

    def __init__(self) -> None:
        self._blocks: dict[bytes, dict[int, Block]] = {}

    def __len__(self) -> int:
        """Number of different contents."""
        return len(self._blocks)

    def first(self, block_hash: bytes) -> Block | None:
        """Returns the block that has held these contents longest, or None."""
        copies = self._blocks.get(block_hash)
        return next(iter(copies.values())) if copies else None

    def insert(self, block: Block, block_hash: bytes) -> None:
        """Makes a full block known under its hash."""
        block.block_hash = block_hash
        self._blocks.setdefault(block_hash, {})[block.block_id] = block

    def evict(self, block: Block) -> bool:
        """Forgets the contents of a block; returns whether they were cached."""
        if block.block_hash is None:
            return False
        copies = self._blocks[block.block_hash]
        del copies[block.block_id]
        if not copies:
            del self._blocks[block.block_hash]
        block.block_hash = None
        return True

    def clear(self) -> None:
        """Forgets everything; the blocks' own hashes are the caller's to reset."""
        self._blocks.clear()
