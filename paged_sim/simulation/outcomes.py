"""What a simulation found: totals over all steps, and the times of every request."""

from array import array
from dataclasses import dataclass, field

from paged_sim.prefix_cache_stats import PrefixCacheStats

UNSET = -1


@dataclass(slots=True)
class Totals:
    """Sums over all steps; each step is looked at once its blocks are allocated and before finished ones are freed.

    Attributes:
        num_steps: steps taken.
        num_scheduled_tokens: tokens computed, those computed again after a preemption included.
        num_preemptions, num_finished, num_aborted: how often.
        sum_scheduled_requests: requests in a step, summed over the steps; so the mean batch is this / num_steps.
        sum_used_blocks: blocks in tables, summed over the steps; a shared block counts once.
        sum_unfilled_slots: places in these blocks that hold no token yet, summed over the steps.
        peak_used_blocks, peak_scheduled_requests: the most in any step.
        prefix_cache: tokens looked up and found at admissions.
    """

    num_steps: int = 0
    num_scheduled_tokens: int = 0
    num_preemptions: int = 0
    num_finished: int = 0
    num_aborted: int = 0
    sum_scheduled_requests: int = 0
    sum_used_blocks: int = 0
    sum_unfilled_slots: int = 0
    peak_used_blocks: int = 0
    peak_scheduled_requests: int = 0
    prefix_cache: PrefixCacheStats = field(default_factory=PrefixCacheStats)

    @property
    def num_ended(self) -> int:
        """Requests that are finished or were aborted."""
        return self.num_finished + self.num_aborted

    @property
    def mean_batch(self) -> float:
        """Requests in a step, on average."""
        return self.sum_scheduled_requests / self.num_steps if self.num_steps else 0.0

    @property
    def mean_used_blocks(self) -> float:
        """Blocks in tables, on average over the steps."""
        return self.sum_used_blocks / self.num_steps if self.num_steps else 0.0


def _column() -> array:
    return array("q")


@dataclass(slots=True)
class Outcomes:
    """Times and counts of every request, as columns in the order of arrival; times in picoseconds, -1 for never.

    Attributes:
        request_ids: their names.
        submitted_ps: arrival, or the moment when a client of limited concurrency sent it.
        scheduled_ps: start of the first step that computed something of it.
        first_token_ps, finished_ps: end of the step that gave its first and last token; an aborted request has no end.
        num_prompt_tokens, num_output_tokens: lengths; of an aborted request the tokens that it got.
        num_hit_tokens: tokens that its first admission found in the cache.
        num_preemptions: how often it lost its blocks.
    """

    request_ids: list[str] = field(default_factory=list)
    submitted_ps: array = field(default_factory=_column)
    scheduled_ps: array = field(default_factory=_column)
    first_token_ps: array = field(default_factory=_column)
    finished_ps: array = field(default_factory=_column)
    num_prompt_tokens: array = field(default_factory=_column)
    num_output_tokens: array = field(default_factory=_column)
    num_hit_tokens: array = field(default_factory=_column)
    num_preemptions: array = field(default_factory=_column)

    def __len__(self) -> int:
        return len(self.request_ids)

    def add(self, request_id: str, submitted_ps: int, num_prompt_tokens: int) -> int:
        """Adds a request; returns its row."""
        self.request_ids.append(request_id)
        self.submitted_ps.append(submitted_ps)
        self.num_prompt_tokens.append(num_prompt_tokens)
        for column in (self.scheduled_ps, self.first_token_ps, self.finished_ps):
            column.append(UNSET)
        for column in (self.num_output_tokens, self.num_hit_tokens, self.num_preemptions):
            column.append(0)
        return len(self.request_ids) - 1
