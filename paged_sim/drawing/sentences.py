"""What a step of the scheduler did, in short sentences."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from paged_sim.request import Request
from paged_sim.scheduler import Scheduler, SchedulerStep

_MOST_NAMES = 8


def step_sentences(
    scheduler: Scheduler, step: SchedulerStep, aborted: Sequence[str], evicted: Sequence[int], may_admit: bool
) -> Iterator[str]:
    """Says what happened from the end of the step before to the end of `schedule()`.

    Args:
        scheduler: right after it has scheduled the step.
        step: what it decided.
        aborted: requests that were aborted since the step before.
        evicted: blocks whose cached contents were forgotten, because the step handed them out.
        may_admit: whether the step looked at the waiting line at all; one that preempts does not.
    """
    if aborted:
        yield f"{listed(aborted)} {'is' if len(aborted) == 1 else 'are'} aborted."
    for request_id in step.preempted:
        yield f"{request_id} is preempted: it gives back all blocks and will be computed again."
    for request_id in step.num_scheduled_tokens:
        if request_id in step.admitted:
            yield _admission(scheduler, step, request_id)
    yield from _running(scheduler, step)
    if evicted:
        yield f"Evicted from the prefix cache, because new tokens need the room: {block_list(evicted)}."
    if scheduler.waiting:
        yield f"{scheduler.waiting.peek().request_id} waits: {_reason_to_wait(scheduler, step, may_admit)}."


def finish_sentence(finished: Sequence[str]) -> str:
    """Says that requests ended with the tokens of a step."""
    verb = "has" if len(finished) == 1 else "have"
    return f"{listed(finished)} {verb} all tokens: the blocks are free after this step."


def num_hit_blocks(scheduler: Scheduler, step: SchedulerStep, request_id: str) -> int:
    """Returns how many blocks a request that was admitted in this step found in the cache."""
    request = scheduler.requests[request_id]
    return (request.num_computed_tokens - step.num_scheduled_tokens[request_id]) // scheduler.config.block_size


def listed(names: Sequence[str]) -> str:
    """Returns "A", "A and B" or "A, B and C"; of many names the first ones and how many there are."""
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[:_MOST_NAMES])} … ({len(names)} requests)"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def block_list(block_ids: Sequence[int]) -> str:
    """Returns "block 1" or "blocks 1-3, 7"."""
    return f"block{'s' if len(block_ids) > 1 else ''} {id_ranges(block_ids)}"


def id_ranges(block_ids: Iterable[int]) -> str:
    """Returns ids in their order, three or more neighbours as a range: "1-3, 7"."""
    neighbours = groupby(enumerate(block_ids), key=lambda pair: pair[1] - pair[0])
    runs = [[block_id for _, block_id in run] for _, run in neighbours]
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def _admission(scheduler: Scheduler, step: SchedulerStep, request_id: str) -> str:
    num_hits = num_hit_blocks(scheduler, step, request_id)
    table, num_tokens = step.new_block_ids[request_id], step.num_scheduled_tokens[request_id]
    num_hit_tokens = num_hits * scheduler.config.block_size
    hit = f"{block_list(table[:num_hits])} hit ({num_hit_tokens} tokens), " if num_hits else ""
    new = f"computed in new {block_list(table[num_hits:])}" if table[num_hits:] else "computed"
    return f"{request_id} is admitted: {hit}{_tokens(num_tokens)} {new}{_left(scheduler.requests[request_id])}."


def _running(scheduler: Scheduler, step: SchedulerStep) -> Iterator[str]:
    unremarkable = []
    for request_id, num_tokens in step.num_scheduled_tokens.items():
        new = step.new_block_ids[request_id]
        if request_id in step.admitted:
            continue
        if num_tokens == 1 and not new:
            unremarkable.append(request_id)
            continue
        place = f"in new {block_list(new)}" if new else "in the blocks that it has"
        yield f"{request_id} computes {_tokens(num_tokens)} {place}{_left(scheduler.requests[request_id])}."
    if len(unremarkable) == 1:
        yield f"{unremarkable[0]} computes 1 token in the blocks that it has."
    elif unremarkable:
        yield f"{listed(unremarkable)} compute 1 token each in the blocks that they have."


def _reason_to_wait(scheduler: Scheduler, step: SchedulerStep, may_admit: bool) -> str:
    config, manager, request = scheduler.config, scheduler.manager, scheduler.waiting.peek()
    if not may_admit:
        return "a step that preempts admits nobody"
    if len(scheduler.running) == config.max_num_seqs:
        return f"{config.max_num_seqs} requests run, which is max_num_seqs"
    if step.total_num_scheduled_tokens == config.max_num_batched_tokens:
        return f"the token budget of {config.max_num_batched_tokens} is used up"
    hit_blocks, num_hit_tokens = manager.get_computed_blocks(request)
    budget = config.max_num_batched_tokens - step.total_num_scheduled_tokens
    num_tokens = min(request.num_tokens - num_hit_tokens, scheduler.longest_chunk or request.num_tokens)
    if not config.enable_chunked_prefill and num_tokens > budget:
        return f"it computes {_tokens(num_tokens)} at once, and the token budget has {budget} left"
    needed, free = manager.num_blocks_needed(request, request.num_tokens, hit_blocks), manager.pool.num_free_blocks
    reserve = manager.watermark_blocks if scheduler.running else 0
    kept = f", {reserve} of which stay free (watermark)" if reserve else ""
    return f"it needs {needed} free {'blocks' if needed > 1 else 'block'}, there {_are(free)}{kept}"


def _left(request: Request) -> str:
    left = request.num_tokens - request.num_computed_tokens
    return f", {_tokens(left)} left for later steps" if left else ""


def _tokens(number: int) -> str:
    return f"{number} token{'s' if number > 1 else ''}"


def _are(number: int) -> str:
    return f"is {number}" if number == 1 else f"are {number}"
