"""A request: its tokens, how many of them the KV cache holds, and what became of it."""

from collections.abc import Sequence
from enum import Enum
from typing import Any

from paged_sim.block_hash import extend_block_hashes, root_hash
from paged_sim.checks import require, require_bool, require_integer, require_number, require_text_or_none


class RequestStatus(Enum):
    """Where a request is in its life (vLLM: `RequestStatus` in v1/request.py)."""

    WAITING = "waiting"
    RUNNING = "running"
    PREEMPTED = "preempted"
    FINISHED_STOPPED = "finished_stopped"
    FINISHED_LENGTH_CAPPED = "finished_length_capped"
    FINISHED_ABORTED = "finished_aborted"

    @property
    def is_finished(self) -> bool:
        """Whether nothing more happens to the request."""
        return self.name.startswith("FINISHED")


class Request:
    """One sequence of tokens (vLLM: `Request` in v1/request.py).

    Args:
        request_id: unique among the requests that are not finished.
        prompt_token_ids: its tokens, at least one, numbers in [0, 2**32).
        max_tokens: most tokens of the answer, at least 1.
        eos_token_id: the token that ends the answer, or None.
        lora_name: the adapter; requests with different adapters share no blocks.
        cache_salt: requests with different salts share no blocks.
        priority: a lower value is more important; only the priority policy looks at it.
        arrival_time: in seconds; the earlier of two requests of equal priority goes first.
        skip_reading_prefix_cache: compute all tokens anew; the blocks are cached all the same.

    Raises:
        ValueError: a value is out of its range; the message names field, rule and value.
    """

    def __init__(  # noqa: PLR0917 - the order of the first three is vLLM's
        self,
        request_id: str,
        prompt_token_ids: Sequence[int],
        max_tokens: int,
        eos_token_id: int | None = None,
        lora_name: str | None = None,
        cache_salt: str | None = None,
        priority: int = 0,
        arrival_time: float = 0.0,
        skip_reading_prefix_cache: bool = False,
    ) -> None:
        require(isinstance(request_id, str) and bool(request_id), "request_id", "a non-empty text", request_id)
        is_sequence = isinstance(prompt_token_ids, Sequence) and len(prompt_token_ids) > 0
        require(is_sequence, "prompt_token_ids", "at least one token", prompt_token_ids)
        for token in prompt_token_ids:
            require_token_id("prompt_token_ids", token)
        if eos_token_id is not None:
            require_token_id("eos_token_id", eos_token_id)
        require_text_or_none("lora_name", lora_name)
        require_text_or_none("cache_salt", cache_salt)
        require_bool("skip_reading_prefix_cache", skip_reading_prefix_cache)
        require_integer("max_tokens", max_tokens, 1)
        require(type(priority) is int, "priority", "an integer", priority)
        require_number("arrival_time", arrival_time, float("-inf"))
        self.request_id = request_id
        self.max_tokens = max_tokens
        self.eos_token_id = eos_token_id
        self.lora_name = lora_name
        self.cache_salt = cache_salt
        self.priority = priority
        self.arrival_time = arrival_time
        self.skip_reading_prefix_cache = skip_reading_prefix_cache
        self.all_token_ids = list(prompt_token_ids)
        self.num_prompt_tokens = len(prompt_token_ids)
        self.num_computed_tokens = 0
        self.num_preemptions = 0
        self.status = RequestStatus.WAITING
        self._root_hash = root_hash(lora_name, cache_salt)
        self._block_hashes: dict[int, list[bytes]] = {}

    def __repr__(self) -> str:
        return (
            f"Request({self.request_id!r}, {self.status.value}, prompt {self.num_prompt_tokens}, "
            f"output {self.num_output_tokens}, computed {self.num_computed_tokens})"
        )

    @property
    def num_tokens(self) -> int:
        """Tokens of prompt and answer so far."""
        return len(self.all_token_ids)

    @property
    def num_output_tokens(self) -> int:
        """Tokens of the answer so far."""
        return self.num_tokens - self.num_prompt_tokens

    @property
    def output_token_ids(self) -> list[int]:
        """The answer so far."""
        return self.all_token_ids[self.num_prompt_tokens :]

    @property
    def sort_key(self) -> tuple[int, float, str]:
        """What the priority policy orders waiting requests by, the smallest first."""
        return self.priority, self.arrival_time, self.request_id

    def append_output_token_ids(self, token_ids: int | Sequence[int]) -> None:
        """Appends one or more tokens to the answer.

        Raises:
            ValueError: a token is no number in [0, 2**32); nothing was appended.
        """
        is_sequence = isinstance(token_ids, Sequence) and not isinstance(token_ids, str)
        new = list(token_ids) if is_sequence else [token_ids]
        for token in new:
            require_token_id("token_ids", token)
        self.all_token_ids.extend(new)

    def block_hashes(self, block_size: int) -> list[bytes]:
        """Returns the hashes of the full blocks that its tokens make, answer included.

        Raises:
            ValueError: `block_size` is not a positive integer.
        """
        require_integer("block_size", block_size, 1)
        hashes = self._block_hashes.setdefault(block_size, [])
        extend_block_hashes(hashes, self._root_hash, self.all_token_ids, block_size)
        return hashes


def require_token_id(field: str, token: Any) -> None:
    """Raises ValueError unless `token` is an integer in [0, 2**32)."""
    require(type(token) is int and 0 <= token < 2**32, field, "numbers in [0, 2**32)", token)
