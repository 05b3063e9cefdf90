"""Records what blocks, tables and queues look like, step by step."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from paged_sim.checks import require, require_integer
from paged_sim.drawing.sentences import finish_sentence, num_hit_blocks, step_sentences
from paged_sim.drawing.snapshot import BlockTable, Snapshot
from paged_sim.kv_cache_manager import KVCacheManager
from paged_sim.request import Request
from paged_sim.scheduler import Scheduler, SchedulerStep
from paged_sim.scheduler_config import SchedulerConfig
from paged_sim.simulation.cost_model import CostModel
from paged_sim.simulation.run import Recording
from paged_sim.simulation.step_by_step import StepByStepRun
from paged_sim.workload.trace import TraceRequest


def take_snapshot(
    manager: KVCacheManager,
    requests: Iterable[Request],
    *,
    step: int = 0,
    waiting: Iterable[str] = (),
    new_block_ids: Iterable[int] = (),
    sentences: Iterable[str] = (),
) -> Snapshot:
    """Returns what the blocks of a manager look like now.

    Args:
        manager: any `KVCacheManager`.
        requests: all that hold blocks, in the order in which the picture shows them; others are left out.
        step: a number for the title.
        waiting: ids of requests that wait, the next one first.
        new_block_ids: blocks to mark as new.
        sentences: what to say about this moment.

    Raises:
        ValueError: a block is in use by a request that was not given, or a request's `num_computed_tokens` is more
            than its blocks hold.
    """
    tables = (
        BlockTable(request.request_id, tuple(manager.block_ids(request.request_id)), request.num_computed_tokens)
        for request in requests
    )
    return Snapshot(
        step=step,
        num_blocks=manager.pool.num_blocks,
        block_size=manager.block_size,
        tables=tuple(table for table in tables if table.block_ids),
        free_block_ids=tuple(manager.pool.free_block_ids()),
        cached_block_ids=tuple(manager.pool.cached_block_ids()),
        waiting=tuple(waiting),
        new_block_ids=tuple(new_block_ids),
        sentences=tuple(sentences),
    )


class RecordingScheduler(Scheduler):
    """A `Scheduler` that keeps a snapshot of every step in `snapshots`.

    A snapshot shows the blocks as the step computes: allocated, and not yet given back by requests that end with it.
    """

    def __init__(self, config: SchedulerConfig) -> None:
        super().__init__(config)
        self.snapshots: list[Snapshot] = []
        self._index_of_step: dict[SchedulerStep, int] = {}
        self._finished: set[str] = set()

    def schedule(self) -> SchedulerStep:
        """Decides the next step, as `Scheduler.schedule`, and takes a snapshot of it."""
        cached_before, num_preempted_before = self.manager.pool.cached_block_ids(), len(self._preempted)
        step = super().schedule()
        new = self._new_block_ids(step)
        aborted = [request_id for request_id in step.finished if request_id not in self._finished]
        self._finished.difference_update(step.finished)
        evicted = sorted(set(new) & set(cached_before))
        may_admit = len(step.preempted) == num_preempted_before
        sentences = list(step_sentences(self, step, aborted, evicted, may_admit))
        self._index_of_step[step] = len(self.snapshots)
        self.snapshots.append(self.snapshot(sentences, new))
        return step

    def update(self, step: SchedulerStep, sampled: Mapping[str, int]) -> list[str]:
        """Takes in the tokens of a step, as `Scheduler.update`, and notes in its snapshot who has finished."""
        finished = super().update(step, sampled)
        index = self._index_of_step.pop(step)
        self._finished.update(finished)
        if finished:
            snapshot = self.snapshots[index]
            self.snapshots[index] = replace(snapshot, sentences=(*snapshot.sentences, finish_sentence(finished)))
        return finished

    def snapshot(self, sentences: Sequence[str] = (), new_block_ids: Iterable[int] = ()) -> Snapshot:
        """Returns what the blocks look like now; it is not kept in `snapshots`."""
        return take_snapshot(
            self.manager,
            self.running,
            step=len(self.snapshots),
            waiting=[request.request_id for request in self.waiting],
            new_block_ids=new_block_ids,
            sentences=sentences,
        )

    def _new_block_ids(self, step: SchedulerStep) -> list[int]:
        admitted = set(step.admitted)
        return [
            block_id
            for request_id, block_ids in step.new_block_ids.items()
            for block_id in block_ids[num_hit_blocks(self, step, request_id) if request_id in admitted else 0 :]
        ]


def record_trace(
    trace: Iterable[TraceRequest], config: SchedulerConfig, *, cost: CostModel | None = None, max_steps: int = 500
) -> list[Snapshot]:
    """Runs a small trace to its end and returns a snapshot of every step, and one of the time after the last.

    Args:
        trace: requests in the order of arrival.
        config: sizes and limits of the scheduler.
        cost: how long steps take; None: a second each, so that an arrival time of 3.0 is that before step 3.
        max_steps: most steps to record, at least 1; a snapshot of 200 blocks takes about 10 kB.

    Raises:
        ValueError: the trace takes more steps or is not in the order of arrival, or a request can never be served.
    """
    require_integer("max_steps", max_steps, 1)
    scheduler = RecordingScheduler(config)
    run = StepByStepRun(scheduler, trace, cost or CostModel.fixed(1.0), None, Recording(outcomes=False))

    def check_length(_num_ended: int) -> None:
        is_done = not scheduler.has_unfinished_requests
        rule = f"done after max_steps ({max_steps}) steps"
        require(
            is_done or len(scheduler.snapshots) < max_steps, "trace", rule, f"unfinished {list(scheduler.requests)}"
        )

    run.run(on_progress=check_length)
    return [*scheduler.snapshots, scheduler.snapshot(["All requests have ended."])]
