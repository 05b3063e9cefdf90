"""Settings of the scheduler, checked when they are made."""

from dataclasses import dataclass

from paged_sim.checks import require, require_bool, require_integer, require_number

POLICIES = ("fcfs", "priority")


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerConfig:
    """Sizes and limits (vLLM: `SchedulerConfig` and `CacheConfig`, whose names and defaults these are).

    Attributes:
        num_blocks: all blocks of the KV cache, the null block included.
        block_size: tokens of a block.
        max_num_seqs: most requests that run at once.
        max_num_batched_tokens: the token budget of a step, at least `max_num_seqs`.
        max_model_len: most tokens of a request, prompt and answer together.
        enable_chunked_prefill: whether a prompt may be computed in several steps. Without it a prompt that does not
            fit into what is left of the budget waits, so the budget must hold the longest one.
        enable_caching: whether full blocks can be hit by later requests.
        policy: "fcfs" or "priority".
        watermark: share of all blocks that an admission must leave free while others run.
        long_prefill_token_threshold: most tokens of one request in a step while others exist; 0 is no limit.
        scheduler_reserve_full_isl: admit a request only if there is room for all of its tokens.

    Raises:
        ValueError: a value is out of its range; the message names field, rule and value.
    """

    num_blocks: int
    block_size: int = 16
    max_num_seqs: int = 128
    max_num_batched_tokens: int = 2048
    max_model_len: int = 8192
    enable_chunked_prefill: bool = True
    enable_caching: bool = True
    policy: str = "fcfs"
    watermark: float = 0.0
    long_prefill_token_threshold: int = 0
    scheduler_reserve_full_isl: bool = True

    def __post_init__(self) -> None:
        for field in ("block_size", "max_num_seqs", "max_model_len"):
            require_integer(field, getattr(self, field), 1)
        require_integer("num_blocks", self.num_blocks, 2)
        for field in ("enable_chunked_prefill", "enable_caching", "scheduler_reserve_full_isl"):
            require_bool(field, getattr(self, field))
        budget = self.max_num_batched_tokens
        require_integer("max_num_batched_tokens", budget, 1)
        rule = f"at least max_num_seqs ({self.max_num_seqs})"
        require(budget >= self.max_num_seqs, "max_num_batched_tokens", rule, budget)
        require_number("watermark", self.watermark, 0.0)
        require(self.watermark < 1, "watermark", "below 1", self.watermark)
        require(self.policy in POLICIES, "policy", f"one of {', '.join(POLICIES)}", self.policy)
        threshold = self.long_prefill_token_threshold
        require_integer("long_prefill_token_threshold", threshold, 0)
        within = threshold <= self.max_model_len
        require(within, "long_prefill_token_threshold", f"at most max_model_len ({self.max_model_len})", threshold)
        if not self.enable_chunked_prefill:
            rule = f"at least max_model_len ({self.max_model_len}) without chunked prefill"
            require(budget >= self.max_model_len, "max_num_batched_tokens", rule, budget)

    @property
    def num_usable_tokens(self) -> int:
        """Tokens that the KV cache holds; the null block holds none."""
        return (self.num_blocks - 1) * self.block_size
