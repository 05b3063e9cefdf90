"""Random numbers that are the same on every machine and in every version of Python.

Of the methods of `random.Random`, Python promises the same sequence in later versions for `random()` only, given the
same seed; NumPy promises none for the distributions of its `Generator`. So every workload is made from `random()`:
whole numbers by looking the draw up in a table of cumulative probabilities, times by rounding to whole microseconds.
What is left are the last bits of `math.log`, `exp` and `erfc`, which may differ between C libraries: they change a
result only if a draw falls within about 1e-16 of a border between two lengths, or a time within about 1e-10 of one
between two microseconds. A trace that must be the same everywhere beyond doubt is saved as a file.
"""

import random
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from paged_sim.checks import require_integer


def uniform_draws(seed: int, stream: str) -> Callable[[], float]:
    """Returns a function whose calls give numbers of [0, 1), evenly spread.

    Args:
        seed: an integer of at least 0; the same seed and stream give the same numbers.
        stream: what is drawn. Streams of other names are independent, so lengths stay the same when the arrivals do
            not.

    Raises:
        ValueError: the seed is not an integer of at least 0.
    """
    require_integer("seed", seed, 0)
    return random.Random(f"{stream}/{seed}").random


def draw_indices(weights: Iterable[float], draw: Callable[[], float]) -> Iterator[int]:
    """Returns indices of `weights` without end, each as often as its weight says.

    Args:
        weights: at least one number of at least 0, not all of them 0.
        draw: gives numbers of [0, 1), as `uniform_draws` makes it.
    """
    cumulative = list(accumulate(weights))
    total = cumulative[-1]
    while True:
        yield bisect_right(cumulative, draw() * total)
