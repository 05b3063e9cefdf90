"""The engines by name: which class runs them, with which options."""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from benchmarks.comparison.engines.interface import Engine, EngineSetup

_MODULES = {
    "TransformersBatch": "benchmarks.comparison.engines.transformers_batch",
    "TransformersContinuous": "benchmarks.comparison.engines.transformers_continuous",
    "VLLMEngine": "benchmarks.comparison.engines.vllm_engine",
}
TRANSFORMERS, VLLM = "Transformers", "vLLM"


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """One row of the tables.

    Attributes:
        title: what tables call it.
        family: `Transformers` or `vLLM`.
        engine_class: the class in `benchmarks.comparison.engines`.
        options: of that class.
        max_concurrency: it is left out above; None has no bound.
        adapters: how many LoRA adapters it serves at run time; requests take turns with them.
        merged: whether the first adapter is merged into its weights instead.
    """

    title: str
    family: str
    engine_class: str
    options: dict[str, Any] = field(default_factory=dict)
    max_concurrency: int | None = None
    adapters: int = 0
    merged: bool = False

    def load(self, setup: EngineSetup) -> Engine:
        """Returns the loaded engine, in this process."""
        return getattr(import_module(_MODULES[self.engine_class]), self.engine_class)(setup)


def _vllm(title: str, adapters: int = 0, merged: bool = False, **options: Any) -> EngineChoice:
    return EngineChoice(title, VLLM, "VLLMEngine", options, adapters=adapters, merged=merged)


ENGINES = {
    # Its rate does not depend on how many wait, so more than a few only take time.
    "transformers-loop": EngineChoice(
        "Transformers, one by one", TRANSFORMERS, "TransformersBatch", {"batch_size": 1}, max_concurrency=8
    ),
    "transformers-batch": EngineChoice("Transformers, batched", TRANSFORMERS, "TransformersBatch"),
    # Every shape is compiled anew, for half a minute.
    "transformers-static": EngineChoice(
        "Transformers, batched, static cache, compiled",
        TRANSFORMERS,
        "TransformersBatch",
        {"cache_implementation": "static"},
    ),
    "transformers-continuous": EngineChoice(
        "Transformers, continuous batching", TRANSFORMERS, "TransformersContinuous"
    ),
    "vllm": _vllm("vLLM"),
    "vllm-transformers": _vllm("vLLM, Transformers' model code", model_impl="transformers"),
    "vllm-prefix-caching": _vllm("vLLM, prefix caching", enable_prefix_caching=True),
    "vllm-lora": _vllm("vLLM, runtime LoRA", adapters=1),
    "vllm-lora-4": _vllm("vLLM, four runtime LoRA adapters", adapters=4),
    "vllm-merged": _vllm("vLLM, merged LoRA", merged=True),
    "vllm-eager": _vllm("vLLM, eager", enforce_eager=True),
    "vllm-compiled": _vllm("vLLM, compiled", enforce_eager=False),
    "vllm-ngram": _vllm(
        "vLLM, prompt look-up",
        speculative_config={"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 4},
    ),
    "vllm-ngram-prefix": _vllm(
        "vLLM, prompt look-up and prefix caching",
        enable_prefix_caching=True,
        speculative_config={"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 4},
    ),
}


def find_engines(names: list[str]) -> dict[str, EngineChoice]:
    """Returns engines by name, in the order given.

    Raises:
        ValueError: there is no such engine.
    """
    for name in names:
        if name not in ENGINES:
            raise ValueError(f"--engines must be some of {', '.join(ENGINES)}; got {name!r}")
    return {name: ENGINES[name] for name in names}
