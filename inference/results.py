"""What an answer cost, beside its text."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class GenerationResult:
    """One answer of the engine.

    Attributes:
        text: the answer.
        token_ids: its tokens, the end token included if it was generated.
        prompt_tokens: number of tokens of the prompt.
        finish_reason: `stop` (end token or stop text), `length` (max_tokens or context used up) or `abort`.
        time_to_first_token_s: from arrival at the engine to the first token, in seconds; waiting in a batch included.
        latency_s: from arrival to the last token, in seconds.
        adapter: name of the LoRA adapter that answered; None for the base model.
    """

    text: str
    token_ids: tuple[int, ...]
    prompt_tokens: int
    finish_reason: str
    time_to_first_token_s: float
    latency_s: float
    adapter: str | None

    @property
    def output_tokens(self) -> int:
        """Number of tokens generated."""
        return len(self.token_ids)

    @property
    def tokens_per_second(self) -> float:
        """Output tokens over latency, for this request alone."""
        return self.output_tokens / self.latency_s if self.latency_s else 0.0


def to_result(output: Any, adapter: str | None) -> GenerationResult:
    """Returns the result of one finished vLLM `RequestOutput`.

    vLLM's `arrival_time` is wall time and its other stamps are monotonic, so the latency is put together from the
    time to the first token and the stretch from the first to the last (vllm/v1/metrics/stats.py).
    """
    completion = output.outputs[0]
    stats = output.metrics
    return GenerationResult(
        text=completion.text,
        token_ids=tuple(completion.token_ids),
        prompt_tokens=len(output.prompt_token_ids),
        finish_reason=completion.finish_reason,
        time_to_first_token_s=stats.first_token_latency,
        latency_s=stats.first_token_latency + stats.last_token_ts - stats.first_token_ts,
        adapter=adapter,
    )
