"""A scheduler of small blocks and requests, and its steps."""

from collections.abc import Sequence
from typing import Any

from paged_sim import Request, Scheduler, SchedulerConfig, SchedulerStep

SAMPLED = 9


def scheduler_of(num_blocks: int = 11, **settings: Any) -> Scheduler:
    """Returns a scheduler of small blocks and requests."""
    defaults = {"block_size": 4, "max_num_seqs": 4, "max_num_batched_tokens": 64, "max_model_len": 40}
    return Scheduler(SchedulerConfig(**{"num_blocks": num_blocks} | defaults | settings))


def add(scheduler: Scheduler, request_id: str, prompt: int, max_tokens: int = 8, **fields: Any) -> Request:
    """Adds a request whose prompt has this length and shares nothing with those of other ids."""
    first = 1000 * ord(request_id)
    request = Request(request_id, range(first, first + prompt), max_tokens, **fields)
    scheduler.add_request(request)
    return request


def step(scheduler: Scheduler, sampled: int = SAMPLED) -> SchedulerStep:
    """Runs a step in which every request that has caught up samples the same token."""
    result = scheduler.schedule()
    requests = [scheduler.requests[request_id] for request_id in result.num_scheduled_tokens]
    caught_up = [request.request_id for request in requests if request.num_computed_tokens == request.num_tokens]
    scheduler.update(result, dict.fromkeys(caught_up, sampled))
    return result


def scheduled(scheduler: Scheduler, num_steps: int) -> list[dict[str, int]]:
    """Returns the scheduled tokens of the next steps."""
    return [step(scheduler).num_scheduled_tokens for _ in range(num_steps)]


def ids(requests: Sequence[Request]) -> list[str]:
    """Returns the ids of requests."""
    return [request.request_id for request in requests]


def two_that_outgrow_the_pool(**settings: Any) -> Scheduler:
    """Returns a scheduler whose four blocks are full of two requests that go on, after its first step."""
    scheduler = scheduler_of(num_blocks=5, max_model_len=16, **settings)
    add(scheduler, "a", prompt=8, max_tokens=3)
    add(scheduler, "b", prompt=8, max_tokens=3)
    assert step(scheduler).new_block_ids == {"a": [1, 2], "b": [3, 4]}
    return scheduler
