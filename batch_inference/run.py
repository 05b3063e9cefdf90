"""Runs a job: what is missing of its parts goes through replicas on Ray Data."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from tqdm import tqdm

from batch_inference.errors import BatchError
from batch_inference.job import BatchJob
from batch_inference.model_check import read_adapters
from batch_inference.output_folder import OutputFolder
from batch_inference.parts import Part
from batch_inference.placement import Placement
from batch_inference.plan import Plan, plan
from batch_inference.ray_cluster import ray_cluster
from batch_inference.replica import Outcome, Replica, ReplicaSettings, start_vllm
from inference.adapter import Adapter
from inference.base_model import resolve_base_model
from inference.bundled_model import BUNDLED_MODEL


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What a run has done.

    Attributes:
        rows: of the input.
        missing: rows whose part is still not there; the same job given again tries them again.
        seconds: of the whole run: start of Ray and of the engines, and all answers.
        outcomes: of the parts that this run took up, in the order in which they ended.
    """

    rows: int
    missing: int
    seconds: float
    outcomes: tuple[Outcome, ...]

    @property
    def answered(self) -> int:
        """Rows written in this run, those with an error counted in."""
        return sum(outcome.rows for outcome in self.outcomes)

    @property
    def errors(self) -> int:
        """How many of the rows written in this run have an error."""
        return sum(outcome.errors for outcome in self.outcomes)

    @property
    def answering_seconds(self) -> float:
        """From the first engine that began to answer to the last that ended, on the machines' clocks."""
        written = [outcome for outcome in self.outcomes if outcome.rows]
        ends = [outcome.ended_s for outcome in written]
        return max(ends) - min(outcome.began_s for outcome in written) if written else 0.0

    @property
    def replica_memory_bytes(self) -> int:
        """The most that one replica took, shared pages counted in proportion; 0 if nothing was left to answer."""
        return max((outcome.memory_bytes for outcome in self.outcomes), default=0)

    @property
    def failures(self) -> list[str]:
        """Why parts are missing, each text once."""
        return list(dict.fromkeys(outcome.failure for outcome in self.outcomes if outcome.failure))


def run_batch(
    job: BatchJob,
    placement: Placement | None = None,
    *,
    show_progress: bool = True,
    start_engine: Callable[[ReplicaSettings], Any] = start_vllm,
) -> BatchReport:
    """Answers all rows of a job that have no answer yet.

    Args:
        job: what to do. The same job given again goes on where it ended, also with another placement.
        placement: with how many engines, and where; None is one on this machine.
        show_progress: whether a progress bar is shown on standard error.
        start_engine: see `ReplicaSettings`.

    Raises:
        BatchError: the job cannot start or go on; nothing that was written is lost.
        InferenceError: base model or adapters cannot be used.
    """
    start = time.perf_counter()
    placement = placement or Placement()
    output = OutputFolder(job.output, job.format)
    with output.locked():
        planned = plan(job, placement.replicas, output.description.get("rows_per_part"))
        adapters = read_adapters(job.base_model, job.adapters, job.engine)
        output.claim(planned.describe(job, adapters))
        done = output.done()
        missing = {number: part for number, part in enumerate(planned.parts) if number not in done}
        outcomes: list[Outcome] = []
        if missing:
            with ray_cluster(placement.address) as machines:
                decided = placement.on(machines)
                settings = ReplicaSettings(
                    base_model=_for_other_machines(job.base_model),
                    adapters={name: adapter.path for name, adapter in adapters.items()},
                    engine=_engine_options(job, decided, adapters.values()),
                    rules=planned.rules,
                    sampling=job.sampling,
                    asking=job.asking,
                    # A replica may have another working directory.
                    output=OutputFolder(output.path.resolve(), output.format),
                    cores=0 if decided.gpus_per_replica else decided.cpus_per_replica or 0,
                    start_engine=start_engine,
                )
                with closing(_outcomes(settings, decided, missing)) as stream:
                    outcomes = list(_watched(stream, planned, missing, show_progress))
        left = sum(part.rows for part in missing.values()) - sum(outcome.rows for outcome in outcomes)
        return BatchReport(planned.num_rows, left, time.perf_counter() - start, tuple(outcomes))


def _for_other_machines(base_model: str) -> str:
    """Returns a folder's absolute path; the bundled model by its name, since each machine has its own copy."""
    return base_model if base_model == BUNDLED_MODEL else resolve_base_model(base_model).source


def _engine_options(job: BatchJob, placement: Placement, adapters: Iterable[Adapter]) -> dict[str, Any]:
    ranks = [adapter.rank for adapter in adapters]
    options: dict[str, Any] = {"max_lora_rank": max(ranks)} if ranks else {}
    if (gpus := placement.gpus_per_replica or 0) > 1:
        # Left to itself, vLLM may choose Ray within Ray, which would ask for GPUs beside those of the replica.
        options |= {
            "tensor_parallel_size": gpus // _pipeline_stages(job, gpus),
            "distributed_executor_backend": "mp",
        }
    return options | dict(job.engine)


def _pipeline_stages(job: BatchJob, gpus: int) -> int:
    stages = job.engine.get("pipeline_parallel_size", 1)
    if type(stages) is not int or stages < 1 or gpus % stages:
        raise BatchError(f"pipeline_parallel_size must divide gpus_per_replica={gpus}, got {stages!r}")
    return stages


def _outcomes(settings: ReplicaSettings, placement: Placement, parts: Mapping[int, Part]) -> Iterator[Outcome]:
    """Yields what comes of each part as it is done; Ray Data hands parts out, and again where a replica is lost."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext
    from ray.exceptions import RayError

    # Of this dataset alone: a caller may have pipelines of its own.
    context = DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1
    items = [{"number": number} | asdict(part) for number, part in parts.items()]
    with DataContext.current(context):
        outcomes = ray.data.from_items(items, override_num_blocks=len(items)).map(
            Replica,
            fn_constructor_args=(settings,),
            compute=ActorPoolStrategy(size=placement.replicas, max_tasks_in_flight_per_actor=1),
            num_gpus=placement.gpus_per_replica,
            num_cpus=placement.cpus_per_replica,
        )
    try:
        for fields in outcomes.iter_rows():
            yield Outcome(**fields)
    except RayError as error:
        raise BatchError(f"Ray ended the job: {error}\nThe same job, given again, goes on.") from error


def _watched(
    outcomes: Iterator[Outcome], planned: Plan, missing: Mapping[int, Part], show_progress: bool
) -> Iterator[Outcome]:
    """Passes outcomes on and shows them; raises BatchError for a failure that all others will share."""
    done = planned.num_rows - sum(part.rows for part in missing.values())
    with tqdm(
        desc="Answering", total=planned.num_rows, initial=done, unit="row", smoothing=0, disable=not show_progress
    ) as progress:
        errors = 0
        for outcome in outcomes:
            if outcome.is_final:
                raise BatchError(outcome.failure)
            errors += outcome.errors
            progress.set_postfix(errors=errors, refresh=False)
            progress.update(outcome.rows)
            yield outcome
