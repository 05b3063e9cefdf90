"""When requests arrive: endless iterators of times in seconds since the start of the trace, in rising order."""

import math
from collections.abc import Iterator
from itertools import accumulate, count, repeat

from paged_sim.checks import require
from paged_sim.workload.randomness import uniform_draws

# Times are whole microseconds, which is a tenth of the mean gap at this rate.
HIGHEST_RATE = 100_000
_MICROSECONDS = 1_000_000


def poisson_arrivals(rate: float, seed: int) -> Iterator[float]:
    """Returns the times of a Poisson process: gaps are exponentially distributed, with a mean of 1 / `rate` seconds.

    Args:
        rate: arrivals per second on average, above 0 and at most `HIGHEST_RATE`.
        seed: an integer of at least 0; the same seed gives the same arrivals.

    Raises:
        ValueError: a value is out of its range; the message names field, rule and value.
    """
    require_rate(rate)
    draw = uniform_draws(seed, "arrivals")
    mean_gap = _MICROSECONDS / rate
    gaps = (round(-math.log(1 - draw()) * mean_gap) for _ in repeat(None))
    return (time / _MICROSECONDS for time in accumulate(gaps))


def evenly_spaced_arrivals(rate: float) -> Iterator[float]:
    """Returns times 1 / `rate` seconds apart, from 0 on.

    Args:
        rate: arrivals per second, above 0 and at most `HIGHEST_RATE`.

    Raises:
        ValueError: the rate is out of its range.
    """
    require_rate(rate)
    return (round(index * _MICROSECONDS / rate) / _MICROSECONDS for index in count())


def burst_arrivals() -> Iterator[float]:
    """Returns the time 0 again and again: everything arrives at the start."""
    return repeat(0.0)


def require_rate(rate: float) -> None:
    """Raises ValueError unless `rate` is a number above 0 and at most `HIGHEST_RATE`."""
    rule = f"a number above 0 and at most {HIGHEST_RATE} per second"
    require(type(rate) in (int, float) and 0 < rate <= HIGHEST_RATE, "rate", rule, rate)
