"""Finds the parameters of lognormal lengths from what a paper prints: mean lengths, and lengths of running requests.

A request that is seen running is not an average one: it is seen with a chance proportional to how long it runs, which
is to its answer's length O. Of the requests that run at a moment, the mean final length is E[O (P + O)] / E[O], and
the mean length so far E[O (P + O / 2)] / E[O], where P is the prompt's length. On ShareGPT that is about 735 and 443
tokens, against 499 for the requests that arrive. So a figure that shows the memory of running requests tells the
spread of the answers, which the paper does not print.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import NamedTuple

from paged_sim.checks import require
from paged_sim.paper.published import (
    MEAN_BATCH,
    MEMORY_SHARES,
    OPT_13B_SLOTS,
    ORCA_MAX,
    ORCA_ORACLE,
    ORCA_POW2,
    SHAREGPT,
    MeanLengths,
)
from paged_sim.workload.lengths import LognormalLengths


class LengthMoments(NamedTuple):
    """Expected lengths, in tokens.

    Attributes:
        prompt, output: of the requests that arrive.
        running_final: final length of the requests that run at a moment, prompt and answer.
        running_so_far: length that these have reached.
    """

    prompt: float
    output: float
    running_final: float
    running_so_far: float


def length_moments(model: LognormalLengths) -> LengthMoments:
    """Returns the expected lengths of a model, exactly: sums over all lengths, after clipping."""
    longest_output = model.longest_total - model.shortest
    # Survival P(O >= n) for n = 1, 2, …; sums of it up to c are E[min(O, c)], and with 2 n - 1 E[min(O, c) ** 2].
    below = [0.0] * model.shortest + model.output_cumulative()
    survival = [1 - below[length] for length in range(longest_output)]
    means = list(accumulate(survival))
    squares = list(accumulate((2 * index + 1) * share for index, share in enumerate(survival)))
    prompt = output = square = product = 0.0
    for length, (before, up_to) in enumerate(pairwise([0.0, *model.prompt_cumulative()]), start=model.shortest):
        longest = model.longest_total - length
        share = up_to - before
        prompt += share * length
        output += share * means[longest - 1]
        square += share * squares[longest - 1]
        product += share * length * means[longest - 1]
    return LengthMoments(prompt, output, (product + square) / output, (product + square / 2) / output)


def fit_means(model: LognormalLengths, means: MeanLengths) -> LognormalLengths:
    """Returns `model` with the two log means at which its mean lengths are `means`.

    Raises:
        ValueError: no log mean gives the mean, because it is not between the limits of the lengths.
    """
    prompt_log_mean = _solve(
        lambda value: length_moments(replace(model, prompt_log_mean=value)).prompt, means.prompt, "means.prompt"
    )
    return _fit_output_mean(replace(model, prompt_log_mean=prompt_log_mean), means.output)


def fit_output_spread(model: LognormalLengths, means: MeanLengths, running_final: float) -> LognormalLengths:
    """Returns `model` with the means `means` and the spread of answers at which running requests end at a length.

    Args:
        model: its prompt spread and limits are kept.
        means: mean lengths of the requests that arrive, in tokens.
        running_final: mean final length of the requests that run at a moment, in tokens.

    Raises:
        ValueError: no spread from 0.1 to 2 gives the length, or no log mean gives a mean.
    """
    fitted = fit_means(model, means)

    def with_spread(deviation: float) -> LognormalLengths:
        return _fit_output_mean(replace(fitted, output_log_deviation=deviation), means.output)

    deviation = _solve(
        lambda value: length_moments(with_spread(value)).running_final, running_final, "running_final", 0.1, 2
    )
    return with_spread(deviation)


def running_lengths_of_orca() -> tuple[float, float]:
    """Returns the mean final length and the mean length so far of the paper's running ShareGPT requests, in tokens.

    Figure 2 says what share of OPT-13B's slots they hold, Figure 13a how many they are; means over the three Orcas.
    """
    systems = (ORCA_MAX, ORCA_POW2, ORCA_ORACLE)
    slots = {system: OPT_13B_SLOTS / 100 / MEAN_BATCH[SHAREGPT][system] for system in systems}
    so_far = [slots[system] * MEMORY_SHARES[system].token_states for system in systems]
    to_come = [slots[system] * (MEMORY_SHARES[system].reservation or 0) for system in systems]
    return (sum(so_far) + sum(to_come)) / len(systems), sum(so_far) / len(systems)


def _fit_output_mean(model: LognormalLengths, output: float) -> LognormalLengths:
    log_mean = _solve(
        lambda value: length_moments(replace(model, output_log_mean=value)).output, output, "means.output"
    )
    return replace(model, output_log_mean=log_mean)


def _solve(function: Callable[[float], float], target: float, field: str, low: float = 0, high: float = 10) -> float:
    """Returns where a rising function reaches `target` within [low, high], to 1e-8, by bisection."""
    require(function(low) <= target <= function(high), field, f"in [{function(low):g}, {function(high):g}]", target)
    while high - low > 1e-8:
        middle = (low + high) / 2
        if function(middle) < target:
            low = middle
        else:
            high = middle
    return (low + high) / 2
