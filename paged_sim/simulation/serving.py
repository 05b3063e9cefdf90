"""A workload served from start to end, and what its users would have seen."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from paged_sim.scheduler_config import SchedulerConfig
from paged_sim.simulation.cost_model import CostModel
from paged_sim.simulation.latency import LatencySummary, latency_summary
from paged_sim.simulation.outcomes import Totals
from paged_sim.simulation.simulate import check_trace, simulate
from paged_sim.workload.trace import TraceRequest


@dataclass(frozen=True, slots=True)
class ServingReport:
    """Latency, throughput and memory of one run.

    Attributes:
        latency: times of the finished requests.
        totals: sums over the steps.
        mean_usage, peak_usage: share of the blocks that are in tables, on average over the steps and at most.
    """

    latency: LatencySummary
    totals: Totals
    mean_usage: float
    peak_usage: float

    def figures(self) -> dict[str, Any]:
        """Returns everything as JSON holds it; times that do not exist are None."""
        figures = {"latency": asdict(self.latency), "totals": asdict(self.totals)}
        figures["totals"]["mean_batch"] = self.totals.mean_batch
        figures["latency"] = {name: _without_nan(value) for name, value in figures["latency"].items()}
        return figures | {"mean_usage": self.mean_usage, "peak_usage": self.peak_usage}


def serve(
    trace: Sequence[TraceRequest],
    config: SchedulerConfig,
    cost: CostModel,
    *,
    max_concurrency: int | None = None,
    leap: bool = True,
    on_progress: Callable[[int], None] | None = None,
) -> ServingReport:
    """Runs a trace to its end; see `simulate` for the arguments.

    Raises:
        ValueError: before anything runs: the trace is empty, out of order, or a request can never be served.
    """
    check_trace(trace, config)
    result = simulate(trace, config, cost=cost, max_concurrency=max_concurrency, leap=leap, on_progress=on_progress)
    usable = config.num_blocks - 1
    return ServingReport(
        latency_summary(result),
        result.totals,
        result.totals.mean_used_blocks / usable,
        result.totals.peak_used_blocks / usable,
    )


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    return None if value != value else value  # noqa: PLR0124 - NaN differs from itself
