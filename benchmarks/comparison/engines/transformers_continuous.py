"""Transformers' continuous batching, `generate_batch`'s manager, kept over all runs of one shape.

It is set up for the work as it is known beforehand: KV blocks for all requests that are under way at once, room for
their prompts in one step, no sharing of blocks (repeats would find their own prompts again). Everything else is what
Transformers chooses by itself: CUDA graphs, attention kernel, asynchronous steps. A missing or failed answer raises,
where `generate_batch` only logs it.
"""

import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import torch
from transformers import ContinuousBatchingConfig
from transformers.generation.continuous_batching.utils import WorkloadHints

from benchmarks.comparison.engines.interface import Completion, EngineSetup, InferenceRequest
from benchmarks.comparison.engines.transformers_model import TransformersModel

PAGE_TOKENS = 32
# As many prompt tokens in a step as vLLM takes on a GPU.
MOST_BATCH_TOKENS = 16_384
LONGEST_WAIT_S = 1.0

Shape = tuple[int, int, int, bool]


class TransformersContinuous:
    """One manager at a time: it is made anew when concurrency, length or end tokens change."""

    def __init__(self, setup: EngineSetup) -> None:
        self._model = TransformersModel(setup)
        self._setup = setup
        self._shape: Shape | None = None
        self._manager: Any = None
        self._warm_up_s = 0.0

    def generate(self, requests: Sequence[InferenceRequest], concurrency: int, token_times: bool) -> list[Completion]:
        """See `Engine.generate`."""
        longest = max(request.max_tokens for request in requests)
        longest_prompt = max(len(request.prompt_token_ids) for request in requests)
        self._use_manager((concurrency, longest_prompt, longest, requests[0].ignore_eos), requests)
        start = time.perf_counter()
        waiting = deque(enumerate(requests))
        rows: dict[str, int] = {}
        answers: dict[int, Completion] = {}
        while len(answers) < len(requests):
            while waiting and len(rows) - len(answers) < concurrency:
                row, request = waiting.popleft()
                rows[self._add(request, token_times)] = row
            result = self._manager.get_result(timeout=LONGEST_WAIT_S)
            if result is None:
                self._check_running(len(requests) - len(answers))
            elif result.is_finished():
                row = rows[result.request_id]
                answers[row] = self._completion(requests[row], result, start)
        return [answers[row] for row in range(len(requests))]

    def _add(self, request: InferenceRequest, token_times: bool) -> str:
        return self._manager.add_request(
            list(request.prompt_token_ids), max_new_tokens=request.max_tokens, record_timestamps=token_times
        )

    def _completion(self, request: InferenceRequest, result: Any, start: float) -> Completion:
        if result.error is not None:
            raise RuntimeError(f"Continuous batching failed on a request: {result.error}")
        end = time.perf_counter() - start
        tokens = list(result.generated_tokens)
        length = self._model.answer_length(tokens, request.ignore_eos, request.max_tokens)
        times = None
        if result.timestamps is not None:
            times = tuple(stamp - start for stamp in result.timestamps[:length])
        return Completion(tuple(tokens[:length]), end, times)

    def _check_running(self, missing: int) -> None:
        if not self._manager.is_running():
            status = getattr(self._manager, "background_thread_status", None)
            cause = getattr(status, "fatal_error", None) or "its log says why"
            raise RuntimeError(f"Continuous batching ended with {missing} requests unanswered: {cause}")

    def _use_manager(self, shape: Shape, requests: Sequence[InferenceRequest]) -> None:
        if shape == self._shape:
            return
        self._stop_manager()
        concurrency, longest_prompt, longest, ignore_eos = shape
        prompt_tokens = sum(len(request.prompt_token_ids) for request in requests)
        start = time.perf_counter()
        self._manager = self._model.model.init_continuous_batching(
            generation_config=self._model.generation_config(ignore_eos, longest),
            continuous_batching_config=self._configuration(concurrency, longest_prompt + longest, prompt_tokens),
            workload_hints=WorkloadHints(
                max_prompt_length=longest_prompt, max_generated_length=longest, num_requests=concurrency
            ),
        )
        self._manager.warmup()
        self._manager.start()
        self._warm_up_s = time.perf_counter() - start
        self._shape = shape

    def _configuration(self, concurrency: int, longest_tokens: int, prompt_tokens: int) -> ContinuousBatchingConfig:
        pages = math.ceil(longest_tokens / PAGE_TOKENS) + 1
        known = {field.name for field in fields(ContinuousBatchingConfig)}
        settings: dict[str, Any] = {
            # Transformers 5.17 calls it otherwise.
            "page_size" if "page_size" in known else "block_size": PAGE_TOKENS,
            "num_blocks": concurrency * pages,
            "max_batch_tokens": max(min(prompt_tokens, MOST_BATCH_TOKENS), concurrency),
            "max_requests_per_batch": concurrency,
            "allow_block_sharing": False,
        }
        return ContinuousBatchingConfig(**settings | self._setup.options.get("continuous_batching", {}))

    def _stop_manager(self) -> None:
        if self._manager is not None:
            self._manager.stop(block=True, timeout=30)
            self._manager.destroy()
            self._manager = self._shape = None
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def forget(self) -> None:
        """See `Engine.forget`."""
        self._stop_manager()
        self._model.forget()

    def facts(self) -> dict[str, float | int | str]:
        """See `Engine.facts`."""
        facts = self._model.facts() | {"warm_up_s": self._warm_up_s}
        if self._manager is not None:
            facts["attention"] = str(self._model.model.config._attn_implementation)
        return facts

    def close(self) -> None:
        """See `Engine.close`."""
        self._stop_manager()
