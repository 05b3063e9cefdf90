"""System prompts that many requests start with."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from paged_sim.checks import require_integer, require_number
from paged_sim.workload.randomness import draw_indices, uniform_draws
from paged_sim.workload.trace import Segment, TraceRequest


def system_prompts(number: int, length: int, seed: int, zipf_exponent: float = 0) -> Iterator[Segment]:
    """Returns system prompts without end, chosen among a few.

    Args:
        number: how many different ones there are, at least 1.
        length: tokens of each, at least 1.
        seed: an integer of at least 0; the same seed gives the same choices.
        zipf_exponent: at least 0. The k-th most popular one is chosen in proportion to 1 / k ** `zipf_exponent`: 0
            chooses all equally often, 1 is Zipf's law.

    Raises:
        ValueError: a value is out of its range; the message names field, rule and value.
    """
    require_integer("number", number, 1)
    require_integer("length", length, 1)
    require_number("zipf_exponent", zipf_exponent, 0)
    draw = uniform_draws(seed, "system prompts")
    segments = [Segment(f"system-{index}", length) for index in range(number)]
    weights = [(index + 1) ** -float(zipf_exponent) for index in range(number)]
    return (segments[index] for index in draw_indices(weights, draw))


def with_system_prompts(trace: Iterable[TraceRequest], prompts: Iterable[Segment]) -> Iterator[TraceRequest]:
    """Returns the requests of `trace`, each with the next of `prompts` in front of its own prompt."""
    pairs = zip(trace, prompts, strict=False)
    return (replace(request, prompt=(prompt, *request.prompt)) for request, prompt in pairs)
