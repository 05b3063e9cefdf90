"""The simulator's scheduler and vLLM's own on the same small trace, step by step."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from paged_sim.request import Request
from paged_sim.scheduler import Scheduler
from paged_sim.scheduler_config import SchedulerConfig
from paged_sim.workload.trace import TraceRequest

if TYPE_CHECKING:
    import pandas as pd

Tables = dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class LockstepRow:
    """One step of both schedulers.

    Attributes:
        step: counted from 0.
        num_scheduled_tokens: tokens by request, as the simulator schedules them.
        simulator, vllm: block tables by request, while the step computes.
    """

    step: int
    num_scheduled_tokens: dict[str, int]
    simulator: Tables
    vllm: Tables


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
        ids = [request.request_id for request in ours.running]
        tables = {one: ours.manager.block_ids(one) for one in ids}
        vllm_tables = {one: theirs.kv_cache_manager.get_block_ids(one)[0] for one in ids}
        rows.append(LockstepRow(len(rows), step.num_scheduled_tokens, tables, vllm_tables))
        ours.update(step, {one: answers[one][ours.requests[one].num_output_tokens] for one in step.sampling})
        theirs.update_from_output(output, model_output(output, sampled_tokens(theirs, output, answers)))
    return rows


def lockstep_table(rows: Sequence[LockstepRow]) -> "pd.DataFrame":
    """Returns the rows as a table for people."""
    import pandas as pd

    table = [
        {
            "step": row.step,
            "tokens scheduled": row.num_scheduled_tokens,
            "block tables, simulator": row.simulator,
            "block tables, vLLM": row.vllm,
            "equal": row.simulator == row.vllm,
        }
        for row in rows
    ]
    return pd.DataFrame(table).set_index("step")
