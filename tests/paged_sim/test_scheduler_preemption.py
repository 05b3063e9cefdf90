"""The rules of preemption: who makes room, what becomes of it, and who profits from it."""

from typing import Any

from paged_sim import RequestStatus, Scheduler
from tests.paged_sim.scheduler_steps import add, ids, scheduled, scheduler_of, step, two_that_outgrow_the_pool

# Preemption, first come, first served.


def test_the_request_admitted_last_is_preempted() -> None:
    scheduler = two_that_outgrow_the_pool()
    request = scheduler.requests["b"]
    result = step(scheduler)
    assert (result.num_scheduled_tokens, result.preempted) == ({"a": 1}, ["b"])
    assert result.new_block_ids == {"a": [4]}
    assert (request.status, request.num_computed_tokens) == (RequestStatus.PREEMPTED, 0)
    assert (request.num_preemptions, request.num_output_tokens) == (1, 1)
    assert (ids(scheduler.running), ids(list(scheduler.waiting))) == (["a"], ["b"])
    assert scheduler.manager.block_ids("b") == []


def test_a_preempted_request_goes_before_all_that_wait() -> None:
    scheduler = two_that_outgrow_the_pool(max_num_seqs=2)
    add(scheduler, "c", prompt=1)
    step(scheduler)
    assert ids(list(scheduler.waiting)) == ["b", "c"]


def test_a_resumed_request_hits_what_is_left_of_its_blocks_and_reports_its_whole_table() -> None:
    scheduler = two_that_outgrow_the_pool()
    step(scheduler)
    # Block 4 went to a; block 3 still holds the start of b.
    assert scheduled(scheduler, 1) == [{"a": 1}]
    result = step(scheduler)
    assert (result.admitted, result.num_scheduled_tokens) == (["b"], {"b": 5})
    assert result.new_block_ids == {"b": [3, 4, 2]}
    assert scheduler.requests["b"].status is RequestStatus.RUNNING


def test_several_victims_keep_their_order() -> None:
    scheduler = scheduler_of(num_blocks=5, max_model_len=16, enable_caching=False)
    add(scheduler, "a", prompt=8, max_tokens=3)
    add(scheduler, "b", prompt=4, max_tokens=3)
    add(scheduler, "c", prompt=4, max_tokens=3)
    step(scheduler)
    result = step(scheduler)
    # a takes the block of c, then b finds none but its own.
    assert (result.num_scheduled_tokens, result.preempted) == ({"a": 1}, ["c", "b"])
    assert ids(list(scheduler.waiting)) == ["b", "c"]


def test_nothing_is_admitted_in_a_step_with_a_preemption() -> None:
    settings = {"long_prefill_token_threshold": 4, "scheduler_reserve_full_isl": False, "enable_caching": False}
    scheduler = scheduler_of(num_blocks=5, max_model_len=16, **settings)
    add(scheduler, "a", prompt=8)
    add(scheduler, "b", prompt=8)
    assert scheduled(scheduler, 2) == [{"a": 4, "b": 4}, {"a": 4, "b": 4}]
    # b leaves two blocks, of which a takes one. The other would do for the first chunk of b, but in the next step only.
    result = step(scheduler)
    assert (result.num_scheduled_tokens, result.preempted, result.admitted) == ({"a": 1}, ["b"], [])
    assert scheduled(scheduler, 1) == [{"a": 1, "b": 4}]


def test_a_request_may_preempt_itself() -> None:
    scheduler = scheduler_of(num_blocks=4, max_model_len=12)
    add(scheduler, "a", prompt=5, max_tokens=3)
    add(scheduler, "b", prompt=4, max_tokens=3)
    step(scheduler)
    result = step(scheduler)
    assert (result.num_scheduled_tokens, result.preempted) == ({"a": 1}, ["b"])
    assert scheduler.manager.pool.free_block_ids() == [3]


# Preemption by priority.


def by_priority(**settings: Any) -> Scheduler:
    """Returns a scheduler of the priority policy."""
    return scheduler_of(policy="priority", **settings)


def test_the_least_important_request_is_preempted() -> None:
    scheduler = by_priority(num_blocks=5, max_model_len=16)
    add(scheduler, "a", prompt=8, max_tokens=3, priority=2)
    step(scheduler)
    add(scheduler, "b", prompt=4, max_tokens=5, priority=0)
    result = step(scheduler)
    assert result.new_block_ids == {"a": [3], "b": [4]}
    # b has filled its block: it takes one of a, which is scheduled in this step already and leaves it again.
    result = step(scheduler)
    assert (result.num_scheduled_tokens, result.preempted) == ({"b": 1}, ["a"])
    assert result.new_block_ids == {"b": [3]}


def test_of_equally_important_requests_the_one_that_arrived_last_is_preempted() -> None:
    scheduler = by_priority(num_blocks=5, max_model_len=16)
    add(scheduler, "a", prompt=8, arrival_time=5.0)
    step(scheduler)
    add(scheduler, "b", prompt=4, arrival_time=1.0)
    step(scheduler)
    assert step(scheduler).preempted == ["a"]


def test_of_requests_of_equal_priority_and_arrival_the_one_admitted_first_is_preempted() -> None:
    scheduler = by_priority(num_blocks=5, max_model_len=16)
    add(scheduler, "a", prompt=8)
    step(scheduler)
    add(scheduler, "b", prompt=4)
    step(scheduler)
    assert step(scheduler).preempted == ["a"]


def test_a_request_that_preempts_itself_ends_the_pass_over_the_running_ones() -> None:
    scheduler = by_priority(num_blocks=4, max_model_len=12)
    add(scheduler, "b", prompt=4, priority=2)
    step(scheduler)
    add(scheduler, "c", prompt=1, priority=1)
    assert scheduled(scheduler, 4) == [{"b": 1, "c": 1}] * 4
    # b needs its third block and c its second, and all three are taken. b, less important, gives up its own; the
    # blocks are free now, but c is not looked at any more in this step.
    result = step(scheduler)
    assert (result.num_scheduled_tokens, result.preempted) == ({}, ["b"])
    assert scheduled(scheduler, 1) == [{"c": 1}]


def test_what_a_victim_gives_back_helps_later_requests_only() -> None:
    settings = {"max_num_batched_tokens": 5, "max_model_len": 28, "long_prefill_token_threshold": 3}
    scheduler = by_priority(num_blocks=8, **settings)
    add(scheduler, "v", prompt=20, priority=2)
    assert scheduled(scheduler, 1) == [{"v": 5}]
    add(scheduler, "c", prompt=1, priority=0)
    add(scheduler, "d", prompt=12, priority=1)
    assert scheduled(scheduler, 4) == [{"v": 3, "c": 1, "d": 1}] * 4
    # c preempts v for its second block. The three tokens of v go back: d gets three instead of one.
    result = step(scheduler)
    assert (result.num_scheduled_tokens, result.preempted) == ({"c": 1, "d": 3}, ["v"])


def test_what_a_victim_gives_back_does_not_help_the_current_request() -> None:
    settings = {"max_num_batched_tokens": 4, "max_model_len": 24, "long_prefill_token_threshold": 3}
    scheduler = by_priority(num_blocks=7, **settings)
    add(scheduler, "v", prompt=20, max_tokens=2, priority=2)
    assert scheduled(scheduler, 1) == [{"v": 4}]
    add(scheduler, "c", prompt=12, priority=0)
    assert scheduled(scheduler, 4) == [{"v": 3, "c": 1}] * 4
    result = step(scheduler)
    assert (result.num_scheduled_tokens, result.preempted) == ({"c": 1}, ["v"])


def test_priority_decides_who_waits_first_and_ties_go_by_arrival_then_id() -> None:
    scheduler = by_priority()
    add(scheduler, "d", prompt=1, priority=1)
    add(scheduler, "b", prompt=1, arrival_time=2.0)
    add(scheduler, "c", prompt=1, arrival_time=1.0)
    add(scheduler, "a", prompt=1, arrival_time=2.0)
    assert ids(list(scheduler.waiting)) == ["c", "a", "b", "d"]
    assert step(scheduler).admitted == ["c", "a", "b", "d"]


def test_priority_preempts_nobody_to_admit_somebody() -> None:
    scheduler = by_priority(num_blocks=4, max_model_len=12)
    add(scheduler, "a", prompt=10, max_tokens=2, priority=5)
    step(scheduler)
    add(scheduler, "b", prompt=1, max_tokens=2, priority=0)
    assert scheduled(scheduler, 2) == [{"a": 1}, {"b": 1}]


def test_a_preempted_request_waits_at_the_place_of_its_priority() -> None:
    scheduler = by_priority(num_blocks=5, max_model_len=16, max_num_seqs=2)
    add(scheduler, "a", prompt=8, priority=2)
    step(scheduler)
    add(scheduler, "b", prompt=4, priority=0)
    step(scheduler)
    add(scheduler, "c", prompt=4, priority=1)
    assert step(scheduler).preempted == ["a"]
    assert ids(list(scheduler.waiting)) == ["c", "a"]
