"""Random calls of a KV cache manager and its pool, in an order that no scheduler would choose.

A scheduler never lets a request grow past its tokens, adopts no prefix without computing anything, looks only at
requests that wait, and frees blocks in the order of a table only. The manager and the pool have rules for all of it.
"""

import random
from collections.abc import Callable, Iterator
from typing import Any

from tests.differential.manager_side import ManagerSide
from tests.differential.scenario import RequestSpec, scenario

NUM_CALLS = 100


def run_manager(side: ManagerSide, seed: int) -> Iterator[dict[str, Any]]:
    """Yields what each call returned, and the whole state after it."""
    rng = random.Random(f"manager/{seed}")
    specs = _requests(seed)
    for step in range(NUM_CALLS):
        if specs and rng.random() < 0.3:
            side.add(specs.pop(0))
        call = rng.choices([*CALLS], [*CALLS.values()])[0]
        yield {"step": step, "call": call.__name__, "result": call(side, rng), **side.state()}


def manager_settings(seed: int) -> dict[str, Any]:
    """Returns the arguments of the simulator's KVCacheManager."""
    names = ("num_blocks", "block_size", "enable_caching", "max_model_len", "watermark")
    return {name: scenario(seed).settings[name] for name in names}


def _requests(seed: int) -> list[RequestSpec]:
    events = [event for events in scenario(seed).events.values() for event in events]
    return [argument for action, argument in events if action == "add"]


def admit(side: ManagerSide, rng: random.Random) -> Any:
    waiting = side.with_status("WAITING", "PREEMPTED")
    if not waiting:
        return None
    request_id = rng.choice(waiting)
    _, num_hits = side.lookup(request_id)
    num_tokens = _some_tokens(rng, side.requests[request_id].num_tokens - num_hits)
    return request_id, num_tokens, side.admit(request_id, num_tokens, **_some_flags(rng))


def grow(side: ManagerSide, rng: random.Random) -> Any:
    running = side.with_status("RUNNING")
    if not running:
        return None
    request_id = rng.choice(running)
    request, spec = side.requests[request_id], side.specs[request_id]
    room = side.manager.max_model_len - request.num_tokens
    if request.num_computed_tokens == request.num_tokens:
        for _ in range(min(room, rng.randint(1, 4))):
            request.append_output_token_ids(spec.sampled(request.num_tokens))
    num_tokens = _some_tokens(rng, request.num_tokens - request.num_computed_tokens)
    return request_id, num_tokens, side.grow(request_id, num_tokens, **_some_flags(rng))


def free(side: ManagerSide, rng: random.Random) -> None:
    if running := side.with_status("RUNNING"):
        side.free(rng.choice(running))


def preempt(side: ManagerSide, rng: random.Random) -> None:
    if running := side.with_status("RUNNING"):
        side.preempt(rng.choice(running))


def evict(side: ManagerSide, rng: random.Random) -> None:
    side.pool.evict_blocks(set(_some_blocks(side, rng)))


def reset(side: ManagerSide, rng: random.Random) -> bool:
    if rng.random() < 0.5:
        for request_id in side.with_status("RUNNING"):
            side.preempt(request_id)
        side.give_back(list(side.held))
    return side.manager.reset_prefix_cache()


def stats(side: ManagerSide, rng: random.Random) -> tuple[int, ...]:
    counts = side.manager.make_prefix_cache_stats()
    preempted = (counts.preempted_requests, counts.preempted_queries, counts.preempted_hits)
    return counts.requests, counts.queries, counts.hits, *preempted


def take(side: ManagerSide, rng: random.Random) -> Any:
    num_free = len(side.free_block_ids())
    return side.take(rng.choice([0, 1, 2, 3, num_free, num_free + 1]))


def touch(side: ManagerSide, rng: random.Random) -> None:
    side.touch(_some_blocks(side, rng))


def give_back(side: ManagerSide, rng: random.Random) -> None:
    side.give_back(rng.sample(side.held, rng.randint(0, len(side.held))))


# How often each is called, relative to the others.
CALLS: dict[Callable[[ManagerSide, random.Random], Any], int] = {
    admit: 8,
    grow: 10,
    free: 3,
    preempt: 2,
    evict: 1,
    reset: 1,
    stats: 1,
    take: 2,
    touch: 2,
    give_back: 4,
}


def _some_tokens(rng: random.Random, left: int) -> int:
    return rng.choice([left, left, rng.randint(0, left), left + rng.randint(0, 6)])


def _some_flags(rng: random.Random) -> dict[str, bool]:
    return {"full_sequence_must_fit": rng.random() < 0.4, "has_scheduled_reqs": rng.random() < 0.6}


def _some_blocks(side: ManagerSide, rng: random.Random) -> list[int]:
    usable = range(1, len(side.pool.blocks))
    return rng.sample(usable, min(len(usable), rng.randint(1, 3)))
