"""Statistics of the prefix cache count tokens at admissions, resumed requests apart from new ones."""

import pytest

from paged_sim import CachingMetrics, KVCacheManager, PrefixCacheStats, Request, Scheduler, SchedulerConfig


def stats_of(requests: int, queries: int, hits: int) -> PrefixCacheStats:
    """Returns the counts of new requests."""
    return PrefixCacheStats(requests=requests, queries=queries, hits=hits)


def admitted(manager: KVCacheManager, request: Request) -> None:
    """Admits a request as a scheduler does."""
    blocks, num_hits = manager.get_computed_blocks(request)
    assert manager.allocate_slots(request, request.num_tokens - num_hits, num_hits, blocks) is not None
    manager.record_prefix_cache_stats(request, num_hits)


# What is counted.


def test_new_and_resumed_requests_are_counted_apart() -> None:
    stats = PrefixCacheStats()
    stats.record(num_tokens=10, num_hits=4, preempted=False)
    stats.record(num_tokens=7, num_hits=0, preempted=False)
    stats.record(num_tokens=20, num_hits=16, preempted=True)
    assert stats == PrefixCacheStats(2, 17, 4, 1, 20, 16)


@pytest.mark.parametrize("preempted", [False, True])
@pytest.mark.parametrize(
    ("num_tokens", "num_hits", "message"),
    [
        (-1, 0, "num_tokens must be an integer of at least 0, got -1"),
        (5, -1, "num_hits must be an integer of at least 0, got -1"),
        (5, 2.5, "num_hits must be an integer of at least 0, got 2.5"),
        (True, 0, "num_tokens must be an integer of at least 0, got True"),
    ],
)
def test_bad_numbers_are_refused_and_count_nothing(
    num_tokens: int, num_hits: int, message: str, preempted: bool
) -> None:
    stats = PrefixCacheStats(1, 2, 3, 4, 5, 6)
    with pytest.raises(ValueError, match=f"^{message}$"):
        stats.record(num_tokens, num_hits, preempted)
    assert stats == PrefixCacheStats(1, 2, 3, 4, 5, 6)


def test_the_hit_rate_is_that_of_new_requests() -> None:
    stats = PrefixCacheStats()
    assert stats.hit_rate == 0.0
    stats.record(num_tokens=8, num_hits=2, preempted=False)
    stats.record(num_tokens=8, num_hits=8, preempted=True)
    assert stats.hit_rate == 0.25


def test_counts_add_up() -> None:
    total = PrefixCacheStats(1, 2, 3, 4, 5, 6)
    total.add(PrefixCacheStats(10, 20, 30, 40, 50, 60))
    assert total == PrefixCacheStats(11, 22, 33, 44, 55, 66)


def test_an_admission_counts_all_tokens_and_the_hit_ones() -> None:
    manager = KVCacheManager(num_blocks=11, block_size=4)
    admitted(manager, Request("a", range(10), max_tokens=4))
    admitted(manager, Request("b", range(10), max_tokens=4))
    assert manager.make_prefix_cache_stats() == stats_of(requests=2, queries=20, hits=8)


def test_reading_the_counts_resets_them() -> None:
    manager = KVCacheManager(num_blocks=11, block_size=4)
    admitted(manager, Request("a", range(10), max_tokens=4))
    manager.make_prefix_cache_stats()
    assert manager.make_prefix_cache_stats() == PrefixCacheStats()


def test_a_lookup_alone_counts_nothing() -> None:
    manager = KVCacheManager(num_blocks=11, block_size=4)
    manager.get_computed_blocks(Request("a", range(10), max_tokens=4))
    assert manager.make_prefix_cache_stats() == PrefixCacheStats()


def test_a_request_that_does_not_read_the_cache_is_not_counted() -> None:
    manager = KVCacheManager(num_blocks=11, block_size=4)
    admitted(manager, Request("a", range(10), max_tokens=4, skip_reading_prefix_cache=True))
    assert manager.make_prefix_cache_stats() == PrefixCacheStats()


def test_nothing_is_counted_with_caching_off() -> None:
    manager = KVCacheManager(num_blocks=11, block_size=4, enable_caching=False)
    admitted(manager, Request("a", range(10), max_tokens=4))
    assert manager.make_prefix_cache_stats() == PrefixCacheStats()


def test_a_resumed_request_is_counted_apart_with_its_answer() -> None:
    scheduler = Scheduler(SchedulerConfig(num_blocks=11, block_size=4, max_model_len=32))
    scheduler.add_request(Request("a", range(7), max_tokens=9))
    for _ in range(2):
        scheduler.update(scheduler.schedule(), {"a": 9})
    scheduler.reset_prefix_cache(reset_running_requests=True)
    scheduler.schedule()
    assert scheduler.manager.make_prefix_cache_stats() == PrefixCacheStats(1, 7, 0, 1, 9, 0, reset=True)


def test_a_request_that_waits_for_room_is_counted_once() -> None:
    scheduler = Scheduler(SchedulerConfig(num_blocks=5, block_size=4, max_model_len=16))
    scheduler.add_request(Request("a", range(12), max_tokens=3))
    scheduler.add_request(Request("b", range(100, 112), max_tokens=3))
    counts = []
    for _ in range(4):
        step = scheduler.schedule()
        scheduler.update(step, dict.fromkeys(step.num_scheduled_tokens, 9))
        counts.append(scheduler.manager.make_prefix_cache_stats().requests)
    assert counts == [1, 0, 0, 1]


# The hit rate over recent requests.


def test_without_requests_the_recent_hit_rate_is_0() -> None:
    assert CachingMetrics().hit_rate == 0.0


def test_the_recent_hit_rate_weighs_tokens() -> None:
    metrics = CachingMetrics()
    metrics.observe(stats_of(requests=1, queries=90, hits=0))
    metrics.observe(stats_of(requests=1, queries=10, hits=10))
    assert metrics.hit_rate == 0.1


def test_resumed_requests_do_not_change_the_recent_hit_rate() -> None:
    metrics = CachingMetrics()
    metrics.observe(stats_of(requests=1, queries=10, hits=5))
    metrics.observe(PrefixCacheStats(1, 10, 5, preempted_requests=3, preempted_queries=30, preempted_hits=30))
    assert metrics.hit_rate == 0.5


def test_the_oldest_counts_are_dropped_while_those_left_are_too_many() -> None:
    metrics = CachingMetrics(max_recent_requests=4)
    metrics.observe(stats_of(requests=2, queries=10, hits=10))
    metrics.observe(stats_of(requests=2, queries=10, hits=0))
    assert metrics.hit_rate == 0.5
    metrics.observe(stats_of(requests=1, queries=10, hits=0))
    assert metrics.hit_rate == 0.0
    metrics.observe(stats_of(requests=4, queries=10, hits=3))
    assert metrics.hit_rate == 0.3


def test_the_newest_counts_stay_however_many_requests_they_hold() -> None:
    metrics = CachingMetrics(max_recent_requests=2)
    metrics.observe(stats_of(requests=1, queries=10, hits=0))
    metrics.observe(stats_of(requests=50, queries=100, hits=70))
    assert metrics.hit_rate == 0.7


def test_counts_without_a_new_request_drop_nothing() -> None:
    metrics = CachingMetrics(max_recent_requests=1)
    metrics.observe(stats_of(requests=5, queries=10, hits=4))
    metrics.observe(PrefixCacheStats(preempted_requests=2, preempted_queries=9, preempted_hits=9))
    assert metrics.hit_rate == 0.4


@pytest.mark.parametrize("num_entries", [999, 1000, 1001, 1500])
def test_by_default_the_last_1000_requests_count(num_entries: int) -> None:
    metrics = CachingMetrics()
    for index in range(num_entries):
        metrics.observe(stats_of(requests=1, queries=1, hits=int(index >= num_entries - 500)))
    assert metrics.hit_rate == 500 / min(num_entries, 1000)
