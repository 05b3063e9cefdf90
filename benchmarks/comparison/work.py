"""The requests of every cell of a plan, and what engines must have room for."""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.comparison.adapters import random_adapters
from benchmarks.comparison.catalog import EngineChoice
from benchmarks.comparison.engines.interface import EngineSetup, InferenceRequest
from benchmarks.comparison.models import model_source
from benchmarks.comparison.plan import Cell, ComparisonPlan
from benchmarks.comparison.tracks import FIXED, make_requests
from inference.base_model import load_config, resolve_base_model
from inference.base_shapes import base_shapes

Requests = dict[Cell, list[InferenceRequest]]


def all_requests(plan: ComparisonPlan, source: str) -> Requests:
    """Returns the requests of each cell.

    Args:
        plan: what is measured.
        source: the model's folder or hub name.

    Raises:
        ValueError: the model has too few positions for a prompt and its answer.
    """
    requests = {
        cell: make_requests(
            cell.track,
            source,
            cell.num_requests,
            prompt_tokens=plan.prompt_tokens,
            max_tokens=plan.output_tokens if cell.track == FIXED else plan.max_tokens,
        )
        for cell in plan.cells()
    }
    _check_positions(requests, source)
    return requests


def _check_positions(requests: Requests, source: str) -> None:
    positions = base_shapes(load_config(resolve_base_model(source))).max_positions
    for cell, of_cell in requests.items():
        longest = max(len(one.prompt_token_ids) + one.max_tokens for one in of_cell)
        if positions is not None and longest > positions:
            raise ValueError(
                f"A prompt and its answer take up to {longest:,} tokens in the {cell.track} track, and the model has "
                f"{positions:,} positions: lower --prompt-tokens, --output-tokens or --max-tokens"
            )


def engine_setup(plan: ComparisonPlan, choice: EngineChoice, source: str, requests: Requests) -> EngineSetup:
    """Returns what an engine is started with; adapters and merged models are made first if missing."""
    adapters = random_adapters(source, plan.lora_rank, max(choice.adapters, int(choice.merged)))
    longest = max(len(one.prompt_token_ids) + one.max_tokens for cell in requests.values() for one in cell)
    return EngineSetup(
        model=_merged(source, adapters) if choice.merged else source,
        dtype=plan.dtype,
        max_model_len=longest,
        max_concurrency=max(plan.concurrencies),
        adapters={} if choice.merged else adapters,
        lora_rank=plan.lora_rank,
        options=choice.options,
    )


def for_engine(choice: EngineChoice, requests: Sequence[InferenceRequest]) -> list[InferenceRequest]:
    """Returns the requests as an engine gets them: its adapters, if it serves some, take turns."""
    if not choice.adapters:
        return list(requests)
    return [replace(one, adapter=f"adapter-{row % choice.adapters}") for row, one in enumerate(requests)]


def kv_bytes_needed(
    requests: Sequence[InferenceRequest], outputs: Sequence[int], concurrency: int, per_token: int
) -> int:
    """Returns bytes of keys and values of as many requests as are under way at once, the longest ones.

    Args:
        requests: of the run.
        outputs: tokens of each answer.
        concurrency: most requests at once.
        per_token: bytes of one token.
    """
    lengths = sorted(len(one.prompt_token_ids) + length for one, length in zip(requests, outputs, strict=True))
    return sum(lengths[-concurrency:]) * per_token


def _merged(source: str, adapters: dict[str, str]) -> str:
    from pathlib import Path

    from inference.merged_cache import merge_into_cache

    return merge_into_cache(source, Path(next(iter(adapters.values()))))


def source_of(plan: ComparisonPlan) -> str:
    """Returns the model's folder or hub name."""
    return model_source(plan.model)
