"""Input that once slipped through: refused with a clear error, and nothing has changed."""

import re
from typing import Any

import pytest

from paged_sim import BlockPool, CachingMetrics, KVCacheManager, PrefixCacheStats, Request, Scheduler, SchedulerConfig
from tests.paged_sim.core_state import manager_state, pool_state, scheduler_state


def refused(text: str) -> pytest.RaisesExc[ValueError]:
    """Requires a ValueError with exactly this text."""
    return pytest.raises(ValueError, match=f"^{re.escape(text)}$")


def scheduler_with(*prompts: int, **settings: Any) -> Scheduler:
    scheduler = Scheduler(SchedulerConfig(**{"num_blocks": 20, "block_size": 4} | settings))
    for index, prompt in enumerate(prompts):
        first = 1000 * index
        scheduler.add_request(Request("abc"[index], range(first, first + prompt), max_tokens=5))
    return scheduler


@pytest.mark.parametrize("token", [-1, 2**32, None, "x", 1.5, [1, 2], [], True])
def test_update_with_what_is_no_token_changes_nothing(token: Any) -> None:
    scheduler = scheduler_with(3, 3)
    step = scheduler.schedule()
    before = scheduler_state(scheduler)
    with refused(f"sampled must be numbers in [0, 2**32), got {token!r}"):
        scheduler.update(step, {"a": 7, "b": token})
    assert scheduler_state(scheduler) == before
    scheduler.update(step, {"a": 7, "b": 8})


def test_a_step_is_scheduled_before_the_last_was_taken_in() -> None:
    scheduler = scheduler_with(6, max_num_batched_tokens=4, max_num_seqs=4)
    first = scheduler.schedule()

    second = scheduler.schedule()
    scheduler.update(first, {})
    assert second.sampling == ["a"]
    scheduler.update(second, {"a": 7})
    assert scheduler.requests["a"].output_token_ids == [7]


def test_cache_full_blocks_with_fewer_hashes_changes_nothing() -> None:
    pool = BlockPool(6)
    blocks = pool.get_new_blocks(2)
    before = pool_state(pool)
    with refused("hashes must be as many as the 2 blocks, got 1"):
        pool.cache_full_blocks(blocks, [b"x"])
    assert pool_state(pool) == before


def test_cache_full_blocks_with_a_block_twice_is_refused() -> None:
    pool = BlockPool(6)
    block = pool.get_new_blocks(1)[0]
    with refused("blocks must be different ones, got [1, 1]"):
        pool.cache_full_blocks([block, block], [b"x", b"y"])
    pool.free_blocks([block])
    pool.get_new_blocks(5)
    assert pool.cached_block(b"x") is None


def test_the_null_block_is_never_cached() -> None:
    pool = BlockPool(6)
    with refused("blocks must be without cached contents, and not the null block, got 0"):
        pool.cache_full_blocks([pool.null_block], [b"x"])
    assert pool.cached_block_ids() == []


def test_a_pool_with_caching_off_caches_nothing_and_is_a_stack() -> None:
    pool = BlockPool(4, enable_caching=False)
    blocks = pool.get_new_blocks(1)
    with refused("enable_caching must be True for blocks to be cached, got False"):
        pool.cache_full_blocks(blocks, [b"x"])
    pool.free_blocks(blocks)
    assert pool.free_block_ids() == [1, 2, 3]


@pytest.mark.parametrize("method", ["free_blocks", "touch"])
def test_blocks_of_another_pool_are_refused(method: str) -> None:
    pool, other = BlockPool(6), BlockPool(6)
    blocks = other.get_new_blocks(1) if method == "free_blocks" else other.blocks[1:2]
    before = pool_state(pool)
    with refused(f"blocks must be blocks of this pool, got {blocks[0]!r}"):
        getattr(pool, method)(blocks)
    assert pool_state(pool) == before


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: BlockPool(6).evict_blocks(["1"]), "block_ids must be in [0, 6), got '1'"),
        (lambda: BlockPool(6).evict_blocks([1.5]), "block_ids must be in [0, 6), got 1.5"),
        (lambda: BlockPool(6).evict_blocks([None]), "block_ids must be in [0, 6), got None"),
        (lambda: BlockPool(6).evict_blocks([True]), "block_ids must be in [0, 6), got True"),
        (lambda: BlockPool(6).free_blocks([1]), "blocks must be blocks of this pool, got 1"),
        (lambda: BlockPool(6).touch([1]), "blocks must be blocks of this pool, got 1"),
        (lambda: Request("a", None, 1), "prompt_token_ids must be at least one token, got None"),
        (lambda: Request("a", 5, 1), "prompt_token_ids must be at least one token, got 5"),
        (lambda: Request("a", [True], 1), "prompt_token_ids must be numbers in [0, 2**32), got True"),
        (lambda: Request("a", [1], 1, eos_token_id="x"), "eos_token_id must be numbers in [0, 2**32), got 'x'"),
        (lambda: Request("a", [1], 1, eos_token_id=-4), "eos_token_id must be numbers in [0, 2**32), got -4"),
        (lambda: Request("a", [1], 1, lora_name=5), "lora_name must be a text, or None, got 5"),
        (lambda: Request("a", [1], 1, cache_salt=b"x"), "cache_salt must be a text, or None, got b'x'"),
        (
            lambda: Request("a", [1], 1, skip_reading_prefix_cache="no"),
            "skip_reading_prefix_cache must be True or False, got 'no'",
        ),
        (
            lambda: Request("a", [1], 1).append_output_token_ids(None),
            "token_ids must be numbers in [0, 2**32), got None",
        ),
        (
            lambda: Request("a", [1], 1).append_output_token_ids(True),
            "token_ids must be numbers in [0, 2**32), got True",
        ),
        (lambda: Request("a", [1], 1).block_hashes(0), "block_size must be an integer of at least 1, got 0"),
        (lambda: Request("a", [1], 1).block_hashes(-1), "block_size must be an integer of at least 1, got -1"),
        (lambda: KVCacheManager(4, enable_caching="no"), "enable_caching must be True or False, got 'no'"),
        (
            lambda: SchedulerConfig(num_blocks=4, scheduler_reserve_full_isl=3),
            "scheduler_reserve_full_isl must be True or False, got 3",
        ),
        (lambda: Scheduler(None), "config must be a SchedulerConfig, got None"),
        (lambda: scheduler_with().add_request(None), "request must be a new one, got None"),
        (lambda: scheduler_with().abort(["a"]), "request_id must be that of an unfinished request, got ['a']"),
        (lambda: CachingMetrics(0), "max_recent_requests must be an integer of at least 1, got 0"),
        (lambda: CachingMetrics("x"), "max_recent_requests must be an integer of at least 1, got 'x'"),
        (lambda: PrefixCacheStats().record(-1, 5, False), "num_tokens must be an integer of at least 0, got -1"),
    ],
)
def test_bad_input_is_a_value_error_that_names_field_rule_and_value(call: Any, text: str) -> None:
    with refused(text):
        call()


def test_a_request_longer_than_max_model_len() -> None:
    manager = KVCacheManager(10, 2, max_model_len=4)
    request = Request("r", range(8), 4)
    blocks = manager.allocate_slots(request, 8)
    assert [block.block_id for block in blocks] == [1, 2]
    assert manager.pool.cached_block_ids() == [1, 2]


def test_hit_blocks_for_a_request_that_holds_blocks_change_nothing() -> None:
    manager = KVCacheManager(10, 2)
    manager.allocate_slots(Request("a", range(4), 4), 4)
    request = Request("b", range(6), 4)
    blocks, num_hits = manager.get_computed_blocks(request)
    manager.allocate_slots(request, 2)
    before = manager_state(manager, "a", "b")
    with refused("new_computed_blocks must be given to a request without blocks only, got [1, 2]"):
        manager.allocate_slots(request, 2, num_hits, blocks)
    assert manager_state(manager, "a", "b") == before


def test_hit_blocks_that_were_evicted_since_the_lookup_are_refused() -> None:
    manager = KVCacheManager(4, 2)
    first = Request("a", range(4), 4)
    manager.allocate_slots(first, 4)
    manager.free(first)
    request = Request("b", range(5), 4)
    blocks, num_hits = manager.get_computed_blocks(request)
    other = Request("c", range(50, 56), 4)
    manager.allocate_slots(other, 6)
    manager.free(other)
    before = manager_state(manager, "b")
    with refused("new_computed_blocks must be blocks that hold the first tokens of the request, got [1, 2]"):
        manager.allocate_slots(request, 1, num_hits, blocks)
    assert manager_state(manager, "b") == before


def test_the_error_for_hit_tokens_names_the_tokens() -> None:
    manager = KVCacheManager(10, 2)
    with refused("num_new_computed_tokens must be 4, the tokens of 2 hit blocks, got 2"):
        manager.allocate_slots(Request("z", [1, 2, 3, 4, 5], 3), 1, 2, manager.pool.blocks[1:3])


def test_a_request_with_computed_tokens_is_no_new_one() -> None:
    scheduler = scheduler_with()
    request = Request("a", range(8), 4)
    request.num_computed_tokens = 4
    with refused("request must be a new one, got Request('a', waiting, prompt 8, output 0, computed 4)"):
        scheduler.add_request(request)


def test_a_reset_of_the_cache_resets_the_recent_hit_rate() -> None:
    metrics = CachingMetrics()
    manager = KVCacheManager(10, 2)
    metrics.observe(PrefixCacheStats(requests=1, queries=10, hits=10))
    manager.reset_prefix_cache()
    metrics.observe(manager.make_prefix_cache_stats())
    assert metrics.hit_rate == 0.0


def test_the_watermark_has_one_range() -> None:
    with refused("watermark must be below 1, got 1.0"):
        KVCacheManager(10, watermark=1.0)


def test_the_budget_error_names_the_other_field() -> None:
    with refused("max_num_batched_tokens must be at least max_num_seqs (128), got 100"):
        SchedulerConfig(num_blocks=4, max_num_batched_tokens=100)
