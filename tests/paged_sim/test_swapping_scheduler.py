"""Preemption by swapping: hand-made cases, random runs on real contents, the plain scheduler as a special case."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from paged_sim import Request, RequestStatus, Scheduler, SchedulerConfig, SchedulerStep
from paged_sim.paper.preemption_records import BlockMoves, PreemptionCounts
from paged_sim.paper.swapping_scheduler import SwappingScheduler
from tests.differential.lockstep import first_difference, run
from tests.differential.scenario import scenario
from tests.differential.simulator_side import SimulatorSide
from tests.paged_sim.checked_run import CheckedRun
from tests.paged_sim.core_state import pool_state, scheduler_state


def scheduler(num_cpu_blocks: int, **settings: int | bool | float) -> SwappingScheduler:
    config = {"num_blocks": 5, "block_size": 4, "max_num_seqs": 4, "max_model_len": 16, "enable_caching": False}
    return SwappingScheduler(SchedulerConfig(**config | settings), num_cpu_blocks)


def add(target: Scheduler, request_id: str, prompt: int, answer: int) -> None:
    target.add_request(Request(request_id, range(prompt), answer))


def step(target: SwappingScheduler, token: int = 7) -> SchedulerStep:
    decided = target.schedule()
    target.update(decided, dict.fromkeys(decided.num_scheduled_tokens, token))
    return decided


def finish(target: SwappingScheduler) -> None:
    for _ in range(100):
        step(target)
    assert not target.has_unfinished_requests
    assert target.manager.usage == target.manager.cpu_pool.usage == 0


def test_the_latest_request_is_swapped_out_and_comes_back_before_others() -> None:
    target = scheduler(num_cpu_blocks=4)
    for request_id in ("a", "b"):
        add(target, request_id, prompt=8, answer=3)
    assert step(target).new_block_ids == {"a": [1, 2], "b": [3, 4]}
    add(target, "c", prompt=1, answer=1)
    second = step(target)
    assert (second.preempted, second.new_block_ids) == (["b"], {"a": [4]})
    assert target.take_moves() == BlockMoves(swapped_out=[(3, 1), (4, 2)])
    assert [request.request_id for request in target.swapped] == ["b"]
    # There is a free block for c, but b, which needs three, has been preempted.
    third = step(target)
    assert (third.num_scheduled_tokens, third.admitted) == ({"a": 1}, [])
    fourth = step(target)
    assert fourth.admitted == ["b", "c"]
    assert fourth.num_scheduled_tokens == {"b": 1, "c": 1}
    moves = target.take_moves()
    assert [cpu_id for cpu_id, _ in moves.swapped_in] == [1, 2]
    assert fourth.new_block_ids["b"][:2] == [gpu_id for _, gpu_id in moves.swapped_in]
    assert len(fourth.new_block_ids["b"]) == 3
    finish(target)
    assert target.counts == PreemptionCounts(num_swaps_out=1, num_swaps_in=1, blocks_swapped_out=2, blocks_swapped_in=2)


def test_a_full_cpu_pool_falls_back_to_recomputation() -> None:
    target = scheduler(num_cpu_blocks=1)
    for request_id in ("a", "b"):
        add(target, request_id, prompt=8, answer=3)
    step(target)
    assert step(target).preempted == ["b"]
    assert not target.swapped
    assert [request.request_id for request in target.waiting] == ["b"]
    assert target.requests["b"].num_computed_tokens == 0
    finish(target)
    assert target.counts == PreemptionCounts(num_recomputations=1, recomputed_tokens=8)
    add(target, "b", prompt=8, answer=3)
    finish(target)
    assert target.counts.recomputed_tokens == 8


def test_a_group_goes_and_comes_back_as_a_whole() -> None:
    target = scheduler(num_cpu_blocks=8, num_blocks=6)
    add(target, "first", prompt=8, answer=6)
    add(target, "parent", prompt=4, answer=4)
    step(target)
    target.fork("parent", "child", token_id=8)
    assert [request.request_id for request in target.running] == ["first", "parent", "child"]
    step(target)
    # `first` has 3 blocks, the group 1 that it shares, and no more than one is left for the two.
    assert [request.request_id for request in target.swapped] == ["parent", "child"]
    assert target.take_moves().swapped_out == [(3, 1)]
    assert {target.requests[i].status for i in ("parent", "child")} == {RequestStatus.PREEMPTED}
    finish(target)
    assert target.counts.num_swaps_in == 2
    assert target.counts.blocks_swapped_in == 1
    assert target.counts.num_recomputations == 0


def test_children_continue_with_their_own_tokens() -> None:
    target = scheduler(num_cpu_blocks=0, num_blocks=9)
    add(target, "parent", prompt=6, answer=3)
    step(target, token=50)
    child = target.fork("parent", "child", token_id=60)
    assert child.all_token_ids == [*range(6), 60]
    assert (child.num_computed_tokens, child.status, child.max_tokens) == (6, RequestStatus.RUNNING, 2)
    assert step(target).num_scheduled_tokens == {"parent": 1, "child": 1}
    assert target.take_moves().copied == [(2, 3)]
    assert target.requests["parent"].all_token_ids == [*range(6), 50, 7]
    assert child.all_token_ids == [*range(6), 60, 7]
    step(target)
    assert not target.has_unfinished_requests


def test_a_group_that_has_outgrown_the_pool_is_computed_again_one_by_one() -> None:
    target = scheduler(num_cpu_blocks=20, num_blocks=5, block_size=2, max_model_len=8)
    add(target, "0", prompt=2, answer=6)
    step(target)
    for child_id in ("1", "2"):
        target.fork("0", child_id, token_id=9)
    step(target)
    step(target)
    # Each has the prompt's block and one of its own; now each needs another one.
    fourth = step(target)
    assert fourth.preempted == ["2", "1", "0"]
    assert len(target.swapped) == 3
    fifth = step(target)
    assert fifth.preempted == ["2", "1", "0"]
    assert not target.swapped
    assert fifth.admitted[0] == "0"
    assert target.manager.group(target.requests["0"]) == [target.requests["0"]]
    finish(target)
    assert target.counts.num_swaps_out == target.counts.num_recomputations == 3
    assert target.counts.num_swaps_in == 0


def test_a_return_leaves_the_watermark_free_while_others_run() -> None:
    # The watermark is 2 of 8 blocks.
    target = scheduler(num_cpu_blocks=4, num_blocks=8, watermark=0.25)
    add(target, "a", prompt=8, answer=4)
    add(target, "short", prompt=4, answer=2)
    add(target, "b", prompt=8, answer=2)
    step(target)
    assert step(target).preempted == ["b"]
    # `short` has ended: 4 blocks are free, and b needs 3.
    assert target.manager.pool.num_free_blocks == 4
    assert step(target).admitted == []
    assert step(target).finished == []
    fifth = step(target)
    assert (fifth.finished, fifth.admitted) == (["a"], ["b"])
    finish(target)


def test_a_return_respects_the_most_requests_that_may_run() -> None:
    target = scheduler(num_cpu_blocks=4, num_blocks=9, max_num_seqs=3, max_model_len=24)
    add(target, "a", prompt=2, answer=4)
    add(target, "large", prompt=20, answer=2)
    add(target, "b", prompt=8, answer=2)
    step(target)
    assert step(target).preempted == ["b"]
    # `large` has ended, so there is room for b, but not for a fourth request.
    for child_id in ("a1", "a2"):
        target.fork("a", child_id, token_id=9)
    third = step(target)
    assert third.num_scheduled_tokens == {"a": 1, "a1": 1, "a2": 1}
    assert target.manager.pool.num_free_blocks == 5
    target.abort("a2")
    assert step(target).admitted == ["b"]
    finish(target)


def test_swapped_requests_can_be_aborted() -> None:
    target = scheduler(num_cpu_blocks=4)
    for request_id in ("a", "b"):
        add(target, request_id, prompt=8, answer=3)
    step(target)
    step(target)
    target.abort("b")
    assert (list(target.swapped), target.manager.cpu_pool.num_free_blocks) == ([], 4)
    assert step(target).finished == ["b"]
    with pytest.raises(ValueError, match="request_id must be that of an unfinished request, got 'b'"):
        target.abort("b")
    add(target, "c", prompt=1, answer=9)
    finish(target)


def test_reset_makes_swapped_requests_compute_again() -> None:
    target = scheduler(num_cpu_blocks=4)
    for request_id in ("a", "b"):
        add(target, request_id, prompt=8, answer=3)
    step(target)
    step(target)
    assert not target.reset_prefix_cache()
    assert target.reset_prefix_cache(reset_running_requests=True)
    assert [request.request_id for request in target.waiting] == ["a", "b"]
    assert target.manager.cpu_pool.num_free_blocks == 4
    finish(target)


def state(target: SwappingScheduler) -> dict[str, Any]:
    """Returns all that can be seen of it."""
    return scheduler_state(target) | {
        "swapped": [request.request_id for request in target.swapped],
        "groups": [[member.request_id for member in target.manager.group(r)] for r in target.requests.values()],
        "cpu": pool_state(target.manager.cpu_pool),
    }


def refused(target: SwappingScheduler, text: str, call: Callable[..., Any], *arguments: Any) -> None:
    """Requires a ValueError with this text, and that nothing has changed."""
    before = state(target)
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        call(*arguments)
    assert state(target) == before


def test_bad_calls_are_refused_and_change_nothing() -> None:
    target = scheduler(num_cpu_blocks=4, max_num_seqs=2, num_blocks=9)
    not_forkable = "parent_id must be that of a running request of which only the sampled token is not computed, got "
    add(target, "a", prompt=8, answer=3)
    refused(target, f"{not_forkable}'a'", target.fork, "a", "b", 1)
    refused(target, f"{not_forkable}'nobody'", target.fork, "nobody", "b", 1)
    decided = target.schedule()
    refused(target, f"{not_forkable}'a'", target.fork, "a", "b", 1)
    early = "schedule() must be called after update() of the step before, got 'a call before it'"
    refused(target, early, target.schedule)
    target.update(decided, {"a": 7})
    for child_id in ("a", "", None, ["b"]):
        text = f"child_id must be a non-empty text, unused among unfinished requests, got {child_id!r}"
        refused(target, text, target.fork, "a", child_id, 1)
    for token_id in (-1, 2**32, None):
        refused(target, f"token_id must be numbers in [0, 2**32), got {token_id}", target.fork, "a", "b", token_id)
    target.fork("a", "b", 1)
    refused(target, "running requests must be below max_num_seqs (2), got 2", target.fork, "a", "c", 1)
    refused(target, "request_id must be that of an unfinished request, got 'c'", target.abort, "c")
    finish(target)


def test_bad_settings_are_refused() -> None:
    text = "policy must be fcfs, the order in which groups are swapped, got 'priority'"
    with pytest.raises(ValueError, match=f"^{text}$"):
        SwappingScheduler(SchedulerConfig(num_blocks=5, policy="priority"), 4)
    with pytest.raises(ValueError, match=r"^num_cpu_blocks must be an integer of at least 0, got -1$"):
        scheduler(num_cpu_blocks=-1)


def test_random_runs_keep_contents_order_and_groups() -> None:
    reached: Counter[str] = Counter()
    for seed in range(80):
        reached += CheckedRun(seed).run()
    print(dict(reached))
    for event in ("copies", "swapped in a group", "returns", "recomputed", "dissolved", "recomputed tokens", "resets"):
        assert reached[event] > 50, event
    assert reached["aborts of swapped"] > 0


def test_without_cpu_blocks_it_decides_as_the_plain_scheduler() -> None:
    num_preemptions = 0
    for seed in range(100):
        drawn = scenario(seed)
        drawn.settings["policy"] = "fcfs"
        steps = list(run(SimulatorSide(drawn.settings), drawn))
        side = SimulatorSide(drawn.settings)
        side.scheduler = SwappingScheduler(SchedulerConfig(**drawn.settings), num_cpu_blocks=0)
        difference = first_difference(run(side, drawn), steps)
        assert difference is None, f"seed {seed}: {difference}"
        num_preemptions += sum(len(decided["preempted"]) for decided in steps)
    assert num_preemptions > 100
