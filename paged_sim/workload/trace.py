"""A trace: requests with their contents and arrival times, as a simulation reads them.

Contents are named, not stored. A `Segment` stands for the first tokens of an endless stream of tokens that its name
alone determines, so two requests share a prefix exactly where their segments agree, and a trace of a million requests
stays small. `segment_token_ids` gives the tokens to whoever needs them.
"""

import hashlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from paged_sim.checks import require, require_integer, require_number, require_text_or_none

# Twelve days; simulated times are kept in picoseconds, and 64 bits end at 106 days.
LATEST_S = 1_000_000


class Segment(NamedTuple):
    """The first `length` tokens of the stream `name`."""

    name: str
    length: int


def segment_token_ids(segment: Segment) -> list[int]:
    """Returns the tokens of a segment: 32-bit numbers that depend on its name only.

    A longer segment of the same name starts with the same tokens. Two streams agree in a token by chance only, once
    in 2**32.
    """
    return array("I", hashlib.shake_128(segment.name.encode()).digest(4 * segment.length)).tolist()


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """One request of a trace.

    Attributes:
        request_id: unique within the trace; ties of the priority policy are broken by it, as text.
        prompt: its segments, one after the other.
        output: what the model will answer; its length is the number of tokens until the answer ends.
        arrival_time: seconds since the start of the trace.
        abort_time: when the client gives up, in seconds since the start; None waits to the end.
        priority: a lower value is more important; only the priority policy looks at it.
        lora_name: the adapter; requests with different adapters share no blocks.
        cache_salt: requests with different salts share no blocks.

    Raises:
        ValueError: a value is out of its range; the message names field, rule and value.
    """

    request_id: str
    prompt: tuple[Segment, ...]
    output: Segment
    arrival_time: float = 0.0
    abort_time: float | None = None
    priority: int = 0
    lora_name: str | None = None
    cache_salt: str | None = None

    def __post_init__(self) -> None:
        is_name = type(self.request_id) is str and self.request_id != ""
        require(is_name, "request_id", "a non-empty text", self.request_id)
        require(bool(self.prompt), "prompt", "at least one segment", self.prompt)
        for segment in self.prompt:
            _check_segment("prompt", segment)
        _check_segment("output", self.output)
        require_number("arrival_time", self.arrival_time, 0, LATEST_S)
        if self.abort_time is not None:
            require_number("abort_time", self.abort_time, self.arrival_time, LATEST_S)
        require(type(self.priority) is int, "priority", "an integer", self.priority)
        require_text_or_none("lora_name", self.lora_name)
        require_text_or_none("cache_salt", self.cache_salt)

    @property
    def num_prompt_tokens(self) -> int:
        """Length of the prompt, in tokens."""
        return sum(segment.length for segment in self.prompt)

    @property
    def num_output_tokens(self) -> int:
        """Length of the answer, in tokens."""
        return self.output.length

    def prompt_token_ids(self) -> list[int]:
        """Returns the tokens of the prompt."""
        return [token for segment in self.prompt for token in segment_token_ids(segment)]

    def output_token_ids(self) -> list[int]:
        """Returns the tokens of the answer."""
        return segment_token_ids(self.output)


def _check_segment(field: str, segment: Segment) -> None:
    require(isinstance(segment, Segment), field, "made of segments", segment)
    name, length = segment
    is_text = type(name) is str and (name.isascii() or name.encode(errors="replace").decode() == name)
    require(is_text, f"name of a segment of {field}", "a text that UTF-8 can hold", name)
    if type(length) is not int or length < 1:
        require_integer(f"length of segment {name!r}", length, 1)


def request_of_lengths(request_id: str, prompt: int, output: int, arrival_time: float = 0.0) -> TraceRequest:
    """Returns a request that shares its contents with no other.

    Args:
        request_id: unique within the trace.
        prompt: length of the prompt, in tokens, at least 1.
        output: length of the answer, in tokens, at least 1.
        arrival_time: seconds since the start of the trace.
    """
    require_integer("prompt", prompt, 1)
    require_integer("output", output, 1)
    segments = (Segment(f"{request_id}/prompt", prompt),)
    return TraceRequest(request_id, segments, Segment(f"{request_id}/answer", output), arrival_time)


def total_tokens(trace: Iterable[TraceRequest]) -> int:
    """Returns the tokens of all prompts and answers."""
    return sum(request.num_prompt_tokens + request.num_output_tokens for request in trace)
