"""Faults of block hashes, of the prefix cache, and of when a block gets into it."""

from tests.differential.mutants.mutant import Mutant

CONTENTS = [
    Mutant(
        "A block's hash holds that of the block before it.",
        "block_hash.py",
        "hashlib.blake2b(parent + array(",
        "hashlib.blake2b(array(",
    ),
    Mutant(
        "A block's hash holds all of its tokens.",
        "block_hash.py",
        "parent = hashes[-1] if hashes else root\n"
        "        hashes.append(hash_block(parent, token_ids[start : start + block_size]))",
        "parent = hashes[-1] if hashes else root\n"
        "        hashes.append(hash_block(parent, token_ids[start : start + max(block_size - 1, 1)]))",
    ),
    Mutant(
        "The order of a block's tokens matters.",
        "block_hash.py",
        'array("I", token_ids)',
        'array("I", sorted(token_ids))',
    ),
    Mutant(
        "The adapter separates blocks.",
        "block_hash.py",
        "repr((lora_name, cache_salt))",
        "repr((None, cache_salt))",
    ),
    Mutant(
        "The salt separates blocks.",
        "block_hash.py",
        "repr((lora_name, cache_salt))",
        "repr((lora_name, None))",
    ),
    Mutant(
        "Adapter and salt separate blocks independently.",
        "block_hash.py",
        "repr((lora_name, cache_salt))",
        "repr(lora_name or cache_salt)",
    ),
    Mutant(
        "A block that the last token fills is full.",
        "block_hash.py",
        "len(token_ids) - block_size + 1, block_size)",
        "len(token_ids) - block_size, block_size)",
    ),
    Mutant(
        "Blocks of the answer have hashes too.",
        "request.py",
        "self._root_hash, self.all_token_ids, block_size)",
        "self._root_hash, self.all_token_ids[: self.num_prompt_tokens], block_size)",
    ),
    Mutant(
        "Of several copies, a lookup gives the one that was cached first.",
        "prefix_cache.py",
        "next(iter(copies.values()))",
        "next(reversed(copies.values()))",
    ),
    Mutant(
        "Of several copies, a lookup goes by the time of caching, not by the id.",
        "prefix_cache.py",
        "next(iter(copies.values()))",
        "min(copies.values(), key=lambda block: block.block_id)",
    ),
    Mutant(
        "A copy does not replace the block that is cached already.",
        "prefix_cache.py",
        "self._blocks.setdefault(block_hash, {})[block.block_id] = block",
        "self._blocks[block_hash] = {block.block_id: block}",
    ),
    Mutant(
        "A block whose contents are cached already gets a hash too (no de-duplication).",
        "prefix_cache.py",
        "        block.block_hash = block_hash\n        self._blocks",
        "        if block_hash in self._blocks:\n"
        "            return\n"
        "        block.block_hash = block_hash\n        self._blocks",
    ),
    Mutant(
        "Evicting one copy leaves the others reachable.",
        "prefix_cache.py",
        "        if not copies:\n            del self._blocks[block.block_hash]\n",
        "        for copy in copies.values():\n"
        "            copy.block_hash = None\n"
        "        del self._blocks[block.block_hash]\n",
    ),
    Mutant(
        "An evicted block loses its hash.",
        "prefix_cache.py",
        "        block.block_hash = None\n        return True\n",
        "        return True\n",
    ),
    Mutant(
        "A block is cached in the step that fills it, before the model runs.",
        "kv_cache_manager.py",
        "len(new_computed_blocks), min(computed + num_new_tokens, request.num_tokens))",
        "len(new_computed_blocks), computed)",
    ),
    Mutant(
        "A block is cached in the step that schedules its last token, not one token earlier.",
        "kv_cache_manager.py",
        "min(computed + num_new_tokens, request.num_tokens))",
        "min(computed + num_new_tokens + 1, request.num_tokens))",
    ),
    Mutant(
        "A block is cached only when it is full.",
        "kv_cache_manager.py",
        "min(num_tokens // self.block_size, len(table))",
        "min(-(-num_tokens // self.block_size), len(table))",
    ),
    Mutant(
        "Slots beyond the request's tokens are not cached.",
        "kv_cache_manager.py",
        "min(computed + num_new_tokens, request.num_tokens))",
        "computed + num_new_tokens)",
    ),
    Mutant(
        "Blocks filled by decoding are cached.",
        "kv_cache_manager.py",
        "min(computed + num_new_tokens, request.num_tokens))",
        "min(computed + num_new_tokens, request.num_prompt_tokens))",
    ),
    Mutant(
        "Hit blocks are not cached again.",
        "kv_cache_manager.py",
        "self._num_cached_blocks.get(request.request_id, num_hit_blocks)",
        "self._num_cached_blocks.get(request.request_id, 0)",
    ),
    Mutant(
        "What a request has cached is counted on from step to step.",
        "kv_cache_manager.py",
        "        self._num_cached_blocks[request.request_id] = full\n",
        "",
    ),
    Mutant(
        "Freeing a request forgets how many of its blocks were cached.",
        "kv_cache_manager.py",
        "        self._num_cached_blocks.pop(request.request_id, None)\n",
        "",
    ),
    Mutant(
        "With caching off nothing is cached.",
        "kv_cache_manager.py",
        "        if not self.enable_caching:\n            return\n",
        "",
    ),
    Mutant(
        "A request that does not read the cache writes it all the same.",
        "kv_cache_manager.py",
        "        if not self.enable_caching:\n            return\n",
        "        if not self._may_read_cache(request):\n            return\n",
    ),
]
