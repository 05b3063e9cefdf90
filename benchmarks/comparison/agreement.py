"""How far two engines wrote the same tokens.

In 16 bits two correct engines differ: sums are rounded in another order, and where two tokens are nearly as likely the
other one is taken. So this is reported, not required.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """An engine's answers beside those of a reference.

    Attributes:
        reference: name of the other engine.
        first_divergence: for each request the place of the first token that differs, from 0; None if none does. An
            answer that only ends earlier differs at its end.
        lengths: tokens of each answer of the reference.
    """

    reference: str
    first_divergence: list[int | None]
    lengths: list[int]


def compare(reference: str, expected: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> Agreement:
    """Returns the agreement of answers with those that are expected, both as token ids in the same order."""
    places = [first_difference(one, other) for one, other in zip(expected, answers, strict=True)]
    return Agreement(reference, places, [len(one) for one in expected])


def first_difference(one: Sequence[int], other: Sequence[int]) -> int | None:
    """Returns the first place at which two sequences differ, or None."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return None if len(one) == len(other) else min(len(one), len(other))
