"""Faults of the prefix lookup and of allocation."""

from tests.differential.mutants.mutant import Mutant

ALLOCATION = [
    Mutant(
        "A hit leaves one token to compute.",
        "kv_cache_manager.py",
        "longest = (request.num_tokens - 1) // self.block_size",
        "longest = request.num_tokens // self.block_size",
    ),
    Mutant(
        "A hit may reach up to the block before the last token.",
        "kv_cache_manager.py",
        "longest = (request.num_tokens - 1) // self.block_size",
        "longest = (request.num_tokens - 2) // self.block_size",
    ),
    Mutant(
        "A resumed request hits blocks of its own answer.",
        "kv_cache_manager.py",
        "longest = (request.num_tokens - 1) // self.block_size",
        "longest = (request.num_prompt_tokens - 1) // self.block_size",
    ),
    Mutant(
        "A lookup stops at the first miss.",
        "kv_cache_manager.py",
        "            if block is None:\n                break\n",
        "            if block is None:\n                continue\n",
    ),
    Mutant(
        "A lookup changes nothing.",
        "kv_cache_manager.py",
        "            hit_blocks.append(block)\n",
        "            hit_blocks.append(block)\n"
        "            if block.ref_cnt == 0:\n"
        "                self.pool.touch([block])\n"
        "                self.pool.free_blocks([block])\n",
    ),
    Mutant(
        "A request can be told not to read the cache.",
        "kv_cache_manager.py",
        "return self.enable_caching and not request.skip_reading_prefix_cache",
        "return self.enable_caching",
    ),
    Mutant(
        "Hit tokens are whole blocks.",
        "kv_cache_manager.py",
        "return hit_blocks, len(hit_blocks) * self.block_size",
        "return hit_blocks, min(len(hit_blocks) * self.block_size, request.num_tokens - 2)",
    ),
    Mutant(
        "A started block counts as a whole one.",
        "kv_cache_manager.py",
        "num_new = max(-(-min(num_tokens, self.max_model_len) // self.block_size) - num_held, 0)",
        "num_new = max(min(num_tokens, self.max_model_len) // self.block_size - num_held, 0)",
    ),
    Mutant(
        "No block is taken before the last one is full.",
        "kv_cache_manager.py",
        "num_new = max(-(-min(num_tokens, self.max_model_len) // self.block_size) - num_held, 0)",
        "num_new = max(min(num_tokens, self.max_model_len) // self.block_size + 1 - num_held, 0)",
    ),
    Mutant(
        "Blocks that the request holds are not needed again.",
        "kv_cache_manager.py",
        "num_held = self.num_blocks_held(request) + len(hit_blocks)",
        "num_held = len(hit_blocks)",
    ),
    Mutant(
        "Hit blocks need no new blocks.",
        "kv_cache_manager.py",
        "num_held = self.num_blocks_held(request) + len(hit_blocks)",
        "num_held = self.num_blocks_held(request)",
    ),
    Mutant(
        "A hit block that is free takes room when it is adopted.",
        "kv_cache_manager.py",
        "return num_new + sum(block.ref_cnt == 0 for block in hit_blocks)",
        "return num_new",
    ),
    Mutant(
        "A hit block that is in use takes no room.",
        "kv_cache_manager.py",
        "return num_new + sum(block.ref_cnt == 0 for block in hit_blocks)",
        "return num_new + len(hit_blocks)",
    ),
    Mutant(
        "A table that is long enough needs no blocks, not less than none.",
        "kv_cache_manager.py",
        "num_new = max(-(-min(num_tokens, self.max_model_len) // self.block_size) - num_held, 0)",
        "num_new = -(-min(num_tokens, self.max_model_len) // self.block_size) - num_held",
    ),
    Mutant(
        "No slots are needed beyond the longest request.",
        "kv_cache_manager.py",
        "max(-(-min(num_tokens, self.max_model_len) // self.block_size)",
        "max(-(-num_tokens // self.block_size)",
    ),
    Mutant(
        "The last free block may be used.",
        "kv_cache_manager.py",
        "hit_blocks) + reserve <= self.pool.num_free_blocks",
        "hit_blocks) + reserve < self.pool.num_free_blocks",
    ),
    Mutant(
        "An allocation that does not fit is refused.",
        "kv_cache_manager.py",
        "hit_blocks) + reserve <= self.pool.num_free_blocks",
        "hit_blocks) + reserve <= self.pool.num_free_blocks + 1",
    ),
    Mutant(
        "The watermark is a share of all blocks, the null block included.",
        "kv_cache_manager.py",
        "self.watermark_blocks = int(watermark * num_blocks)",
        "self.watermark_blocks = int(watermark * (num_blocks - 1))",
    ),
    Mutant(
        "The watermark is rounded down.",
        "kv_cache_manager.py",
        "self.watermark_blocks = int(watermark * num_blocks)",
        "self.watermark_blocks = round(watermark * num_blocks)",
    ),
    Mutant(
        "An admission leaves the watermark free.",
        "kv_cache_manager.py",
        "reserve = self.watermark_blocks if is_admission and has_scheduled_reqs else 0",
        "reserve = 0",
    ),
    Mutant(
        "A running request may use the watermark.",
        "kv_cache_manager.py",
        "reserve = self.watermark_blocks if is_admission and has_scheduled_reqs else 0",
        "reserve = self.watermark_blocks if has_scheduled_reqs else 0",
    ),
    Mutant(
        "The first request on an idle engine may use the watermark.",
        "kv_cache_manager.py",
        "reserve = self.watermark_blocks if is_admission and has_scheduled_reqs else 0",
        "reserve = self.watermark_blocks if is_admission else 0",
    ),
    Mutant(
        "A new request leaves the watermark free.",
        "kv_cache_manager.py",
        "request.status in (RequestStatus.WAITING, RequestStatus.PREEMPTED)",
        "request.status in (RequestStatus.PREEMPTED,)",
    ),
    Mutant(
        "A preempted request leaves the watermark free.",
        "kv_cache_manager.py",
        "request.status in (RequestStatus.WAITING, RequestStatus.PREEMPTED)",
        "request.status in (RequestStatus.WAITING,)",
    ),
    Mutant(
        "The admission gate asks for room for all tokens.",
        "kv_cache_manager.py",
        "wanted = [request.num_tokens] if full_sequence_must_fit else []",
        "wanted = []",
    ),
    Mutant(
        "The admission gate can be off.",
        "kv_cache_manager.py",
        "wanted = [request.num_tokens] if full_sequence_must_fit else []",
        "wanted = [request.num_tokens]",
    ),
    Mutant(
        "The admission gate counts the answer of a resumed request.",
        "kv_cache_manager.py",
        "wanted = [request.num_tokens] if full_sequence_must_fit else []",
        "wanted = [request.num_prompt_tokens] if full_sequence_must_fit else []",
    ),
    Mutant(
        "The admission gate counts no tokens that may still come.",
        "kv_cache_manager.py",
        "wanted = [request.num_tokens] if full_sequence_must_fit else []",
        "wanted = [request.num_prompt_tokens + request.max_tokens] if full_sequence_must_fit else []",
    ),
    Mutant(
        "The admission gate is a check and reserves nothing.",
        "kv_cache_manager.py",
        "self.num_blocks_needed(request, computed + num_new_tokens))",
        "self.num_blocks_needed(request, max([computed + num_new_tokens, *wanted])))",
    ),
    Mutant(
        "Hit tokens count as computed.",
        "kv_cache_manager.py",
        "computed = request.num_computed_tokens + num_new_computed_tokens",
        "computed = request.num_computed_tokens",
    ),
    Mutant(
        "When there is no room nothing has changed.",
        "kv_cache_manager.py",
        "                return None\n        self.pool.touch(new_computed_blocks)\n",
        "                self.pool.touch(new_computed_blocks)\n"
        "                return None\n        self.pool.touch(new_computed_blocks)\n",
    ),
    Mutant(
        "Hit blocks are touched before new ones are taken.",
        "kv_cache_manager.py",
        "        self.pool.touch(new_computed_blocks)\n"
        "        table = self._tables.setdefault(request.request_id, [])\n"
        "        table.extend(new_computed_blocks)\n"
        "        new_blocks = self.pool.get_new_blocks(self.num_blocks_needed(request, computed + num_new_tokens))\n",
        "        table = self._tables.setdefault(request.request_id, [])\n"
        "        table.extend(new_computed_blocks)\n"
        "        new_blocks = self.pool.get_new_blocks(self.num_blocks_needed(request, computed + num_new_tokens))\n"
        "        self.pool.touch(new_computed_blocks)\n",
    ),
    Mutant(
        "Hit blocks are before the new ones in the table.",
        "kv_cache_manager.py",
        "        table.extend(new_blocks)\n",
        "        table[:0] = new_blocks\n",
    ),
    Mutant(
        "The new blocks are returned without the hit ones.",
        "kv_cache_manager.py",
        "        return new_blocks\n",
        "        return [*new_computed_blocks, *new_blocks]\n",
    ),
    Mutant(
        "Computing nothing and adopting nothing is an error.",
        "kv_cache_manager.py",
        "has_work = num_new_tokens > 0 or num_hit_tokens > 0",
        "has_work = True",
    ),
    Mutant(
        "A prefix can be adopted without computing anything.",
        "kv_cache_manager.py",
        "has_work = num_new_tokens > 0 or num_hit_tokens > 0",
        "has_work = num_new_tokens > 0",
    ),
    Mutant(
        "A table is freed from its end.",
        "kv_cache_manager.py",
        "self.pool.free_blocks(reversed(self._tables.pop(request.request_id)))",
        "self.pool.free_blocks(self._tables.pop(request.request_id))",
    ),
]
