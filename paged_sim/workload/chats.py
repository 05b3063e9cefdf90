"""Chats: the prompt of each turn holds all earlier messages and answers of its conversation.

A trace fixes all arrivals in advance, so it cannot wait until the simulated answer is complete. It assumes a speed at
which answers are given and read instead.
"""

import heapq
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple, Self

from paged_sim.checks import require_integer, require_number
from paged_sim.workload.randomness import uniform_draws
from paged_sim.workload.trace import Segment, TraceRequest


@dataclass(frozen=True, slots=True)
class ChatShape:
    """How a conversation goes on.

    Attributes:
        num_turns: messages of each conversation, at least 1. The last turn's prompt and answer are together up to
            `num_turns` times as long as the longest message and answer.
        mean_think_time: seconds between an answer and the next message, exponentially distributed; at least 0.
        time_per_output_token: seconds that each token of an answer takes, at least 0.

    Raises:
        ValueError: a value is out of its range; the message names field, rule and value.
    """

    num_turns: int = 4
    mean_think_time: float = 10.0
    time_per_output_token: float = 0.05

    def __post_init__(self) -> None:
        require_integer("num_turns", self.num_turns, 1)
        require_number("mean_think_time", self.mean_think_time, 0)
        require_number("time_per_output_token", self.time_per_output_token, 0)


class _Turn(NamedTuple):
    arrival_time: float
    conversation: int
    index: int
    history: tuple[Segment, ...] = ()

    def request(self, message: int, answer: int) -> TraceRequest:
        """Returns the request for an answer of `answer` tokens to a message of `message` tokens."""
        conversation = f"c{self.conversation:07d}"
        prompt = (*self.history, Segment(f"{conversation}/message-{self.index}", message))
        output = Segment(f"{conversation}/answer-{self.index}", answer)
        return TraceRequest(f"{conversation}-{self.index}", prompt, output, self.arrival_time)

    def following(self, request: TraceRequest, pause: float) -> Self:
        """Returns the turn that comes `pause` seconds after this one, whose request is `request`."""
        arrival_time = round(self.arrival_time + pause, 6)
        return self._replace(arrival_time=arrival_time, index=self.index + 1, history=(*request.prompt, request.output))


def chats(
    lengths: Iterable[tuple[int, int]], starts: Iterable[float], shape: ChatShape, seed: int
) -> Iterator[TraceRequest]:
    """Returns the turns of all conversations in order of arrival, until there are no more lengths or turns.

    Only the conversations that have started and not ended are held in memory.

    Args:
        lengths: of a message and its answer, in tokens, for each turn.
        starts: when each conversation starts, in seconds, in rising order.
        shape: turns, think time and speed of the answers.
        seed: of the think times, an integer of at least 0.

    Raises:
        ValueError: the seed is out of its range.
    """
    return _merged_turns(lengths, iter(starts), shape, uniform_draws(seed, "think times"))


def _merged_turns(
    lengths: Iterable[tuple[int, int]], starts: Iterator[float], shape: ChatShape, draw: Callable[[], float]
) -> Iterator[TraceRequest]:
    due: list[_Turn] = []
    conversations = count()
    start = next(starts, None)
    for message, answer in lengths:
        while start is not None and (not due or start < due[0].arrival_time):
            heapq.heappush(due, _Turn(start, next(conversations), 0))
            start = next(starts, None)
        if not due:
            return
        turn = heapq.heappop(due)
        request = turn.request(message, answer)
        yield request
        if turn.index + 1 < shape.num_turns:
            think_time = -math.log(1 - draw()) * shape.mean_think_time
            heapq.heappush(due, turn.following(request, answer * shape.time_per_output_token + think_time))
