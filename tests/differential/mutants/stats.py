"""Faults of the statistics of the prefix cache."""

from tests.differential.mutants.mutant import Mutant

STATS = [
    Mutant(
        "Resumed requests are counted apart.",
        "prefix_cache_stats.py",
        "        if preempted:\n",
        "        if False:\n",
    ),
    Mutant(
        "New requests are not counted as resumed ones.",
        "prefix_cache_stats.py",
        "        if preempted:\n",
        "        if not preempted:\n",
    ),
    Mutant(
        "Queries are tokens, those of the answer included.",
        "kv_cache_manager.py",
        "self._stats.record(request.num_tokens, num_hits,",
        "self._stats.record(request.num_prompt_tokens, num_hits,",
    ),
    Mutant(
        "Hits are tokens, not blocks.",
        "kv_cache_manager.py",
        "self._stats.record(request.num_tokens, num_hits,",
        "self._stats.record(request.num_tokens, num_hits // self.block_size,",
    ),
    Mutant(
        "A request is resumed from its first preemption on.",
        "kv_cache_manager.py",
        "preempted=request.num_preemptions > 0)",
        "preempted=request.num_preemptions > 1)",
    ),
    Mutant(
        "An admission counts once, not each attempt.",
        "scheduler.py",
        "            if new_blocks is None:\n                return\n",
        "            if new_blocks is None:\n"
        "                self.manager.record_prefix_cache_stats(request, num_hit_tokens)\n"
        "                return\n",
    ),
    Mutant(
        "A request that does not read the cache is not counted, and none is with caching off.",
        "kv_cache_manager.py",
        "        if self._may_read_cache(request):\n            self._stats",
        "        if True:\n            self._stats",
    ),
    Mutant(
        "Nothing is counted with caching off.",
        "kv_cache_manager.py",
        "return self.enable_caching and not request.skip_reading_prefix_cache",
        "return not request.skip_reading_prefix_cache",
    ),
    Mutant(
        "Reading the counts resets them.",
        "kv_cache_manager.py",
        "stats, self._stats = self._stats, PrefixCacheStats()",
        "stats = self._stats",
    ),
    Mutant(
        "The recent hit rate looks at new requests only.",
        "prefix_cache_stats.py",
        "entry = (stats.requests, stats.queries, stats.hits)",
        "entry = (stats.requests, stats.queries + stats.preempted_queries, stats.hits + stats.preempted_hits)",
    ),
    Mutant(
        "Counts without a new request change no hit rate.",
        "prefix_cache_stats.py",
        "        if stats.requests == 0:\n            return\n",
        "",
    ),
    Mutant(
        "The recent hit rate holds as many requests as its limit.",
        "prefix_cache_stats.py",
        "self._sums[0] > self.max_recent_requests",
        "self._sums[0] >= self.max_recent_requests",
    ),
    Mutant(
        "The newest counts stay, however many requests they hold.",
        "prefix_cache_stats.py",
        "while len(self._entries) > 1 and",
        "while len(self._entries) > 0 and",
    ),
    Mutant(
        "The oldest counts are dropped first.",
        "prefix_cache_stats.py",
        "oldest = self._entries.popleft()",
        "oldest = self._entries.pop()",
    ),
    Mutant(
        "As many old counts are dropped as it takes.",
        "prefix_cache_stats.py",
        "        while len(self._entries) > 1 and",
        "        if len(self._entries) > 1 and",
    ),
    Mutant(
        "Dropped counts leave the sums.",
        "prefix_cache_stats.py",
        "tuple(total - part for total, part in zip(self._sums, oldest, strict=True))",
        "(self._sums[0] - oldest[0], *self._sums[1:])",
    ),
    Mutant(
        "The recent hit rate weighs tokens, not requests.",
        "prefix_cache_stats.py",
        "        _, queries, hits = self._sums\n        return hits / queries if queries else 0.0\n",
        "        rates = [hits / queries for _, queries, hits in self._entries]\n"
        "        return sum(rates) / len(rates) if rates else 0.0\n",
    ),
]
