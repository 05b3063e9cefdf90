"""Latency and throughput of a simulation, with the definitions that serving benchmarks use."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paged_sim.simulation.cost_model import PS_PER_S
from paged_sim.simulation.outcomes import UNSET
from paged_sim.simulation.simulate import SimulationResult


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Mean and percentiles of a time over the finished requests, in seconds; NaN without any."""

    mean: float
    p50: float
    p90: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Percentiles":
        """Returns those of a sample."""
        if len(seconds) == 0:
            return cls(*[float("nan")] * 4)
        return cls(float(np.mean(seconds)), *(float(np.percentile(seconds, q)) for q in (50, 90, 99)))


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """How a simulation served its requests.

    Attributes:
        num_finished: requests that got their whole answer; the others count in no time below.
        duration_s: simulated seconds until the last step ended.
        requests_per_s, output_tokens_per_s: finished requests, and their answers' tokens, over the duration.
        queue_s: from submission to the first step that computed something.
        ttft_s: time to first token: from submission to the end of the step that gave it.
        tpot_s: time per output token after the first; of requests with at least two.
        e2e_s: from submission to the last token.
        normalized_s: `e2e_s` over the tokens of the answer, the latency of the PagedAttention paper (section 6.1).
    """

    num_finished: int
    duration_s: float
    requests_per_s: float
    output_tokens_per_s: float
    queue_s: Percentiles
    ttft_s: Percentiles
    tpot_s: Percentiles
    e2e_s: Percentiles
    normalized_s: Percentiles


def latency_summary(result: SimulationResult) -> LatencySummary:
    """Returns latency and throughput of a simulation whose outcomes were recorded."""
    outcomes = result.outcomes
    finished = np.asarray(outcomes.finished_ps, dtype=np.int64)
    done = finished != UNSET

    def column(values: Sequence[int]) -> np.ndarray:
        return np.asarray(values, dtype=np.int64)[done]

    end, submitted, first = finished[done], column(outcomes.submitted_ps), column(outcomes.first_token_ps)
    tokens = column(outcomes.num_output_tokens)
    several = tokens > 1
    e2e = (end - submitted) / PS_PER_S
    return LatencySummary(
        num_finished=len(end),
        duration_s=result.duration_s,
        requests_per_s=len(end) / result.duration_s if result.duration_s else 0.0,
        output_tokens_per_s=float(tokens.sum()) / result.duration_s if result.duration_s else 0.0,
        queue_s=Percentiles.of((column(outcomes.scheduled_ps) - submitted) / PS_PER_S),
        ttft_s=Percentiles.of((first - submitted) / PS_PER_S),
        tpot_s=Percentiles.of((end - first)[several] / PS_PER_S / (tokens[several] - 1)),
        e2e_s=Percentiles.of(e2e),
        normalized_s=Percentiles.of(e2e / tokens),
    )
