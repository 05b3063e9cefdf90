"""Lengths of prompts and answers: those of the PagedAttention paper's data sets, fixed ones and uniform ones.

Every function here returns pairs (prompt tokens, answer tokens) without end.

The paper prints the mean lengths of ShareGPT and Alpaca (Figure 11), not their spread. Lengths are lognormal here,
rounded to whole tokens and clipped the way vLLM's own benchmark filters ShareGPT (`is_valid_sequence`: at least 4
tokens, prompts up to 1024, prompt and answer up to 2048 together). `length_fit` finds the parameters below:

* the means after clipping are exactly the paper's;
* the spread of ShareGPT's answers is the one at which the requests that run at a moment are as long as Figures 2 and
  13 say; that of Alpaca's, 0.83, is the one at which Orca (Oracle) runs the batch of Figure 13b;
* the spread of the prompts is assumed. Twice the spread for Alpaca, or two thirds of it for ShareGPT, moves no share
  of Figures 2 and 15 by more than about a point.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat

from paged_sim.checks import require, require_integer, require_number
from paged_sim.workload.randomness import uniform_draws


@dataclass(frozen=True, slots=True)
class LognormalLengths:
    """Lengths whose logarithms are normally distributed, rounded to whole tokens and clipped.

    Prompt and answer are drawn independently; an answer that would make the two longer than `longest_total` is cut.

    Attributes:
        prompt_log_mean, output_log_mean: mean of the logarithm of the length before clipping.
        prompt_log_deviation, output_log_deviation: its standard deviation, above 0.
        shortest: least tokens of a prompt and of an answer, at least 1.
        longest_prompt: most tokens of a prompt, at least `shortest`.
        longest_total: most tokens of both, at least `longest_prompt` + `shortest`.

    Raises:
        ValueError: a value is out of its range; the message names field, rule and value.
    """

    prompt_log_mean: float
    prompt_log_deviation: float
    output_log_mean: float
    output_log_deviation: float
    shortest: int = 4
    longest_prompt: int = 1024
    longest_total: int = 2048

    def __post_init__(self) -> None:
        for field in ("prompt_log_mean", "output_log_mean"):
            require_number(field, getattr(self, field), float("-inf"))
        for field in ("prompt_log_deviation", "output_log_deviation"):
            require_number(field, getattr(self, field), 0)
            require(getattr(self, field) > 0, field, "above 0", getattr(self, field))
        require_integer("shortest", self.shortest, 1)
        require_integer("longest_prompt", self.longest_prompt, self.shortest)
        require_integer("longest_total", self.longest_total, self.longest_prompt + self.shortest)

    def prompt_cumulative(self) -> list[float]:
        """Returns the probability of a prompt of at most `shortest`, `shortest` + 1, … `longest_prompt` tokens."""
        return self._cumulative(self.prompt_log_mean, self.prompt_log_deviation, self.longest_prompt)

    def output_cumulative(self) -> list[float]:
        """Returns the probability of an answer, before it is cut, of at most `shortest`, … `longest_total` tokens."""
        return self._cumulative(self.output_log_mean, self.output_log_deviation, self.longest_total)

    def _cumulative(self, log_mean: float, log_deviation: float, longest: int) -> list[float]:
        scale = -1 / (log_deviation * math.sqrt(2))
        # A length of n tokens stands for the interval from n - 1/2 to n + 1/2.
        lengths = range(self.shortest, longest)
        return [math.erfc((math.log(length + 0.5) - log_mean) * scale) / 2 for length in lengths] + [1.0]


SHAREGPT_LENGTHS = LognormalLengths(4.18101090, 1.5, 5.53933050, 0.76496020)
ALPACA_LENGTHS = LognormalLengths(2.83557979, 0.5, 3.72369938, 0.83)


def lognormal_lengths(model: LognormalLengths, seed: int) -> Iterator[tuple[int, int]]:
    """Returns lengths drawn from `model`, the same ones for the same seed (an integer of at least 0)."""
    return _draw_lognormal(model, uniform_draws(seed, "lengths"))


def sharegpt_lengths(seed: int) -> Iterator[tuple[int, int]]:
    """Returns ShareGPT-like lengths: on average 161.31 and 337.99 tokens (paper, Figure 11a)."""
    return lognormal_lengths(SHAREGPT_LENGTHS, seed)


def alpaca_lengths(seed: int) -> Iterator[tuple[int, int]]:
    """Returns Alpaca-like lengths: on average 19.31 and 58.45 tokens (paper, Figure 11b)."""
    return lognormal_lengths(ALPACA_LENGTHS, seed)


def fixed_lengths(prompt: int, output: int) -> Iterator[tuple[int, int]]:
    """Returns the same lengths again and again, each at least 1 token."""
    require_integer("prompt", prompt, 1)
    require_integer("output", output, 1)
    return repeat((prompt, output))


def uniform_lengths(prompt: int, output: int, range_ratio: float, seed: int) -> Iterator[tuple[int, int]]:
    """Returns lengths drawn evenly from [length x (1 - range_ratio), length x (1 + range_ratio)].

    The bounds are those of vLLM's random benchmark (`vllm/benchmarks/datasets/utils.py`): the lower one is rounded
    down, the upper one up.

    Args:
        prompt, output: middle of the range, in tokens, at least 1.
        range_ratio: half of the width, as a share of the middle, in [0, 1).
        seed: an integer of at least 0; the same seed gives the same lengths.

    Raises:
        ValueError: a value is out of its range; the message names field, rule and value.
    """
    require_integer("prompt", prompt, 1)
    require_integer("output", output, 1)
    require_number("range_ratio", range_ratio, 0)
    require(range_ratio < 1, "range_ratio", "below 1", range_ratio)
    draw = uniform_draws(seed, "lengths")
    prompts, outputs = _range_around(prompt, range_ratio), _range_around(output, range_ratio)
    return ((_draw_from(prompts, draw), _draw_from(outputs, draw)) for _ in repeat(None))


def _draw_lognormal(model: LognormalLengths, draw: Callable[[], float]) -> Iterator[tuple[int, int]]:
    shortest, longest_total = model.shortest, model.longest_total
    prompts, outputs = model.prompt_cumulative(), model.output_cumulative()
    while True:
        prompt = shortest + bisect_right(prompts, draw())
        yield prompt, min(shortest + bisect_right(outputs, draw()), longest_total - prompt)


def _range_around(middle: int, ratio: float) -> range:
    lowest = max(1, math.floor(middle * (1 - ratio)))
    return range(lowest, math.ceil(middle * (1 + ratio)) + 1)


def _draw_from(lengths: range, draw: Callable[[], float]) -> int:
    return lengths[int(draw() * len(lengths))]
