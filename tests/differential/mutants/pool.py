"""Faults of the free queue and of the pool: which block is handed out next, and who refers to it."""

from tests.differential.mutants.mutant import Mutant

POOL = [
    Mutant(
        "Blocks are handed out from the head of the free queue.",
        "free_queue.py",
        "blocks = [block for block, _ in zip(self, range(n), strict=False)]",
        "blocks = list(self)[len(self) - n :]",
    ),
    Mutant(
        "Several blocks are handed out in the order of the queue.",
        "free_queue.py",
        "        return blocks\n",
        "        return blocks[::-1]\n",
    ),
    Mutant(
        "Freed blocks without contents go before all others.",
        "free_queue.py",
        "self._insert(self._head, blocks)",
        "self._insert(self._tail.prev_free_block, blocks)",
    ),
    Mutant(
        "Freed blocks without contents go to the front as a group, in the given order.",
        "free_queue.py",
        "self._insert(self._head, blocks)",
        "self._insert(self._head, list(blocks)[::-1])",
    ),
    Mutant(
        "Freed blocks with contents go behind all others in the given order.",
        "block_pool.py",
        "self._free_queue.append_n(reused_last)",
        "self._free_queue.append_n(reused_last[::-1])",
    ),
    Mutant(
        "Freed blocks with contents go behind all others.",
        "block_pool.py",
        "self._free_queue.append_n(reused_last)",
        "self._free_queue.prepend_n(reused_last)",
    ),
    Mutant(
        "A freed block without contents is reused first, one with contents last.",
        "block_pool.py",
        "(reused_first if block.block_hash is None or not self.enable_caching else reused_last)",
        "(reused_last if block.block_hash is None or not self.enable_caching else reused_first)",
    ),
    Mutant(
        "A block that leaves the free queue is not counted as free.",
        "free_queue.py",
        "        self._num_free_blocks -= 1\n",
        "",
    ),
    Mutant(
        "The null block is never handed out.",
        "block_pool.py",
        "FreeBlockQueue(self.blocks[1:])",
        "FreeBlockQueue(self.blocks)",
    ),
    Mutant(
        "The first id that is handed out is 1, then 2, and so on.",
        "block_pool.py",
        "FreeBlockQueue(self.blocks[1:])",
        "FreeBlockQueue(self.blocks[:0:-1])",
    ),
    Mutant(
        "The null block does not count as usable.",
        "block_pool.py",
        "return 1.0 - self.num_free_blocks / self.num_usable_blocks if",
        "return 1.0 - self.num_free_blocks / self.num_blocks if",
    ),
    Mutant(
        "As many blocks can be taken as are free.",
        "block_pool.py",
        "require(n <= self.num_free_blocks,",
        "require(n < self.num_free_blocks,",
    ),
    Mutant(
        "Taking more blocks than are free is an error.",
        "block_pool.py",
        '        require(n <= self.num_free_blocks, "n", f"at most the {self.num_free_blocks} free blocks", n)\n',
        "",
    ),
    Mutant(
        "A block loses its contents when it is handed out.",
        "block_pool.py",
        "            self._cache.evict(block)\n",
        "",
    ),
    Mutant(
        "A free block keeps its contents until it is handed out (lazy eviction).",
        "block_pool.py",
        "            if block.ref_cnt == 0:\n                (reused_first",
        "            if block.ref_cnt == 0:\n                self._cache.evict(block)\n                (reused_first",
    ),
    Mutant(
        "A new block has one reference.",
        "block_pool.py",
        "block.ref_cnt = 1\n",
        "block.ref_cnt = 2\n",
    ),
    Mutant(
        "A hit adds a reference.",
        "block_pool.py",
        "            block.ref_cnt += 1\n",
        "            block.ref_cnt = 1\n",
    ),
    Mutant(
        "A hit takes a free block out of the free queue.",
        "block_pool.py",
        "            if block.ref_cnt == 0:\n                self._free_queue.remove(block)\n",
        "",
    ),
    Mutant(
        "A block is free only when its last reference is dropped.",
        "block_pool.py",
        "            if block.ref_cnt == 0:\n                (reused_first",
        "            if block.ref_cnt <= 1:\n                (reused_first",
    ),
    Mutant(
        "Evicting leaves references and the place in the free queue as they are.",
        "block_pool.py",
        "            self._cache.evict(self.blocks[block_id])\n",
        "            block = self.blocks[block_id]\n"
        "            if self._cache.evict(block) and block.ref_cnt == 0:\n"
        "                self._free_queue.remove(block)\n"
        "                self._free_queue.prepend_n([block])\n",
    ),
    Mutant(
        "Evicting forgets the contents of blocks in use too.",
        "block_pool.py",
        "            self._cache.evict(self.blocks[block_id])\n",
        "            if self.blocks[block_id].ref_cnt == 0:\n"
        "                self._cache.evict(self.blocks[block_id])\n",
    ),
    Mutant(
        "The prefix cache is reset only when no block is in use.",
        "block_pool.py",
        "if self.num_free_blocks != self.num_usable_blocks:",
        "if self.num_free_blocks < self.num_usable_blocks - 1:",
    ),
    Mutant(
        "The null block does not count as in use when the prefix cache is reset.",
        "block_pool.py",
        "if self.num_free_blocks != self.num_usable_blocks:",
        "if self.num_free_blocks != self.num_blocks:",
    ),
    Mutant(
        "A reset empties the map from contents to blocks.",
        "block_pool.py",
        "        self._cache.clear()\n",
        "",
    ),
    Mutant(
        "A reset takes the hashes off the blocks.",
        "block_pool.py",
        "        for block in self.blocks:\n            block.block_hash = None\n",
        "",
    ),
    Mutant(
        "A reset keeps the order of the free queue.",
        "block_pool.py",
        "        self._cache.clear()\n",
        "        self._cache.clear()\n        self._free_queue = FreeBlockQueue(self.blocks[1:])\n",
    ),
]
