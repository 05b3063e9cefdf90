"""How sure a share is, and whether two systems that answered the same questions differ."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

# Of a two-sided 95 % interval.
_Z: Final = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many.

    Attributes:
        count: at least 0.
        total: at least `count`, and at least 1.

    Raises:
        ValueError: the numbers are out of their range.
    """

    count: int
    total: int

    def __post_init__(self) -> None:
        if self.total < 1:
            raise ValueError(f"total must be at least 1, got {self.total}")
        if not 0 <= self.count <= self.total:
            raise ValueError(f"count must be in [0, {self.total}], got {self.count}")

    @property
    def percent(self) -> float:
        """The share, in percent."""
        return 100 * self.count / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share, in percent (Wilson, JASA 22, 1927); right for 0 and for all too."""
        share, square = self.count / self.total, _Z**2 / self.total
        middle = (share + square / 2) / (1 + square)
        reach = math.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
        return max(0.0, 100 * (middle - reach)), min(100.0, 100 * (middle + reach))


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Returns the exact two-sided p-value that two systems are equally good (McNemar's test, binomial).

    Args:
        only_first: questions that only the first system got right, at least 0.
        only_second: questions that only the second one got right, at least 0.

    Raises:
        ValueError: a number is below 0.
    """
    if min(only_first, only_second) < 0:
        raise ValueError(f"counts must be at least 0, got {only_first} and {only_second}")
    total, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(total, count) for count in range(fewer + 1))
    return min(1.0, 2 * tail / 2**total)
