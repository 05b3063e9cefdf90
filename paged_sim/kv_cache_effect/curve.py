"""How long generating takes, over the length of the answer, with and without a KV cache."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from paged_sim.checks import require, require_integer


@dataclass(frozen=True, slots=True)
class Sample:
    """One timed generation.

    Attributes:
        use_cache: whether it had a KV cache.
        new_tokens: length of the answer.
        seconds: for the whole answer, prefill included.
    """

    use_cache: bool
    new_tokens: int
    seconds: float


Generate = Callable[[int, bool], object]


def measure_curve(
    generate: Generate, repeats: Mapping[int, int], clock: Callable[[], float] = time.perf_counter
) -> Iterator[Sample]:
    """Returns samples as they are taken: in each round every length that is not done yet, with and without a cache.

    Every second round goes backwards, so a drift of the machine's speed meets all alike. Before the first round both
    run once, at the smallest length, without being counted.

    Args:
        generate: called with the length of the answer and `use_cache`; does the work.
        repeats: how often each length is measured, at least 1; lengths are at least 1.
        clock: in seconds; `time.process_time` leaves out the waiting for a turn on a machine that others use too.

    Raises:
        ValueError: there is no length, or a length or a number of repeats is below 1.
    """
    require(len(repeats) > 0, "repeats", "of at least one length", dict(repeats))
    for length, times in repeats.items():
        require_integer("length", length, 1)
        require_integer(f"repeats of length {length}", times, 1)
    return _samples(generate, dict(sorted(repeats.items())), clock)


def _samples(generate: Generate, repeats: Mapping[int, int], clock: Callable[[], float]) -> Iterator[Sample]:
    for use_cache in (True, False):
        generate(min(repeats), use_cache)
    for index in range(max(repeats.values())):
        jobs = [
            (length, use_cache) for length, times in repeats.items() if index < times for use_cache in (True, False)
        ]
        for length, use_cache in reversed(jobs) if index % 2 else jobs:
            start = clock()
            generate(length, use_cache)
            yield Sample(use_cache, length, clock() - start)
