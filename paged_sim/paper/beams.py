"""How the beams of a beam search descend from each other: a model of what a language model's scores would do.

In each step a beam search extends every beam by its likeliest tokens and keeps the best `width` of all. When two of
these continue the same beam, another beam has no continuation and is dropped. Only this family tree matters to the KV
cache, and only the probabilities of a real model would tell it. Here it is assumed that

* in a step at most one beam is dropped, and any other beam may be the one that continues twice (the Moran model of
  population genetics);
* a beam is dropped in step t with probability `DROPS` / t: scores are sums over all tokens so far, so the gaps
  between beams grow with the answer and a single token seldom turns the order round.

The second assumption is what Figure 15b and section 6.3 together ask for. With a constant probability, beams on
ShareGPT, whose answers are 5.8 times as long as Alpaca's, would share a much larger part of their memory than the
paper says.
"""

from collections.abc import Iterator

from paged_sim.checks import require_integer, require_number
from paged_sim.workload.randomness import uniform_draws

# Fitted to the three values of Figure 15b (Alpaca); the range that section 6.3 gives for ShareGPT is then a prediction.
DROPS = 5.0


def beam_parents(width: int, steps: int, seed: int, drops: float = DROPS) -> Iterator[list[int]]:
    """Returns, for each step, the index of the beam that each of the `width` new beams continues.

    Args:
        width: number of beams, at least 1; a single beam always continues itself.
        steps: number of steps, at least 0.
        seed: an integer of at least 0; the same seed gives the same beams.
        drops: probability that a given beam is dropped in step t (from 1), times t; at least 0. At most one beam is
            dropped in a step: the probability that one is, is the smaller of 1 and `width` x `drops` / t.

    Raises:
        ValueError: a value is out of its range; the message names field, rule and value.
    """
    require_integer("width", width, 1)
    require_integer("steps", steps, 0)
    require_number("drops", drops, 0)
    draw = uniform_draws(seed, "beams")

    def parents(step: int) -> list[int]:
        beams = list(range(width))
        if width > 1 and draw() * step < width * drops:
            dropped = int(draw() * width)
            beams[dropped] = (dropped + 1 + int(draw() * (width - 1))) % width
        return beams

    return (parents(step) for step in range(1, steps + 1))
