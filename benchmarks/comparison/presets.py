"""Plans by name, for a CPU and for a GPU."""

from benchmarks.comparison.metrics import Objective
from benchmarks.comparison.models import BUNDLED, RANDOM_1_7B, TEXT_TO_SQL
from benchmarks.comparison.plan import ComparisonPlan
from benchmarks.comparison.tracks import CHAT, FIXED, SQL

QUICK, FULL = "quick", "full"
PRESETS = (QUICK, FULL)
_TRACKS = {BUNDLED: (FIXED, CHAT), TEXT_TO_SQL: (SQL,)}

_CPU_OBJECTIVE = Objective(ttft_s=5.0, tpot_s=0.25)
_GPU_OBJECTIVE = Objective(ttft_s=0.5, tpot_s=0.025)
_TRANSFORMERS = ("transformers-loop", "transformers-batch", "transformers-continuous")
_VLLM = ("vllm", "vllm-transformers")


def preset(name: str, device: str, model: str | None) -> ComparisonPlan:
    """Returns a plan.

    Args:
        name: `quick` or `full`.
        device: `cpu` or `cuda`.
        model: what it is measured on; None is the bundled model on a CPU, the 1.7B architecture on a GPU.
    """
    on_cpu = device == "cpu"
    model = model or (BUNDLED if on_cpu else RANDOM_1_7B)
    tracks = (FIXED,) if name == QUICK and model != TEXT_TO_SQL else _TRACKS.get(model, (FIXED,))
    if on_cpu:
        return _cpu(name, model, tracks)
    return _gpu(name, model, tracks)


def _cpu(name: str, model: str, tracks: tuple[str, ...]) -> ComparisonPlan:
    quick = name == QUICK
    return ComparisonPlan(
        model=model,
        dtype="float32",
        tracks=tracks,
        concurrencies=(1, 8, 32) if quick else (1, 8, 32, 128),
        engines=_engines(model, ("transformers-batch", "vllm") if quick else (*_TRANSFORMERS, *_VLLM)),
        prompt_tokens=32 if quick else 64,
        output_tokens=32 if quick else 64,
        max_tokens=64,
        repeats=2 if quick else 3,
        objective=_CPU_OBJECTIVE,
    )


def _gpu(name: str, model: str, tracks: tuple[str, ...]) -> ComparisonPlan:
    quick = name == QUICK
    transformers = (*_TRANSFORMERS, "transformers-static")
    return ComparisonPlan(
        model=model,
        dtype="bfloat16",
        tracks=tracks,
        concurrencies=(1, 8, 32) if quick else (1, 8, 32, 128, 256),
        engines=_engines(model, ("transformers-batch", "vllm") if quick else (*transformers, *_VLLM)),
        prompt_tokens=128,
        output_tokens=128,
        max_tokens=256,
        # Runs take a second, and Python's part of them varies.
        repeats=2 if quick else 5,
        objective=_GPU_OBJECTIVE,
    )


def _engines(model: str, engines: tuple[str, ...]) -> tuple[str, ...]:
    # Where all prompts share a schema, keeping its keys and values is what vLLM would be used for.
    return (*engines, "vllm-prefix-caching") if model == TEXT_TO_SQL else engines
