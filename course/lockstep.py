"""The simulator's scheduler and vLLM's own on the same small trace, step by step."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from paged_sim.request import Request
from paged_sim.scheduler import Scheduler
from paged_sim.scheduler_config import SchedulerConfig
from paged_sim.workload.trace import TraceRequest

if TYPE_CHECKING:
    from IPython.display import Markdown

Tables = dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class LockstepRow:
    """One step of both schedulers.

    Attributes:
        step: counted from 0.
        num_scheduled_tokens, vllm_scheduled_tokens: tokens by request, as the simulator and as vLLM schedule them.
        simulator, vllm: block tables of the running requests, while the step computes.
    """

    step: int
    num_scheduled_tokens: dict[str, int]
    vllm_scheduled_tokens: dict[str, int]
    simulator: Tables
    vllm: Tables

    @property
    def is_equal(self) -> bool:
        """Whether both schedule the same tokens into the same blocks."""
        return (self.num_scheduled_tokens, self.simulator) == (self.vllm_scheduled_tokens, self.vllm)


def lockstep(trace: Sequence[TraceRequest], config: SchedulerConfig) -> list[LockstepRow]:
    """Runs both schedulers to the end of a trace, whose requests are all there at the start.

    Args:
        trace: requests whose answers are known.
        config: settings of both.
    """
    from benchmarks.vllm_replay import sampled_tokens, vllm_request
    from benchmarks.vllm_scheduler import model_output, vllm_scheduler

    ours, theirs = Scheduler(config), vllm_scheduler(asdict(config))
    for traced in trace:
        ours.add_request(Request(traced.request_id, traced.prompt_token_ids(), traced.num_output_tokens))
        theirs.add_request(vllm_request(traced, config.block_size))
    answers = {traced.request_id: traced.output_token_ids() for traced in trace}
    rows = []
    while ours.has_unfinished_requests:
        step, output = ours.schedule(), theirs.schedule()
        tables = {one.request_id: ours.manager.block_ids(one.request_id) for one in ours.running}
        vllm_ids = [request.request_id for request in theirs.running]
        vllm_tables = {one: theirs.kv_cache_manager.get_block_ids(one)[0] for one in vllm_ids}
        scheduled = (step.num_scheduled_tokens, dict(output.num_scheduled_tokens))
        rows.append(LockstepRow(len(rows), *scheduled, tables, vllm_tables))
        ours.update(step, {one: answers[one][ours.requests[one].num_output_tokens] for one in step.sampling})
        theirs.update_from_output(output, model_output(output, sampled_tokens(theirs, output, answers)))
    return rows


def lockstep_table(rows: Sequence[LockstepRow]) -> "Markdown":
    """Returns the rows as a table for people."""
    from IPython.display import Markdown

    table = [
        {
            "step": row.step,
            "tokens scheduled": _listed(row.num_scheduled_tokens),
            "block tables, simulator": _listed(row.simulator),
            "block tables, vLLM": _listed(row.vllm),
            "equal": "yes" if row.is_equal else "no",
        }
        for row in rows
    ]
    return Markdown(tabulate(table, headers="keys", tablefmt="github"))


def _listed(held: Mapping[str, Any]) -> str:
    return " · ".join(f"{name}: {str(value).strip('[]').replace(',', '')}" for name, value in held.items())
