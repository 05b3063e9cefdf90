"""The rules of what ends a request, or everything at once: length, end-of-sequence token, abort, reset."""

from typing import Any

import pytest

from paged_sim import RequestStatus
from tests.paged_sim.core_state import scheduler_state
from tests.paged_sim.scheduler_steps import SAMPLED, add, ids, scheduled, scheduler_of, step, two_that_outgrow_the_pool

# The end of a request.


@pytest.mark.parametrize(
    ("fields", "status", "num_output_tokens"),
    [
        ({"max_tokens": 3}, RequestStatus.FINISHED_LENGTH_CAPPED, 3),
        ({"max_tokens": 100}, RequestStatus.FINISHED_LENGTH_CAPPED, 10),
        ({"max_tokens": 3, "eos_token_id": SAMPLED}, RequestStatus.FINISHED_STOPPED, 1),
        ({"max_tokens": 1, "eos_token_id": SAMPLED}, RequestStatus.FINISHED_STOPPED, 1),
        ({"max_tokens": 3, "eos_token_id": SAMPLED + 1}, RequestStatus.FINISHED_LENGTH_CAPPED, 3),
    ],
    ids=str,
)
def test_a_request_ends_by_its_own_token_or_by_length(
    fields: dict[str, Any], status: RequestStatus, num_output_tokens: int
) -> None:
    scheduler = scheduler_of(max_model_len=16)
    request = add(scheduler, "a", prompt=6, **fields)
    while scheduler.has_unfinished_requests:
        step(scheduler)
    assert (request.status, request.num_output_tokens) == (status, num_output_tokens)


def test_a_finished_request_is_freed_at_once_and_reported_with_the_next_step() -> None:
    scheduler = scheduler_of()
    add(scheduler, "a", prompt=6, max_tokens=1)
    add(scheduler, "b", prompt=6, max_tokens=2)
    result = scheduler.schedule()
    assert scheduler.update(result, {"a": SAMPLED, "b": SAMPLED}) == ["a"]
    assert (scheduler.manager.block_ids("a"), scheduler.manager.pool.num_free_blocks) == ([], 8)
    assert (list(scheduler.requests), ids(scheduler.running)) == (["b"], ["b"])
    assert (result.finished, step(scheduler).finished, step(scheduler).finished) == ([], ["a"], ["b"])
    assert not scheduler.has_unfinished_requests


def test_requests_finish_in_the_order_in_which_they_were_scheduled() -> None:
    scheduler = scheduler_of(enable_caching=False)
    add(scheduler, "b", prompt=4, max_tokens=1)
    add(scheduler, "a", prompt=4, max_tokens=1)
    result = scheduler.schedule()
    assert scheduler.update(result, {"a": SAMPLED, "b": SAMPLED}) == ["b", "a"]
    # a was freed last, so its block is on top of the stack.
    assert scheduler.manager.pool.free_block_ids()[:3] == [2, 1, 3]


@pytest.mark.parametrize(("prompt", "answer", "cached"), [(6, 2, 1), (6, 3, 2), (8, 1, 2), (3, 1, 0), (7, 6, 3)])
def test_the_last_sampled_token_is_never_cached(prompt: int, answer: int, cached: int) -> None:
    scheduler = scheduler_of()
    add(scheduler, "a", prompt=prompt, max_tokens=answer)
    while scheduler.has_unfinished_requests:
        step(scheduler)
    assert len(scheduler.manager.pool.cached_block_ids()) == cached == (prompt + answer - 1) // 4


def test_a_finished_id_can_be_used_again() -> None:
    scheduler = scheduler_of()
    add(scheduler, "a", prompt=6, max_tokens=1)
    step(scheduler)
    add(scheduler, "a", prompt=6, max_tokens=1)
    assert scheduled(scheduler, 1) == [{"a": 2}]


# Aborts.


def test_a_running_request_can_be_aborted() -> None:
    scheduler = scheduler_of()
    request = add(scheduler, "a", prompt=6)
    step(scheduler)
    scheduler.abort("a")
    assert (request.status, scheduler.manager.usage) == (RequestStatus.FINISHED_ABORTED, 0.0)
    assert not scheduler.has_unfinished_requests
    assert step(scheduler).finished == ["a"]


def test_a_waiting_request_can_be_aborted() -> None:
    scheduler = scheduler_of(max_num_seqs=1)
    for request_id in "abc":
        add(scheduler, request_id, prompt=2, max_tokens=1)
    scheduler.abort("b")
    assert ids(list(scheduler.waiting)) == ["a", "c"]
    assert scheduled(scheduler, 2) == [{"a": 2}, {"c": 2}]


def test_a_preempted_request_can_be_aborted() -> None:
    scheduler = two_that_outgrow_the_pool()
    step(scheduler)
    scheduler.abort("b")
    assert ids(list(scheduler.waiting)) == []
    assert step(scheduler).finished == ["b"]


def test_a_request_can_be_aborted_while_its_step_runs() -> None:
    scheduler = scheduler_of()
    add(scheduler, "a", prompt=6)
    add(scheduler, "b", prompt=6)
    result = scheduler.schedule()
    scheduler.abort("a")
    assert scheduler.update(result, {"a": SAMPLED, "b": SAMPLED}) == []
    assert list(scheduler.requests) == ["b"]


# Resetting the prefix cache.


def test_a_reset_is_refused_while_requests_run() -> None:
    scheduler = scheduler_of()
    add(scheduler, "a", prompt=6)
    step(scheduler)
    before = scheduler_state(scheduler)
    assert not scheduler.reset_prefix_cache()
    assert scheduler_state(scheduler) == before


def test_a_reset_can_preempt_what_runs() -> None:
    scheduler = scheduler_of()
    for request_id in "abc":
        add(scheduler, request_id, prompt=4)
    step(scheduler)
    assert scheduler.reset_prefix_cache(reset_running_requests=True)
    assert (ids(scheduler.running), ids(list(scheduler.waiting))) == ([], ["a", "b", "c"])
    assert (scheduler.manager.pool.cached_block_ids(), scheduler.manager.usage) == ([], 0.0)
    # These preemptions were not for want of room: the next step reports them and admits all the same.
    result = step(scheduler)
    assert (result.preempted, result.admitted) == (["c", "b", "a"], ["a", "b", "c"])
    assert result.num_scheduled_tokens == {"a": 5, "b": 5, "c": 5}


def test_a_token_sampled_before_a_reset_is_dropped() -> None:
    scheduler = scheduler_of()
    request = add(scheduler, "a", prompt=4)
    result = scheduler.schedule()
    scheduler.reset_prefix_cache(reset_running_requests=True)
    assert scheduler.update(result, {"a": SAMPLED}) == []
    assert request.num_output_tokens == 0
