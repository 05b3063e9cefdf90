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
        # There are 243 questions for the sql track.
        concurrencies=(1, 8, 32) if quick else (1, 8, 32, 128) if model == TEXT_TO_SQL else (1, 8, 32, 128, 256),
        engines=_engines(model, ("transformers-batch", "vllm") if quick else (*transformers, *_VLLM)),
        prompt_tokens=128,
        output_tokens=128,
        max_tokens=256,
        # Runs take a second, and Python's part of them varies.
        repeats=2 if quick else 5,
        objective=_GPU_OBJECTIVE,
    )


def lora_preset(name: str, device: str, model: str | None) -> ComparisonPlan:
    """Returns a plan of the three ways to serve a LoRA adapter; arguments as for `preset`."""
    plan = preset(name, device, model)
    return plan.replaced(tracks=(FIXED,), engines=("vllm", "vllm-lora", "vllm-lora-4", "vllm-merged"))


def kv_budget_preset(name: str, device: str, model: str | None) -> ComparisonPlan:
    """Returns a plan in which vLLM's KV cache shrinks from what a static batch takes; arguments as for `preset`."""
    on_cpu = device == "cpu"
    return preset(name, device, model or BUNDLED).replaced(
        tracks=(CHAT,),
        concurrencies=(32,) if on_cpu else (128,),
        engines=("transformers-batch", "vllm-kv-100", "vllm-kv-50", "vllm-kv-25", "vllm-kv-12"),
    )


def settings_preset(name: str, device: str, model: str | None) -> ComparisonPlan:
    """Returns a plan of vLLM against itself, one setting changed at a time; arguments as for `preset`."""
    on_cpu = device == "cpu"
    plan = preset(name, device, model)
    if plan.model == TEXT_TO_SQL:
        engines = ("vllm", "vllm-prefix-caching", "vllm-ngram", "vllm-prefix-ngram")
        return plan.replaced(concurrencies=(1, 32), engines=engines if on_cpu else (*engines, "vllm-ngram-gpu"))
    engines = ("vllm", "vllm-compiled") if on_cpu else ("vllm", "vllm-eager", "vllm-sync", "vllm-in-process")
    more = () if on_cpu else ("vllm-v2-runner", "vllm-autotuned", "vllm-small-steps", "vllm-large-steps")
    numbers = (1, 32) if on_cpu else (1, 32, 256)
    return plan.replaced(tracks=(FIXED,), concurrencies=numbers, engines=engines + more)


def _engines(model: str, engines: tuple[str, ...]) -> tuple[str, ...]:
    # Where all prompts share a schema, keeping its keys and values is what vLLM would be used for.
    return (*engines, "vllm-prefix-caching") if model == TEXT_TO_SQL else engines
