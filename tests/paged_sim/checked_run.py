"""Runs a SwappingScheduler on memory that really holds contents, and checks every step."""

import random
from collections import Counter

from paged_sim import Request, RequestStatus, SchedulerConfig, SchedulerStep
from paged_sim.paper.preemption_records import BlockMoves
from paged_sim.paper.swapping_scheduler import SwappingScheduler
from tests.paged_sim.physical_memory import PhysicalMemory, contents

VOCABULARY = 3


class CheckedRun:
    """Requests, forks and aborts drawn from a seed; `reached` counts what happened."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.scheduler = self._scheduler()
        self.memory = PhysicalMemory(self.scheduler.config.block_size)
        self.reached: Counter[str] = Counter()
        # The groups that must be swapped as a whole, by request.
        self.groups: dict[str, set[str]] = {}
        # Which admission each request came with; children inherit it.
        self.num_admissions = 0
        self.admissions: dict[str, int] = {}
        # Most tokens of each request that were ever in blocks.
        self.most_computed: dict[str, int] = {}
        self.num_made = 0

    def run(self) -> Counter[str]:
        for _ in range(60):
            self._act()
            self._step()
        while self.scheduler.has_unfinished_requests:
            self._step()
            assert self.reached["steps"] < 5000, "no progress"
        self._check_counts()
        manager = self.scheduler.manager
        assert manager.usage == manager.cpu_pool.usage == 0
        assert manager.reset_prefix_cache()
        return self.reached

    def _scheduler(self) -> SwappingScheduler:
        block_size = self.rng.choice([1, 2, 4])
        num_blocks = self.rng.randint(4, 24)
        max_num_seqs = self.rng.choice([2, 4, 8])
        config = SchedulerConfig(
            num_blocks=num_blocks,
            block_size=block_size,
            max_num_seqs=max_num_seqs,
            max_num_batched_tokens=max(max_num_seqs, self.rng.choice([4, 16, 64])),
            max_model_len=max(2, min(24, (num_blocks - 1) * block_size)),
            enable_caching=self.rng.random() < 0.5,
            watermark=self.rng.choice([0.0, 0.0, 0.2]),
            long_prefill_token_threshold=self.rng.choice([0, 0, 2]),
        )
        return SwappingScheduler(config, self.rng.choice([0, 3, 8, 40, 40]))

    def _act(self) -> None:
        if self.rng.random() < 0.4:
            self._add()
        if self.rng.random() < 0.5:
            self._fork()
        if self.rng.random() < 0.05 and self.scheduler.requests:
            victim = self.rng.choice(list(self.scheduler.requests))
            self.reached["aborts of swapped"] += self._is_swapped(victim)
            self.scheduler.abort(victim)
        if self.rng.random() < 0.02:
            assert self.scheduler.reset_prefix_cache(reset_running_requests=True)
            assert not self.scheduler.swapped
            self.reached["resets"] += 1
        self._update_groups([])

    def _add(self) -> None:
        longest = self.scheduler.config.max_model_len - 1
        prompt = [self.rng.randrange(VOCABULARY) for _ in range(self.rng.randint(1, min(longest, 10)))]
        request = Request(self._new_id(), prompt, self.rng.randint(1, longest))
        if len(prompt) + request.max_tokens - 1 <= self.scheduler.config.num_usable_tokens:
            self.scheduler.add_request(request)
            self.groups[request.request_id] = {request.request_id}

    def _fork(self) -> None:
        ready = [r for r in self.scheduler.running if r.num_output_tokens and r.num_tokens - r.num_computed_tokens == 1]
        if not ready or len(self.scheduler.running) == self.scheduler.config.max_num_seqs:
            return
        parent = self.rng.choice(ready)
        child = self.scheduler.fork(parent.request_id, self._new_id(), self.rng.randrange(VOCABULARY))
        self.groups[child.request_id] = self.groups[parent.request_id]
        self.groups[child.request_id].add(child.request_id)
        self.admissions[child.request_id] = self.admissions[parent.request_id]
        self.most_computed[child.request_id] = child.num_computed_tokens
        self.reached["forks"] += 1

    def _step(self) -> None:
        swapped_before = [request.request_id for request in self.scheduler.swapped]
        step = self.scheduler.schedule()
        moves = self.scheduler.take_moves()
        self._compute(step, moves)
        self._check_order(step, swapped_before)
        self._update_groups(step.preempted)
        self._check_groups()
        self._check_blocks()
        self._check_contents()
        self.reached["steps"] += 1
        self.reached["copies"] += len(moves.copied)
        requests = [self.scheduler.requests[request_id] for request_id in step.num_scheduled_tokens]
        ready = [r.request_id for r in requests if r.num_computed_tokens == r.num_tokens]
        self.scheduler.update(step, {request_id: self.rng.randrange(VOCABULARY) for request_id in ready})

    def _compute(self, step: SchedulerStep, moves: BlockMoves) -> None:
        self.reached["blocks out"] += len(moves.swapped_out)
        self.reached["blocks in"] += len(moves.swapped_in)
        self.memory.swap_out(moves.swapped_out)
        self.memory.swap_in(moves.swapped_in)
        self.memory.copy(moves.copied)
        for request_id, num_tokens in step.num_scheduled_tokens.items():
            request = self.scheduler.requests[request_id]
            end = request.num_computed_tokens
            known = self.most_computed.get(request_id, 0)
            self.reached["recomputed tokens"] += len(range(end - num_tokens, min(end, known)))
            self.most_computed[request_id] = max(known, end)
            self.memory.compute(self.scheduler.manager.block_ids(request_id), request, end - num_tokens, end)

    def _check_order(self, step: SchedulerStep, swapped_before: list[str]) -> None:
        """Swapped requests come back in their order, and before any other is admitted."""
        still_swapped = [request.request_id for request in self.scheduler.swapped]
        newly_swapped = [request_id for request_id in still_swapped if request_id not in swapped_before]
        assert still_swapped[len(newly_swapped) :] == [i for i in swapped_before if i in still_swapped]
        assert not (newly_swapped and step.admitted)
        if still_swapped:
            assert set(step.admitted) <= set(swapped_before)
        self.reached["swaps"] += len(newly_swapped)
        dissolved = set(step.preempted) & set(swapped_before)
        for request_id in step.admitted:
            if request_id not in swapped_before or request_id in dissolved:
                self.admissions[request_id] = self.num_admissions
                self.num_admissions += 1
        order = [self.admissions[r.request_id] for r in (*self.scheduler.running, *self.scheduler.swapped)]
        assert order == sorted(order)
        assert len(self.scheduler.running) <= self.scheduler.config.max_num_seqs
        self.reached["returns"] += len(set(step.admitted) & set(swapped_before) - dissolved)
        self.reached["dissolved"] += len(dissolved)
        self.reached["recomputed"] += len(set(step.preempted) - set(newly_swapped) - dissolved)

    def _update_groups(self, preempted: list[str]) -> None:
        """Those that have ended leave their group, and so do those that lost their blocks."""
        for request_id, group in list(self.groups.items()):
            request = self.scheduler.requests.get(request_id)
            if request is None:
                group.discard(request_id)
                del self.groups[request_id]
            elif not self._is_swapped(request_id) and (
                request_id in preempted or request.status is RequestStatus.PREEMPTED
            ):
                group.discard(request_id)
                self.groups[request_id] = {request_id}

    def _check_groups(self) -> None:
        for group in self.groups.values():
            assert len(set(map(self._is_swapped, group))) == 1
            self.reached["swapped in a group"] += len(group) > 1 and self._is_swapped(next(iter(group)))

    def _check_blocks(self) -> None:
        manager, requests = self.scheduler.manager, self.scheduler.requests
        for pool, block_ids in ((manager.pool, manager.block_ids), (manager.cpu_pool, manager.cpu_block_ids)):
            references = Counter(block_id for request_id in requests for block_id in block_ids(request_id))
            assert {block.block_id: block.ref_cnt for block in pool.blocks if block.ref_cnt} == references
            assert pool.num_free_blocks + len(references) == pool.num_blocks - 1
        holding = {i for i in requests if manager.block_ids(i)}
        assert holding == {request.request_id for request in self.scheduler.running}

    def _check_contents(self) -> None:
        manager = self.scheduler.manager
        for request_id, request in self.scheduler.requests.items():
            on_cpu = self._is_swapped(request_id)
            table = manager.cpu_block_ids(request_id) if on_cpu else manager.block_ids(request_id)
            expected = contents(request.all_token_ids, 0, request.num_computed_tokens)
            assert self.memory.read(table, request.num_computed_tokens, on_cpu=on_cpu) == expected
        self.memory.check_cached(manager, self.scheduler.requests.values())

    def _check_counts(self) -> None:
        counts = self.scheduler.counts
        assert counts.recomputed_tokens == self.reached["recomputed tokens"]
        assert counts.blocks_swapped_out == self.reached["blocks out"]
        assert counts.blocks_swapped_in == self.reached["blocks in"]
        assert counts.num_swaps_out == self.reached["swaps"]
        assert counts.num_swaps_in == self.reached["returns"]

    def _is_swapped(self, request_id: str) -> bool:
        return self.scheduler.manager.is_swapped_out(self.scheduler.requests[request_id])

    def _new_id(self) -> str:
        self.num_made += 1
        return f"{self.num_made:03}"
