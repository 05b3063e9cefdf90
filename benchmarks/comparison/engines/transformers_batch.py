"""Transformers' `generate` on static batches: left padding, prompts sorted by length, sdpa attention.

Options: `batch_size` (None is the concurrency; 1 answers one by one), `cache_implementation` (`static` also compiles
the decode step on a GPU), `attn_implementation`.
"""

import time
from collections.abc import Sequence
from typing import Any

import torch
from transformers.generation.streamers import BaseStreamer

from benchmarks.comparison.engines.interface import Completion, EngineSetup, InferenceRequest
from benchmarks.comparison.engines.transformers_model import TransformersModel


class TransformersBatch:
    """Static batches: the next one starts when the last answer of the one before has ended."""

    def __init__(self, setup: EngineSetup) -> None:
        self._model = TransformersModel(setup)
        self._batch_size: int | None = setup.options.get("batch_size")
        self._cache: str | None = setup.options.get("cache_implementation")
        # Lowered when the GPU's memory does not hold a batch.
        self._largest_batch: int | None = None

    def generate(self, requests: Sequence[InferenceRequest], concurrency: int, token_times: bool) -> list[Completion]:
        """See `Engine.generate`. A batch that the memory does not hold is halved, and the run starts again."""
        size = min(self._batch_size or concurrency, self._largest_batch or concurrency, len(requests))
        try:
            return self._generate(requests, size, token_times)
        except torch.OutOfMemoryError:
            if size == 1:
                raise
        self._largest_batch = size // 2
        torch.cuda.empty_cache()
        return self.generate(requests, concurrency, token_times)

    def _generate(self, requests: Sequence[InferenceRequest], size: int, token_times: bool) -> list[Completion]:
        start = time.perf_counter()
        order = sorted(range(len(requests)), key=lambda row: len(requests[row].prompt_token_ids))
        answers: dict[int, Completion] = {}
        for first in range(0, len(order), size):
            rows = order[first : first + size]
            batch = [requests[row] for row in rows]
            answers |= zip(rows, self._answer_batch(batch, start, token_times), strict=True)
        return [answers[row] for row in range(len(requests))]

    def _answer_batch(self, batch: Sequence[InferenceRequest], start: float, token_times: bool) -> list[Completion]:
        clock = TokenClock(start) if token_times else None
        input_ids, attention_mask = self._left_padded(batch)
        with torch.inference_mode():
            output = self._model.model.generate(
                input_ids,
                attention_mask=attention_mask,
                generation_config=self._model.generation_config(
                    batch[0].ignore_eos,
                    max(request.max_tokens for request in batch),
                    cache_implementation=self._cache,
                ),
                streamer=clock,
            )
        rows = output[:, input_ids.shape[1] :].tolist()
        end = time.perf_counter() - start
        return [self._completion(request, row, end, clock) for request, row in zip(batch, rows, strict=True)]

    def _completion(
        self, request: InferenceRequest, tokens: list[int], end: float, clock: "TokenClock | None"
    ) -> Completion:
        length = self._model.answer_length(tokens, request.ignore_eos, request.max_tokens)
        times = None if clock is None else tuple(clock.times_s[:length])
        return Completion(tuple(tokens[:length]), times[-1] if times else end, times)

    def _left_padded(self, batch: Sequence[InferenceRequest]) -> tuple[torch.Tensor, torch.Tensor]:
        width = max(len(request.prompt_token_ids) for request in batch)
        input_ids = torch.full((len(batch), width), self._model.pad_token_id)
        attention_mask = torch.zeros_like(input_ids)
        for row, request in enumerate(batch):
            length = len(request.prompt_token_ids)
            input_ids[row, width - length :] = torch.tensor(request.prompt_token_ids)
            attention_mask[row, width - length :] = 1
        device = self._model.model.device
        return input_ids.to(device), attention_mask.to(device)

    def forget(self) -> None:
        """See `Engine.forget`."""
        self._largest_batch = None
        self._model.forget()

    def facts(self) -> dict[str, float | int | str]:
        """See `Engine.facts`."""
        lowered = {} if self._largest_batch is None else {"batch_lowered_to": self._largest_batch}
        return self._model.facts() | lowered

    def close(self) -> None:
        """See `Engine.close`; the memory goes with the process."""


class TokenClock(BaseStreamer):
    """Notes when each step's tokens reach the CPU; Transformers hands over the prompt first."""

    def __init__(self, start: float) -> None:
        self._start = start
        self._prompt_seen = False
        self.times_s: list[float] = []

    def put(self, value: Any) -> None:
        """Takes the tokens of a step, one for each row."""
        if self._prompt_seen:
            self.times_s.append(time.perf_counter() - self._start)
        self._prompt_seen = True

    def end(self) -> None:
        """Takes note of the end of a batch, at which nothing is to be done."""
