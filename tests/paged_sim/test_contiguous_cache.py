"""Contiguous caches: what the Orca baselines reserve, what each slot is used for, and serving from them."""

import re
from collections import Counter
from itertools import count, islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from paged_sim.paper.contiguous_cache import ContiguousCache, SlotClass, SlotRun, SlotUse
from paged_sim.paper.contiguous_serving import QueuedRequest, ServingAverages, always_queued, serve
from paged_sim.paper.published import OPT_13B_SLOTS, ORCA_MAX, ORCA_ORACLE, ORCA_POW2
from paged_sim.paper.reservation import RESERVATION_RULES, reserve_max, reserve_oracle, reserve_pow2
from paged_sim.workload.lengths import fixed_lengths


def test_rules() -> None:
    assert reserve_max(100, 25, 2048) == 2048
    # The example of section 6.1: 25 tokens are taken for 32.
    assert reserve_pow2(100, 25, 2048) == 132
    assert reserve_pow2(100, 32, 2048) == 132
    assert reserve_pow2(100, 1100, 2048) == 2048
    assert reserve_oracle(100, 25, 2048) == 125
    assert set(RESERVATION_RULES) == {ORCA_MAX, ORCA_POW2, ORCA_ORACLE}


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_rules_reserve_enough_and_pow2_less_than_twice(prompt: int, output: int) -> None:
    for reserve in RESERVATION_RULES.values():
        assert prompt + output <= reserve(prompt, output, 2048) <= 2048
    assert reserve_pow2(prompt, output, 2048) - prompt < 2 * output


def test_classes_of_slots() -> None:
    cache = ContiguousCache(256, reserve_pow2, max_model_len=200)
    assert cache.admit("a", 10, 25)
    cache.grow("a")
    cache.grow("a", 4)
    # 10 + 32 slots are reserved, in a chunk of 64; 15 are written, 35 will be.
    assert cache.slot_use == SlotUse(token_states=15, reservation=20, internal=7, external=22 + 192)
    assert list(cache.slot_runs()) == [
        SlotRun(0, 15, SlotClass.USED, "a"),
        SlotRun(15, 20, SlotClass.RESERVATION, "a"),
        SlotRun(35, 7, SlotClass.INTERNAL, "a"),
        SlotRun(42, 22, SlotClass.EXTERNAL, "a"),
        SlotRun(64, 64, SlotClass.EXTERNAL, None),
        SlotRun(128, 128, SlotClass.EXTERNAL, None),
    ]


def test_oracle_loses_to_rounding_and_max_to_its_guess() -> None:
    oracle = ContiguousCache(4096, reserve_oracle)
    oracle.admit("a", 500, 13)
    assert oracle.slot_use == SlotUse(500, 13, 0, 4096 - 513)
    guess = ContiguousCache(4096, reserve_max)
    guess.admit("a", 500, 13)
    assert guess.slot_use == SlotUse(500, 13, 2048 - 513, 2048)


def test_no_room_changes_nothing() -> None:
    cache = ContiguousCache(OPT_13B_SLOTS, reserve_max)
    assert [cache.admit(str(index), 5, 5) for index in range(8)] == [True] * 7 + [False]
    assert cache.num_requests == 7
    assert cache.slot_use == SlotUse(35, 35, 7 * 2038, OPT_13B_SLOTS - 7 * 2048)
    cache.free("3")
    assert cache.admit("8", 5, 5)


def refused(text: str, function: Any, *arguments: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        function(*arguments)


def test_errors_change_nothing() -> None:
    cache = ContiguousCache(1024, reserve_oracle, max_model_len=2048)
    cache.admit("a", 10, 5)
    before = (cache.slot_use, list(cache.slot_runs()))
    refused("request_id must be that of a request not in the cache, got 'a'", cache.admit, "a", 1, 1)
    refused("prompt must be an integer of at least 1, got 0", cache.admit, "b", 0, 1)
    refused("output must be an integer of at least 1, got 0", cache.admit, "b", 1, 0)
    refused("prompt + output must be at most max_model_len 2048, got 2049", cache.admit, "b", 2000, 49)
    refused("chunk of 'b' must be at most the largest one, 1024 slots, got 2048", cache.admit, "b", 1000, 25)
    refused("request_id must be that of a request in the cache, got 'b'", cache.free, "b")
    refused("request_id must be that of a request in the cache, got 'b'", cache.grow, "b")
    refused("num_tokens must be an integer in [1, 5], the tokens left of 'a', got 6", cache.grow, "a", 6)
    refused("num_tokens must be an integer in [1, 5], the tokens left of 'a', got 0", cache.grow, "a", 0)
    assert (cache.slot_use, list(cache.slot_runs())) == before
    refused("num_slots must be an integer of at least 1, got 0", ContiguousCache, 0, reserve_max)
    refused("max_model_len must be an integer of at least 1, got 0", ContiguousCache, 9, reserve_max, 0)
    short = ContiguousCache(1024, lambda prompt, output, longest: prompt)
    refused("slots that the rule reserves must be at least prompt + output 15, got 10", short.admit, "a", 10, 5)


class CacheMachine(RuleBasedStateMachine):
    @initialize(num_slots=st.integers(64, 400), name=st.sampled_from(sorted(RESERVATION_RULES)))
    def start(self, num_slots: int, name: str) -> None:
        self.cache = ContiguousCache(num_slots, RESERVATION_RULES[name], max_model_len=64)
        self.reserved = RESERVATION_RULES[name]
        self.lengths: dict[str, list[int]] = {}
        self.ids = map(str, count())

    @rule(prompt=st.integers(1, 32), output=st.integers(1, 32))
    def admit(self, prompt: int, output: int) -> None:
        request_id = next(self.ids)
        if self.cache.admit(request_id, prompt, output):
            self.lengths[request_id] = [prompt, prompt + output, self.reserved(prompt, output, 64)]

    @precondition(lambda self: self.lengths)
    @rule(data=st.data())
    def grow(self, data: st.DataObject) -> None:
        request_id = data.draw(st.sampled_from(sorted(self.lengths)))
        written, final, _ = self.lengths[request_id]
        if written < final:
            tokens = data.draw(st.integers(1, final - written))
            self.cache.grow(request_id, tokens)
            self.lengths[request_id][0] += tokens

    @precondition(lambda self: self.lengths)
    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        request_id = data.draw(st.sampled_from(sorted(self.lengths)))
        self.cache.free(request_id)
        del self.lengths[request_id]

    @invariant()
    def slots_add_up(self) -> None:
        lengths = self.lengths.values()
        written, final, reserved = (sum(length[index] for length in lengths) for index in range(3))
        external = self.cache.num_slots - reserved
        assert self.cache.slot_use == SlotUse(written, final - written, reserved - final, external)
        assert self.cache.num_requests == len(self.lengths)

    @invariant()
    def runs_cover_the_slots_in_order(self) -> None:
        address = 0
        counted: Counter[SlotClass] = Counter()
        for run in self.cache.slot_runs():
            assert run.address == address
            assert run.num_slots > 0
            address += run.num_slots
            counted[run.slot_class] += run.num_slots
        assert address == self.cache.num_slots
        assert SlotUse(*(counted[slot_class] for slot_class in SlotClass)) == self.cache.slot_use


TestCacheMachine = CacheMachine.TestCase
TestCacheMachine.settings = settings(max_examples=60, stateful_step_count=40)


def serve_step_by_step(
    requests: list[QueuedRequest], cache: ContiguousCache, num_requests: int, warmup_requests: int
) -> ServingAverages:
    """The same as `serve`, one token at a time."""
    waiting = [(str(index), request) for index, request in enumerate(requests)]
    running: dict[str, int] = {}
    uses: list[tuple[SlotUse, int]] = []
    step = finished = 0
    while finished < num_requests or not uses:
        while waiting and waiting[0][1].arrival_step <= step:
            request_id, request = waiting[0]
            if not cache.admit(request_id, request.prompt, request.output):
                break
            running[request_id] = request.output
            del waiting[0]
        if finished >= warmup_requests:
            uses.append((cache.slot_use, len(running)))
        for request_id in list(running):
            cache.grow(request_id)
            running[request_id] -= 1
            if running[request_id] == 0:
                cache.free(request_id)
                del running[request_id]
                finished += 1
        step += 1
    sums = [sum(use[index] for use, _ in uses) / len(uses) / cache.num_slots * 100 for index in range(4)]
    return ServingAverages(*sums, batch=sum(batch for _, batch in uses) / len(uses), steps=len(uses))


@st.composite
def queues(draw: st.DrawFn) -> list[QueuedRequest]:
    lengths = draw(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=8, max_size=30))
    gaps = draw(st.lists(st.integers(0, 25), min_size=len(lengths), max_size=len(lengths)))
    gap = draw(st.sampled_from([0, 1]))
    steps = [gap * sum(gaps[: index + 1]) for index in range(len(lengths))]
    return [QueuedRequest(step, *pair) for step, pair in zip(steps, lengths, strict=True)]


@given(queues(), st.sampled_from(sorted(RESERVATION_RULES)), st.integers(64, 300), st.integers(0, 3))
def test_leaps_are_steps(requests: list[QueuedRequest], rule: str, num_slots: int, warmup: int) -> None:
    caches = [ContiguousCache(num_slots, RESERVATION_RULES[rule], max_model_len=64) for _ in range(2)]
    leaping = serve(requests, caches[0], len(requests) - 2, warmup)
    walking = serve_step_by_step(requests, caches[1], len(requests) - 2, warmup)
    assert leaping.steps == walking.steps
    for field in ("token_states", "reservation", "internal", "external", "batch"):
        assert getattr(leaping, field) == pytest.approx(getattr(walking, field), rel=1e-9, abs=1e-12)


def test_serving_equal_requests_by_hand() -> None:
    # Two chunks of 8: each request holds 4 prompt tokens, then 5, 6 and 7, and will use 8 slots.
    figures = serve(always_queued(fixed_lengths(4, 4)), ContiguousCache(16, reserve_oracle), 20)
    assert figures == ServingAverages(
        token_states=100 * 5.5 / 8, reservation=100 * 2.5 / 8, internal=0, external=0, batch=2, steps=40
    )


def test_idle_steps_count() -> None:
    # 4 steps of work, 6 idle ones, 4 steps of work.
    requests = [QueuedRequest(0, 4, 4), QueuedRequest(10, 4, 4)]
    figures = serve(requests, ContiguousCache(8, reserve_oracle), 2)
    assert figures.steps == 14
    assert figures.batch == pytest.approx(8 / 14)
    assert figures.external == pytest.approx(600 / 14)


def test_measures_even_if_the_warmup_ends_with_the_last_request() -> None:
    # Requests finish in pairs, so the first pair is warm-up and enough at once; the next pair is measured.
    figures = serve(always_queued(fixed_lengths(4, 4)), ContiguousCache(16, reserve_oracle), 2, warmup_requests=1)
    assert (figures.steps, figures.batch) == (4, 2)


def test_first_come_first_served() -> None:
    # The second needs the whole cache and waits; the third would fit and waits behind it.
    requests = [QueuedRequest(0, 1, 3), QueuedRequest(0, 5, 3), QueuedRequest(0, 1, 1)]
    assert serve(requests, ContiguousCache(8, reserve_oracle), 3).steps == 3 + 3 + 1


def test_bad_serving() -> None:
    cache = ContiguousCache(64, reserve_oracle, max_model_len=64)
    queue = list(islice(always_queued(fixed_lengths(4, 4)), 5))
    refused("num_requests must be an integer of at least 1, got 0", serve, queue, cache, 0)
    refused("num_requests must be an integer of at least 4, got 3", serve, queue, cache, 3, 3)
    refused("warmup_requests must be an integer of at least 0, got -1", serve, queue, cache, 3, -1)
    refused("requests must be enough to finish num_requests of them, got 'only 5'", serve, queue, cache, 6)
    unordered = [QueuedRequest(3, 1, 1), QueuedRequest(2, 1, 1)]
    refused("arrival_step must be an integer of at least 3, got 2", serve, unordered, cache, 2)
    cache = ContiguousCache(64, reserve_oracle, max_model_len=64)
    cache.admit("a", 1, 1)
    refused("requests in the cache must be 0, got 1", serve, queue, cache, 2)
