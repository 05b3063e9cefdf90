"""What fits into a KV cache of a given size, in the numbers that vLLM 0.32 logs when it starts."""

from bisect import bisect_right
from dataclasses import dataclass

from paged_sim.checks import require, require_integer
from paged_sim.sizing.layout import KVCacheLayout, computed_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class KVCacheCapacity:
    """A KV cache of a number of bytes.

    Attributes:
        layout: how it is cut into blocks.
        memory: bytes for keys and values on each device (vLLM: `kv_cache_memory_bytes`).
        max_model_len: most tokens of a request.

    Raises:
        ValueError: a value is out of its range, or the length is beyond what the model can do.
    """

    layout: KVCacheLayout
    memory: int
    max_model_len: int

    def __post_init__(self) -> None:
        require_integer("memory", self.memory, 1)
        require_integer("max_model_len", self.max_model_len, 1)
        longest = self.layout.shape.longest_model_len
        rule = f"at most {longest}, the length of {self.layout.shape.name}"
        require(self.max_model_len <= longest, "max_model_len", rule, self.max_model_len)

    @property
    def num_blocks(self) -> int:
        """All blocks, the null block included (vLLM: `num_gpu_blocks`)."""
        return self.memory // self.layout.bytes_per_block

    @property
    def num_usable_blocks(self) -> int:
        """Blocks that can hold tokens."""
        return max(self.num_blocks - 1, 0)

    @property
    def max_concurrency(self) -> float:
        """Logged as "Maximum concurrency for `max_model_len` tokens per request": counts the null block as usable."""
        return self.num_blocks / self.layout.blocks_at_start_up(self.max_model_len)

    @property
    def num_tokens(self) -> int:
        """Logged as "GPU KV cache size": derived from the concurrency (vLLM: `get_kv_cache_capacity`)."""
        return int(self.max_concurrency * self.max_model_len)

    @property
    def fits(self) -> bool:
        """Whether vLLM starts: one request of `max_model_len` tokens fits into the usable blocks."""
        return self.layout.blocks_at_start_up(self.max_model_len) <= self.num_usable_blocks

    @property
    def longest_fitting_len(self) -> int:
        """The largest `max_model_len` that fits and that the model can do; 0 if not a single token fits."""
        lengths = range(1, self.layout.shape.longest_model_len + 1)
        return bisect_right(lengths, self.num_usable_blocks, key=self.layout.blocks_at_start_up)

    def requests_at_once(self, prompt: int, output: int) -> int:
        """Returns how many equal requests run to their end without a preemption, sharing no prefix.

        Args:
            prompt: tokens of each prompt, at least 1.
            output: tokens of each answer, at least 1.
        """
        return self.num_usable_blocks // self.layout.blocks_of_request(self._tokens(prompt, output))

    def requests_on_average(self, prompt: int, output: int) -> float:
        """Returns how many equal requests fit when each is at another token of its answer.

        Blocks are handed out as the answers grow, so this is more than `requests_at_once`; when many reach their end
        together, some are preempted.

        Args:
            prompt: tokens of each prompt, at least 1.
            output: tokens of each answer, at least 1.
        """
        last = self._tokens(prompt, output)
        blocks = sum(self.layout.blocks_of_request(tokens) for tokens in range(prompt, last + 1))
        return self.num_usable_blocks * output / blocks

    def _tokens(self, prompt: int, output: int) -> int:
        tokens = computed_tokens(prompt, output)
        rule = f"at most max_model_len ({self.max_model_len}) in sum"
        require(prompt + output <= self.max_model_len, "prompt and output", rule, (prompt, output))
        return tokens
