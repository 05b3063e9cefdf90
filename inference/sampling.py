"""Sampling parameters, checked before the engine sees them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from inference.errors import SamplingError


@dataclass(frozen=True, slots=True)
class SamplingOptions:
    """How the next token is chosen, and when to stop.

    Attributes:
        max_tokens: most tokens of an answer, at least 1.
        temperature: 0 takes the likeliest token (greedy); higher is more varied, up to 2.
        top_p: keeps the likeliest tokens up to this share of probability, in (0, 1]; 1 keeps all.
        top_k: keeps this many of the likeliest tokens, at least 1; 0 or -1 keeps all.
        repetition_penalty: above 1 makes tokens that have occurred less likely; above 0, 1 is off.
        stop: text or texts that end the answer; not part of it.
        seed: the same seed gives the same answer to the same request; None is random.
        grammar: the answer is a text of this grammar (xgrammar's EBNF with a rule `root`), unless `max_tokens` cuts it
            off; None leaves it free. Never take one from a user: compiling it is work without a limit.

    Raises:
        SamplingError: a value is out of its range; the message names field, range and value.
    """

    max_tokens: int = 512
    temperature: float = 0.7
    top_p: float = 0.9
    top_k: int = 50
    repetition_penalty: float = 1.0
    stop: str | Sequence[str] | None = None
    seed: int | None = None
    grammar: str | None = None

    def __post_init__(self) -> None:
        for name in ("max_tokens", "top_k"):
            self._require(type(getattr(self, name)) is int, name, "an integer")
        for name in ("temperature", "top_p", "repetition_penalty"):
            self._require(type(getattr(self, name)) in (int, float), name, "a number")
        self._require(self.max_tokens >= 1, "max_tokens", "at least 1")
        self._require(0 <= self.temperature <= 2, "temperature", "in [0, 2]; 0 is greedy")
        self._require(0 < self.top_p <= 1, "top_p", "in (0, 1]; 1 keeps all tokens")
        self._require(self.top_k >= -1, "top_k", "at least 1, or 0 or -1 to keep all tokens")
        self._require(0 < self.repetition_penalty <= 100, "repetition_penalty", "in (0, 100]; 1 is off")
        known_seed = self.seed is None or (type(self.seed) is int and 0 <= self.seed < 2**63)
        self._require(known_seed, "seed", "an integer in [0, 2**63), or None")
        is_list = isinstance(self.stop, (str, list, tuple)) or self.stop is None
        texts = is_list and all(isinstance(text, str) and text for text in self.stop_texts)
        self._require(texts, "stop", "a non-empty text, or a list of them")
        # vLLM takes a text without any `::=` for a grammar of another kind.
        is_grammar = isinstance(self.grammar, str) and "root ::=" in self.grammar
        self._require(self.grammar is None or is_grammar, "grammar", "EBNF with a rule `root ::= …`, or None")

    @classmethod
    def from_arguments(cls, **arguments: Any) -> Self:
        """As the constructor, with a SamplingError for a name that is unknown."""
        known = [field.name for field in fields(cls)]
        for name in arguments.keys() - set(known):
            raise SamplingError(f"There is no sampling parameter {name!r}; there are {', '.join(known)}.")
        return cls(**arguments)

    def _require(self, holds: bool, name: str, allowed: str) -> None:
        if not holds:
            raise SamplingError(f"{name} must be {allowed}, got {getattr(self, name)!r}")

    @property
    def stop_texts(self) -> list[str]:
        """`stop` as a list."""
        if self.stop is None:
            return []
        return [self.stop] if isinstance(self.stop, str) else list(self.stop)

    def to_vllm(self, **options: Any) -> Any:
        """Returns vLLM's `SamplingParams` with these values and `options`."""
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        return SamplingParams(
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            repetition_penalty=self.repetition_penalty,
            stop=self.stop_texts or None,
            seed=self.seed,
            structured_outputs=None if self.grammar is None else StructuredOutputsParams(grammar=self.grammar),
            **options,
        )
