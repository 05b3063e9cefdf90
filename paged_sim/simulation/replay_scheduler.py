"""The reference scheduler over replayed requests, in parts, so that a leaping run can use those that it needs."""

from paged_sim.request import RequestStatus
from paged_sim.scheduler import Scheduler, SchedulerStep
from paged_sim.scheduler_config import SchedulerConfig
from paged_sim.simulation.compact_manager import CompactKVCacheManager
from paged_sim.simulation.replayed_request import ReplayedRequest


class ReplayScheduler(Scheduler):
    """A `Scheduler` of replayed requests; see there for the argument."""

    def __init__(self, config: SchedulerConfig) -> None:
        super().__init__(config, CompactKVCacheManager)
        self._num_admissions = 0

    @property
    def can_admit(self) -> bool:
        """Whether somebody waits and the limit of running requests is not reached."""
        return bool(self.waiting) and len(self.running) < self.config.max_num_seqs

    def preempt_latest(self) -> None:
        """Preempts the request that was admitted last."""
        self._preempt(self.running.pop(), [])

    def admit_waiting(self, num_running_tokens: int) -> dict[str, int]:
        """Admits who waits, in a step whose running requests take `num_running_tokens` of the budget.

        Returns the tokens that each computes, which do not count as computed yet.
        """
        step = SchedulerStep()
        self._schedule_waiting(step, self.config.max_num_batched_tokens - num_running_tokens, self.longest_chunk)
        return step.num_scheduled_tokens

    def finish(self, request: ReplayedRequest) -> None:
        """Ends a running request that has its whole answer."""
        self.running.remove(request)
        self._finish(request, RequestStatus.FINISHED_LENGTH_CAPPED)
        self._ended.clear()

    def _admit(self, request: ReplayedRequest, num_hit_tokens: int) -> None:
        super()._admit(request, num_hit_tokens)
        self._num_admissions += 1
        request.admission = self._num_admissions

    def _end_of(self, request: ReplayedRequest) -> RequestStatus | None:
        return RequestStatus.FINISHED_LENGTH_CAPPED if request.num_tokens >= request.num_final_tokens else None
