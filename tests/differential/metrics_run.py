"""Random admissions, counted and averaged by either side's classes for statistics of the prefix cache."""

import random
from collections.abc import Iterator
from typing import Any

NUM_ENTRIES = 60


def run_metrics(caching_metrics: Any, prefix_cache_stats: Any, seed: int) -> Iterator[dict[str, Any]]:
    """Yields each entry's counts and the hit rate after it.

    Args:
        caching_metrics: the class `CachingMetrics`, the simulator's or vLLM's.
        prefix_cache_stats: the class `PrefixCacheStats` of the same side.
        seed: of the admissions.
    """
    rng = random.Random(f"metrics/{seed}")
    metrics = caching_metrics(max_recent_requests=rng.choice([1, 2, 5, 20]))
    for step in range(NUM_ENTRIES):
        stats = prefix_cache_stats()
        for _ in range(rng.choice([0, 1, 1, 2, 3, 8])):
            num_tokens = rng.randint(1, 30)
            stats.record(num_tokens, rng.randint(0, num_tokens - 1), preempted=rng.random() < 0.3)
        stats.reset = rng.random() < 0.05
        metrics.observe(stats)
        new = (stats.requests, stats.queries, stats.hits)
        preempted = (stats.preempted_requests, stats.preempted_queries, stats.preempted_hits)
        yield {"step": step, "new": new, "preempted": preempted, "hit_rate": metrics.hit_rate}
