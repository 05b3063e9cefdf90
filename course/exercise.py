"""An exercise: a function that the reader writes, and an oracle that it must agree with on many inputs."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Arguments = tuple[Any, ...]


def equal(yours: Any, expected: Any) -> bool:
    """Whether two results are equal: numbers of one kind, lists and tuples alike."""
    if isinstance(expected, list | tuple):
        is_list = isinstance(yours, list | tuple | np.ndarray) and len(yours) == len(expected)
        return is_list and all(map(equal, yours, expected))
    if isinstance(expected, bool):
        return isinstance(yours, bool | np.bool_) and bool(yours) == expected
    if isinstance(yours, np.ndarray):
        return yours.ndim == 0 and bool(yours == expected)
    return type(yours) is not bool and bool(yours == expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """A task of the notebook.

    Attributes:
        oracle: what the reader's function must return, and its parameters' names.
        source: whose answer the oracle gives, as a sentence goes on after "agrees with".
        cases: returns the arguments of each call, the plainest first; several, so that no constant passes.
        mistakes: what to say to an answer that agrees with this wrong function on all cases.
        same: whether two results are the same.
        picture: draws what the reader's function returns; None for nothing to see.
    """

    oracle: Callable[..., Any]
    source: str
    cases: Callable[[], Sequence[Arguments]]
    mistakes: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    same: Callable[[Any, Any], bool] = equal
    picture: Callable[[Callable[..., Any]], Any] | None = None


def close(yours: Any, expected: Any) -> bool:
    """Whether two numbers or arrays agree to five digits."""
    try:
        given, wanted = np.asarray(yours, dtype=float), np.asarray(expected, dtype=float)
    except (TypeError, ValueError):
        return False
    return given.shape == wanted.shape and bool(np.allclose(given, wanted, rtol=1e-5, atol=math.ulp(1e6)))


def all_close(yours: Any, expected: Any) -> bool:
    """Whether two sequences of numbers or arrays agree part by part."""
    is_sequence = isinstance(yours, list | tuple) and len(yours) == len(expected)
    return is_sequence and all(map(close, yours, expected))
