"""The paper's figures as jobs: each runs a simulation and puts its numbers beside the printed ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from statistics import mean

from paged_sim.paper import published
from paged_sim.paper.batch_at_rate import batch_at_rate
from paged_sim.paper.contiguous_cache import ContiguousCache
from paged_sim.paper.contiguous_serving import ServingAverages, always_queued, serve
from paged_sim.paper.paged_serving import serve_paged
from paged_sim.paper.reservation import RESERVATION_RULES
from paged_sim.paper.sharing import saved_by_beam_search, saved_by_parallel_sampling
from paged_sim.simulation.watermark_experiment import PUBLISHED_PREEMPTIONS, watermark_preemptions
from paged_sim.workload.lengths import alpaca_lengths, sharegpt_lengths

LENGTHS = {published.SHAREGPT: sharegpt_lengths, published.ALPACA: alpaca_lengths}
SYSTEM_IDS = {
    published.ORCA_MAX: "orca_max",
    published.ORCA_POW2: "orca_pow2",
    published.ORCA_ORACLE: "orca_oracle",
    published.VLLM: "vllm",
}
# Before that many requests have finished, the batch is still filling up.
_WARMUP_SHARE = 20
_SHARING_REQUESTS = 2000
_SHARING_SEED = 7
_WATERMARK_SEEDS = range(3)


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Simulated figures of one system or experiment, and the printed ones of the same names, where there are any."""

    label: str
    figures: dict[str, float]
    published: dict[str, float]


Job = Callable[[], Reproduction]


def figure_2_jobs(num_requests: int, seed: int) -> list[Job]:
    """Returns a job for each bar of Figure 2: OPT-13B, ShareGPT, a queue that is never empty.

    Args:
        num_requests: requests that each run serves.
        seed: of their lengths.
    """
    return [partial(_figure_2, system, num_requests, seed) for system in SYSTEM_IDS]


def figure_2_record(row: Reproduction) -> dict[str, str | float]:
    """Returns a bar as the command prints it in JSON."""
    shares = {name: row.figures[name] for name in ("used", "reserved", "internal", "external")}
    return {"system": SYSTEM_IDS[row.label], **shares}


def figure_13_jobs(num_requests: int, seed: int) -> list[Job]:
    """Returns the jobs of Figure 13, the mean batch: the contiguous systems saturated, vLLM at the paper's rates."""
    contiguous = [system for system in SYSTEM_IDS if system != published.VLLM]
    return [
        *(partial(_figure_13, data, system, num_requests, seed) for data in LENGTHS for system in contiguous),
        *(partial(_figure_13_at_rate, data, seed) for data in LENGTHS),
    ]


def figure_15_jobs() -> list[Job]:
    """Returns the jobs of Figure 15: blocks saved by sharing, Alpaca."""
    return [_parallel_sampling, _beam_search]


def watermark_jobs() -> list[Job]:
    """Returns the job of vLLM's own experiment: preemptions over the watermark, beside those of the pull request."""
    return [_watermark]


def _watermark() -> Reproduction:
    found = {
        f"watermark {watermark:g}": mean(watermark_preemptions(watermark, seed) for seed in _WATERMARK_SEEDS)
        for watermark in PUBLISHED_PREEMPTIONS
    }
    printed = {f"watermark {watermark:g}": float(count) for watermark, count in PUBLISHED_PREEMPTIONS.items()}
    return Reproduction("PR #44594", found, printed)


def _serve(data: str, system: str, num_requests: int, seed: int) -> ServingAverages:
    lengths: Iterator[tuple[int, int]] = LENGTHS[data](seed)
    if system == published.VLLM:
        return serve_paged(lengths, num_requests)
    cache = ContiguousCache(published.OPT_13B_SLOTS, RESERVATION_RULES[system], published.MAX_MODEL_LEN)
    return serve(always_queued(lengths), cache, num_requests, num_requests // _WARMUP_SHARE)


def _figure_2(system: str, num_requests: int, seed: int) -> Reproduction:
    found = _serve(published.SHAREGPT, system, num_requests, seed)
    printed = published.MEMORY_SHARES[system]
    shares = {
        "used": printed.token_states,
        "reserved": printed.reservation,
        "internal": printed.internal,
        "external": printed.external,
    }
    # Of vLLM the figure prints one share beside the token states, unlabelled: internal and external together.
    known = {"used": printed.token_states} if system == published.VLLM else shares
    return Reproduction(
        system,
        {
            "used": found.token_states,
            "reserved": found.reservation,
            "internal": found.internal,
            "external": found.external,
            "batch": found.batch,
        },
        {name: value for name, value in known.items() if value is not None}
        | {"batch": published.MEAN_BATCH[published.SHAREGPT][system]},
    )


def _figure_13(data: str, system: str, num_requests: int, seed: int) -> Reproduction:
    batch = _serve(data, system, num_requests, seed).batch
    return Reproduction(f"13, {data}", {system: batch}, {system: published.MEAN_BATCH[data][system]})


def _figure_13_at_rate(data: str, seed: int) -> Reproduction:
    batch = batch_at_rate(data, seed)
    return Reproduction(
        f"13, {data}", {published.VLLM: batch}, {published.VLLM: published.MEAN_BATCH[data][published.VLLM]}
    )


def _parallel_sampling() -> Reproduction:
    printed = published.SAVED_BY_PARALLEL_SAMPLING
    saved = {
        f"{n} samples": saved_by_parallel_sampling(alpaca_lengths(_SHARING_SEED), n, _SHARING_REQUESTS) for n in printed
    }
    return Reproduction("15a", saved, {f"{n} samples": value for n, value in printed.items()})


def _beam_search() -> Reproduction:
    printed = published.SAVED_BY_BEAM_SEARCH
    saved = {
        f"beam width {n}": saved_by_beam_search(alpaca_lengths(_SHARING_SEED), n, _SHARING_REQUESTS, seed=_SHARING_SEED)
        for n in printed
    }
    return Reproduction("15b", saved, {f"beam width {n}": value for n, value in printed.items()})
