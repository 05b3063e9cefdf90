"""A request whose answer is known beforehand, so its tokens need only be counted."""

from collections.abc import Iterator

from paged_sim.request import RequestStatus
from paged_sim.simulation.block_keys import block_keys
from paged_sim.workload.trace import TraceRequest


class ReplayedRequest:
    """A `Request` in numbers; the scheduler treats it as one.

    Args:
        traced: the request of the trace.
        max_model_len: tokens at which its answer is cut.

    While it decodes, `num_tokens` and `num_computed_tokens` stand still and `token_offset` + the number of the step is
    how many tokens it has before that step.
    """

    skip_reading_prefix_cache = False
    __slots__ = (
        "admission",
        "arrival_time",
        "keys",
        "next_keys",
        "num_cached_blocks",
        "num_computed_tokens",
        "num_final_tokens",
        "num_preemptions",
        "num_prompt_tokens",
        "num_tokens",
        "priority",
        "request_id",
        "status",
        "table",
        "token_offset",
        "traced",
    )

    def __init__(self, traced: TraceRequest, max_model_len: int) -> None:
        self.traced = traced
        self.request_id = traced.request_id
        self.priority = traced.priority
        self.arrival_time = traced.arrival_time
        self.num_prompt_tokens = self.num_tokens = traced.num_prompt_tokens
        self.num_final_tokens = min(self.num_prompt_tokens + traced.num_output_tokens, max_model_len)
        self.num_computed_tokens = 0
        self.num_preemptions = 0
        self.num_cached_blocks = 0
        self.status = RequestStatus.WAITING
        self.table: list[int] = []
        self.keys: list[int] = []
        self.next_keys: Iterator[int] = iter(())
        self.admission = 0
        self.token_offset = 0

    @property
    def num_output_tokens(self) -> int:
        """Tokens of the answer so far."""
        return self.num_tokens - self.num_prompt_tokens

    @property
    def max_tokens(self) -> int:
        """Most tokens of the answer."""
        return self.num_final_tokens - self.num_prompt_tokens

    @property
    def sort_key(self) -> tuple[int, float, str]:
        """What the priority policy orders waiting requests by, the smallest first."""
        return self.priority, self.arrival_time, self.request_id

    def append_output_token_ids(self, token_ids: int) -> None:
        """Counts a token of the answer."""
        self.num_tokens += 1

    def block_keys(self, block_size: int) -> list[int]:
        """Returns the keys of all full blocks that it will ever have; kept in `keys` from then on."""
        if not self.keys:
            self.keys = block_keys(self.traced, block_size, self.num_final_tokens)
        return self.keys
