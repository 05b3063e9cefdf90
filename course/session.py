"""The notebook's one engine: every part asks for it, the first one starts it."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vllm_offline_inference import VLLMInferenceWithLoRA

GIB = 1024**3
# Long enough for every prompt of the course, short enough for a prompt that is too long.
MAX_MODEL_LEN = 2048


@cache
def course_engine() -> "VLLMInferenceWithLoRA":
    """Returns the engine of this kernel: the bundled model, with room for three LoRA adapters.

    The first call starts it, which takes about half a minute on two cores; later calls return it at once.
    """
    return new_engine()


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
    )
