"""The engines by name: which class runs them, with which options."""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from benchmarks.comparison.engines.interface import Engine, EngineSetup

_BATCH = "benchmarks.comparison.engines.transformers_batch:TransformersBatch"
_CONTINUOUS = "benchmarks.comparison.engines.transformers_continuous:TransformersContinuous"
_VLLM_ENGINE = "benchmarks.comparison.engines.vllm_engine:VLLMEngine"


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """One row of the tables.

    Attributes:
        title: what tables call it.
        engine_class: the engine's `module:class`.
        options: of that class.
        environment: variables of its process.
        max_concurrency: it is left out above; None has no bound.
        adapters: how many LoRA adapters it serves at run time; requests take turns with them.
        merged: whether the first adapter is merged into its weights instead.
    """

    title: str
    engine_class: str
    options: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    max_concurrency: int | None = None
    adapters: int = 0
    merged: bool = False

    @property
    def does_all_work(self) -> bool:
        """Whether it computes every token of every prompt and one token of an answer a step, as the limit assumes."""
        return not (self.options.get("enable_prefix_caching") or "speculative_config" in self.options)

    def load(self, setup: EngineSetup) -> Engine:
        """Returns the loaded engine, in this process."""
        module, _, name = self.engine_class.partition(":")
        return getattr(import_module(module), name)(setup)


def vllm_choice(title: str, environment: dict[str, str] | None = None, **options: Any) -> EngineChoice:
    """Returns vLLM with settings of `VLLMEngine`, in a process with these variables."""
    return EngineChoice(title, _VLLM_ENGINE, options, environment or {})


def _lora(title: str, adapters: int = 0, merged: bool = False) -> EngineChoice:
    return EngineChoice(title, _VLLM_ENGINE, adapters=adapters, merged=merged)


def _ngram(method: str) -> dict[str, Any]:
    return {"method": method, "num_speculative_tokens": 4, "prompt_lookup_max": 4, "prompt_lookup_min": 2}


# Torch keeps less memory that it cannot use again; the other engines need room on the same GPU.
_LEAN = {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}
_TRANSFORMERS_ENGINES = {
    # Its rate does not depend on how many wait.
    "transformers-loop": EngineChoice("Transformers, one by one", _BATCH, {"batch_size": 1}, _LEAN, max_concurrency=1),
    "transformers-batch": EngineChoice("Transformers, batched", _BATCH, environment=_LEAN),
    # On a GPU every shape is compiled anew, for half a minute.
    "transformers-static": EngineChoice(
        "Transformers, batched, static cache, compiled",
        _BATCH,
        {"cache_implementation": "static"},
        _LEAN,
    ),
    "transformers-continuous": EngineChoice("Transformers, continuous batching", _CONTINUOUS, environment=_LEAN),
}
_VLLM_ENGINES = {
    "vllm": vllm_choice("vLLM"),
    "vllm-transformers": vllm_choice("vLLM, Transformers' model code", model_impl="transformers"),
    "vllm-prefix-caching": vllm_choice("vLLM, prefix caching", enable_prefix_caching=True),
}
_LORA_ENGINES = {
    "vllm-lora": _lora("vLLM, runtime LoRA", adapters=1),
    "vllm-lora-4": _lora("vLLM, four runtime LoRA adapters", adapters=4),
    "vllm-merged": _lora("vLLM, merged LoRA", merged=True),
}
# The cache as a share of what a static batch keeps: every request as long as the longest may become.
_KV_ENGINES = {
    f"vllm-kv-{percent}": vllm_choice(f"vLLM, {percent} % of a static batch's KV cache", kv_share=percent / 100)
    for percent in (100, 50, 25, 12)
}
_SETTINGS_ENGINES = {
    "vllm-eager": vllm_choice("vLLM, eager", enforce_eager=True),
    "vllm-compiled": vllm_choice("vLLM, compiled", enforce_eager=False),
    "vllm-in-process": vllm_choice("vLLM, engine in the caller's process", {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"}),
    "vllm-sync": vllm_choice("vLLM, no asynchronous scheduling", async_scheduling=False),
    "vllm-v2-runner": vllm_choice("vLLM, second model runner", {"VLLM_USE_V2_MODEL_RUNNER": "1"}),
    "vllm-autotuned": vllm_choice(
        "vLLM, small batches autotuned",
        compilation_config={
            "compile_sizes": [1, 2, 4, 8],
            "inductor_compile_config": {"max_autotune": True, "coordinate_descent_tuning": True},
        },
    ),
    "vllm-small-steps": vllm_choice("vLLM, 2,048 tokens a step", max_num_batched_tokens=2048),
    "vllm-large-steps": vllm_choice("vLLM, 32,768 tokens a step", max_num_batched_tokens=32_768),
    "vllm-one-split": vllm_choice(
        "vLLM, attention without split", attention_config={"flash_attn_max_num_splits_for_cuda_graph": 1}
    ),
    "vllm-ngram": vllm_choice("vLLM, prompt look-up", speculative_config=_ngram("ngram")),
    "vllm-ngram-gpu": vllm_choice("vLLM, prompt look-up on the GPU", speculative_config=_ngram("ngram_gpu")),
    "vllm-prefix-ngram": vllm_choice(
        "vLLM, prefix caching and prompt look-up", enable_prefix_caching=True, speculative_config=_ngram("ngram")
    ),
}
ENGINES = _TRANSFORMERS_ENGINES | _VLLM_ENGINES | _LORA_ENGINES | _KV_ENGINES | _SETTINGS_ENGINES


def find_engines(names: list[str]) -> dict[str, EngineChoice]:
    """Returns engines by name, in the order given.

    Raises:
        ValueError: there is no such engine.
    """
    for name in names:
        if name not in ENGINES:
            raise ValueError(f"--engines must be some of {', '.join(ENGINES)}; got {name!r}")
    return {name: ENGINES[name] for name in names}
