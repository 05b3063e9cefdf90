"""Part 5: latencies of one answer, and what a comparison may claim."""

from statistics import median

from benchmarks.comparison.metrics import time_per_output_token
from course.exercise import Exercise, close


def tpot(arrival: float, token_times: list[float]) -> float:
    """The time per output token, as `benchmarks` and `vllm bench serve` define it."""
    return time_per_output_token(token_times) or 0.0


def speedup(baseline_seconds: list[float], seconds: list[float]) -> float:
    """How many times as fast: the ratio of the medians."""
    return median(baseline_seconds) / median(seconds)


EXERCISES = {
    "tpot": Exercise(
        oracle=tpot,
        source="the benchmark's own definition",
        cases=lambda: [(0.0, [2.0, 2.5, 3.0]), (1.0, [1.5, 1.6]), (0.0, [5.0, 5.1, 5.3, 5.9, 6.0]), (3.0, [9.0, 10.0])],
        same=close,
        mistakes={
            "The first token is not counted: waiting for it is the time to first token.": lambda arrival, times: (
                (times[-1] - arrival) / len(times)
            ),
            "Between n tokens there are n - 1 gaps.": lambda arrival, times: (times[-1] - times[0]) / len(times),
            "Start at the first token, not at the arrival.": lambda arrival, times: (
                (times[-1] - arrival) / (len(times) - 1)
            ),
        },
    ),
    "speedup": Exercise(
        oracle=speedup,
        source="the benchmark's tables",
        cases=lambda: [
            ([4.0, 4.4, 9.0], [2.0, 2.0, 2.2]),
            ([1.0, 1.0, 1.0], [2.0, 2.0, 8.0]),
            ([3.0], [1.5]),
            ([4.0, 5.0, 9.0], [1.0, 5.0, 3.0]),
            ([1.0, 2.0, 3.0, 10.0], [1.0, 1.0, 2.0, 2.0]),
        ],
        same=close,
        mistakes={
            "One disturbed run moves a mean; take the medians.": lambda baseline_seconds, seconds: (
                sum(baseline_seconds) / len(baseline_seconds) / (sum(seconds) / len(seconds))
            ),
            "The best runs alone are not what a user sees.": lambda baseline_seconds, seconds: (
                min(baseline_seconds) / min(seconds)
            ),
            "Times as fast: the baseline's seconds stand above the line.": lambda baseline_seconds, seconds: (
                median(seconds) / median(baseline_seconds)
            ),
        },
    ),
}
