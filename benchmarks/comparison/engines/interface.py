"""What every engine does: answer requests given as token ids, and say when.

Each engine lives in a process of its own, so nothing here may hold what cannot be pickled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """One request, the same for every engine.

    Attributes:
        prompt_token_ids: the prompt, as ids, so that no engine adds a token of its own.
        max_tokens: longest answer, in tokens.
        ignore_eos: whether the answer goes on to `max_tokens` whatever the model writes.
        adapter: name of one of the engine's adapters; None is the base model.
    """

    prompt_token_ids: tuple[int, ...]
    max_tokens: int
    ignore_eos: bool
    adapter: str | None = None

    def __post_init__(self) -> None:
        if not self.prompt_token_ids:
            raise ValueError("prompt_token_ids must hold at least one token, got none")
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, got {self.max_tokens}")


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer.

    Attributes:
        token_ids: tokens that were really generated, the end token included; never padding.
        end_s: seconds from the start of the run until the caller had the whole answer.
        token_times_s: the same for each token; None where the run did not look at single tokens.
    """

    token_ids: tuple[int, ...]
    end_s: float
    token_times_s: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class EngineSetup:
    """What an engine is started with.

    Attributes:
        model: folder or hub name of the base model.
        dtype: of weights, computation and KV cache, such as `float32`.
        max_model_len: longest prompt and answer together that will be asked, in tokens.
        max_concurrency: most requests that will be asked at once.
        adapters: folder of each LoRA adapter by its name.
        lora_rank: their rank, which the engine makes room for.
        options: settings of this kind of engine.
    """

    model: str
    dtype: str
    max_model_len: int
    max_concurrency: int
    adapters: dict[str, str] = field(default_factory=dict)
    lora_rank: int = 16
    options: dict[str, Any] = field(default_factory=dict)


class Engine(Protocol):
    """A loaded model that answers requests."""

    def generate(self, requests: Sequence[InferenceRequest], concurrency: int, token_times: bool) -> list[Completion]:
        """Returns the greedy answers in the order of the requests, all of which arrive when the call begins.

        Args:
            requests: what is asked.
            concurrency: most requests under way at once, at least 1.
            token_times: whether the time of every token is taken, which slows some engines.
        """
        ...

    def forget(self) -> None:
        """Hands back spare memory and forgets peaks, batch limits and the like of earlier shapes; not timed."""
        ...

    def facts(self) -> dict[str, float | int | str]:
        """Returns what the engine knows of itself: seconds of loading and compiling, bytes of its memory."""
        ...

    def close(self) -> None:
        """Ends the engine."""
        ...
