"""Seeded sampling on a CPU, where vLLM fails as soon as a prompt is computed in two steps.

After the first of them it has sampled a token that it discards, and turns the request's random generator back to before
that (vLLM's `v1/worker/gpu_model_runner.py`, `_bookkeeping_sync`). It does so by the generator's offset, which those of
a CPU do not have: "CPU Generator does not use offset" ends the engine. Seen in 0.32.
"""

import functools
from typing import Any


def turn_back_seeded_generators(llm: Any) -> None:
    """Lets an engine in this process, on a CPU, discard a sample of a seeded request.

    Args:
        llm: a `vllm.LLM`.
    """
    runner = llm.llm_engine.engine_core.engine_core.model_executor.driver_worker.worker.model_runner
    bookkeeping = runner._bookkeeping_sync

    @functools.wraps(bookkeeping)
    def with_generators_of_a_cpu(*args: Any, **kwargs: Any) -> Any:
        generators = runner.input_batch.generators
        turned_back = {row: generators.pop(row) for row in _discarded_rows(runner) if row in generators}
        for row, generator in turned_back.items():
            # One that has written tokens before it was preempted goes on from where it is.
            if not runner.input_batch.req_output_token_ids[row]:
                generator.manual_seed(generator.initial_seed())
        try:
            return bookkeeping(*args, **kwargs)
        finally:
            generators.update(turned_back)

    runner._bookkeeping_sync = with_generators_of_a_cpu


def _discarded_rows(runner: Any) -> list[int]:
    return runner.discard_request_mask.np[: runner.input_batch.num_reqs].nonzero()[0].tolist()
