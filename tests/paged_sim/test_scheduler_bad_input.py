"""What the scheduler refuses changes nothing, and the error names the field, the rule and the value."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from paged_sim import Request, Scheduler, SchedulerStep
from tests.paged_sim.core_state import scheduler_state
from tests.paged_sim.scheduler_steps import SAMPLED, add, scheduler_of, step


def busy_scheduler() -> Scheduler:
    """Returns a scheduler with a request that runs and one that waits."""
    scheduler = scheduler_of(num_blocks=6, max_num_seqs=1, max_model_len=30)
    add(scheduler, "r", prompt=6)
    add(scheduler, "w", prompt=6)
    step(scheduler)
    return scheduler


def finished_request() -> Request:
    """Returns a request that has run."""
    scheduler = scheduler_of()
    request = add(scheduler, "f", prompt=3, max_tokens=1)
    step(scheduler)
    return request


REFUSED: dict[str, tuple[Callable[[Scheduler], Any], str]] = {
    "the id of a running request": (
        lambda scheduler: add(scheduler, "r", prompt=3),
        "request_id must be unused among unfinished requests, got 'r'",
    ),
    "the id of a waiting request": (
        lambda scheduler: add(scheduler, "w", prompt=3),
        "request_id must be unused among unfinished requests, got 'w'",
    ),
    "a request that has run": (
        lambda scheduler: scheduler.add_request(finished_request()),
        "request must be a new one, got Request('f', finished_length_capped, prompt 3, output 1, computed 3)",
    ),
    "a prompt that leaves no room for an answer": (
        lambda scheduler: add(scheduler, "n", prompt=30, max_tokens=1),
        "prompt_token_ids must be shorter than max_model_len (30 tokens), got 30",
    ),
    "a prompt that the KV cache can never hold": (
        lambda scheduler: add(scheduler, "n", prompt=21, max_tokens=1),
        "prompt and max_tokens - 1 must be small enough for the KV cache of 20 tokens, "
        "or the request would wait for ever, got 21",
    ),
    "an answer that the KV cache can never hold": (
        lambda scheduler: add(scheduler, "n", prompt=10, max_tokens=12),
        "prompt and max_tokens - 1 must be small enough for the KV cache of 20 tokens, "
        "or the request would wait for ever, got 21",
    ),
    "aborting an unknown request": (
        lambda scheduler: scheduler.abort("n"),
        "request_id must be that of an unfinished request, got 'n'",
    ),
    "aborting nobody": (
        lambda scheduler: scheduler.abort(None),
        "request_id must be that of an unfinished request, got None",
    ),
    "updating with a step of one's own": (
        lambda scheduler: scheduler.update(SchedulerStep({"r": 1}), {"r": SAMPLED}),
        "step must be one of schedule() that was not taken in yet, got SchedulerStep(num_scheduled_tokens={'r': 1}",
    ),
    "updating with no step": (
        lambda scheduler: scheduler.update(None, {}),
        "step must be one of schedule() that was not taken in yet, got None",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_changes_nothing(name: str) -> None:
    call, text = REFUSED[name]
    scheduler = busy_scheduler()
    before = scheduler_state(scheduler)
    with pytest.raises(ValueError, match=re.escape(text)):
        call(scheduler)
    assert scheduler_state(scheduler) == before


@pytest.mark.parametrize(
    ("sampled", "text"),
    [
        ({}, "sampled must be a token for request 'r' too, got {}"),
        ({"w": SAMPLED}, "sampled must be of requests of this step, got 'w'"),
        ({"r": SAMPLED, "n": SAMPLED}, "sampled must be of requests of this step, got 'n'"),
    ],
    ids=str,
)
def test_an_update_with_the_wrong_requests_changes_nothing(sampled: dict[str, int], text: str) -> None:
    scheduler = busy_scheduler()
    result = scheduler.schedule()
    before = scheduler_state(scheduler)
    with pytest.raises(ValueError, match=re.escape(text)):
        scheduler.update(result, sampled)
    assert scheduler_state(scheduler) == before
    scheduler.update(result, {"r": SAMPLED})


def test_a_step_is_taken_in_once() -> None:
    scheduler = busy_scheduler()
    result = step(scheduler)
    before = scheduler_state(scheduler)
    with pytest.raises(ValueError, match="step must be one of schedule\\(\\) that was not taken in yet"):
        scheduler.update(result, {"r": SAMPLED})
    assert scheduler_state(scheduler) == before


def test_a_request_is_aborted_once() -> None:
    scheduler = busy_scheduler()
    scheduler.abort("r")
    before = scheduler_state(scheduler)
    with pytest.raises(ValueError, match="request_id must be that of an unfinished request, got 'r'"):
        scheduler.abort("r")
    assert scheduler_state(scheduler) == before


def test_what_the_kv_cache_can_just_hold_runs_to_its_end() -> None:
    scheduler = scheduler_of(num_blocks=6, max_model_len=30)
    request = add(scheduler, "n", prompt=10, max_tokens=11)
    while scheduler.has_unfinished_requests:
        step(scheduler)
    assert (request.num_output_tokens, request.num_preemptions) == (11, 0)
