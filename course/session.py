"""The notebook's one engine: every part asks for it, the first one starts it."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vllm_offline_inference import VLLMInferenceWithLoRA

GIB = 1024**3
# Long enough for every prompt of the course, short enough for a prompt that is too long.
MAX_MODEL_LEN = 2048
# The KV cache has a size of its own, so two engines fit on a small GPU; vLLM wants this share of it to be free.
LEAST_UTILIZATION = 0.05


_engines: list["VLLMInferenceWithLoRA"] = []


def course_engine() -> "VLLMInferenceWithLoRA":
    """Returns the engine of this kernel: the bundled model, with room for three LoRA adapters.

    The first call starts it, which takes about half a minute on two cores; later calls return it at once, or start
    another one if it was closed.
    """
    if not _engines or _engines[0].llm is None:
        _engines[:] = [new_engine()]
    return _engines[0]


def new_engine(base_model_name: str | Path | None = None, *, enable_lora: bool = True) -> "VLLMInferenceWithLoRA":
    """Starts an engine with the course's settings.

    Args:
        base_model_name: None for the bundled model, else a folder or a hub name.
        enable_lora: whether adapters can be loaded.
    """
    from vllm_offline_inference import BUNDLED_MODEL, VLLMInferenceWithLoRA

    return VLLMInferenceWithLoRA(
        base_model_name or BUNDLED_MODEL,
        enable_lora=enable_lora,
        max_adapters=3,
        max_model_len=MAX_MODEL_LEN,
        kv_cache_memory_bytes=GIB,
        gpu_memory_utilization=LEAST_UTILIZATION,
    )
