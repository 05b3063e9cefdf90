"""The measures, each defined once. Times are seconds; all requests of a run arrive at its beginning, time 0.

- TTFT, time to first token: the first token's time. It contains waiting for a place in the batch.
- TPOT, time per output token: (last token's time - first token's time) / (tokens - 1); answers of one token have none.
- ITL, inter-token latency: every gap between successive tokens of an answer, pooled over all answers.
- E2E, end-to-end latency: the time at which the caller has the whole answer.
- Output tokens per second: tokens that were really generated, over the time until the last answer.
- Requests per second: answers over the same time.
- Goodput: requests per second that kept every limit of an objective (the idea of DistServe, arXiv 2401.09670).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.comparison.engines.interface import Completion
from benchmarks.comparison.worker_process import EngineRun

# The gaps are many: their 0th to 100th percentile are kept.
ITL_PERCENTILES = range(101)


@dataclass(frozen=True, slots=True)
class Objective:
    """What a user would call fast enough.

    Attributes:
        ttft_s: longest time to first token.
        tpot_s: longest time per output token.
    """

    ttft_s: float
    tpot_s: float


@dataclass(frozen=True, slots=True)
class Latencies:
    """What a run with the time of every token showed.

    Attributes:
        total_s: seconds until the last answer.
        ttft_s, e2e_s: of each request, in the order of the requests.
        tpot_s: likewise; None for an answer of one token.
        itl_percentiles_s: 0th to 100th percentile of all gaps; empty if no answer has two tokens.
    """

    total_s: float
    ttft_s: list[float]
    tpot_s: list[float | None]
    e2e_s: list[float]
    itl_percentiles_s: list[float]

    def as_record(self) -> dict[str, object]:
        """Returns the fields, rounded to microseconds."""
        return {name: _rounded(value) for name, value in asdict(self).items()}


def latencies(run: EngineRun) -> Latencies:
    """Returns the latencies of a run that took the time of every token.

    Raises:
        ValueError: it did not.
    """
    times = [_token_times(completion) for completion in run.completions]
    gaps = np.concatenate([np.diff(one) for one in times])
    return Latencies(
        total_s=run.total_s,
        ttft_s=[one[0] for one in times],
        tpot_s=[time_per_output_token(one) for one in times],
        e2e_s=[completion.end_s for completion in run.completions],
        itl_percentiles_s=np.percentile(gaps, list(ITL_PERCENTILES)).tolist() if gaps.size else [],
    )


def time_per_output_token(token_times_s: Sequence[float]) -> float | None:
    """Returns TPOT of one answer; None if it has one token."""
    if len(token_times_s) < 2:
        return None
    return (token_times_s[-1] - token_times_s[0]) / (len(token_times_s) - 1)


def goodput(ttft_s: Sequence[float], tpot_s: Sequence[float | None], total_s: float, objective: Objective) -> float:
    """Returns requests per second that kept the objective; an answer of one token has no TPOT to break."""
    kept = sum(
        ttft <= objective.ttft_s and (tpot is None or tpot <= objective.tpot_s)
        for ttft, tpot in zip(ttft_s, tpot_s, strict=True)
    )
    return kept / total_s


def _token_times(completion: Completion) -> Sequence[float]:
    if completion.token_times_s is None:
        raise ValueError("The run took no times of tokens")
    return completion.token_times_s


def _rounded(value: object) -> object:
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 6) if isinstance(value, float) else value
