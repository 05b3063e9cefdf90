"""An engine on a CPU: safe defaults, and everything that can be judged before it starts."""

import logging
import os
import shutil
import warnings
from typing import Any

from inference.base_shapes import BaseShapes
from inference.cpu_allocator import keep_freed_memory
from inference.engine_options import EngineOptions, EngineWarning
from inference.errors import EngineStartError
from inference.memory import BLOCK_TOKENS, GIB, plan_cpu_memory

logger = logging.getLogger(__name__)


def cpu_settings(shapes: BaseShapes, options: EngineOptions, lora_slots: int, lora_rank: int) -> dict[str, Any]:
    """Returns vLLM's arguments for an engine on a CPU, and prepares this process for it.

    Args:
        shapes: sizes of the base model.
        options: the user's settings.
        lora_slots: adapters that can be loaded at once; 0 for an engine without LoRA.
        lora_rank: the rank that each slot holds.

    Raises:
        EngineStartError: a setting that cannot work on this machine.
        MemoryBudgetError: the memory that is free does not hold weights, adapters and KV cache.
    """
    dtype = "float32" if options.dtype == "auto" else options.dtype
    eager = True if options.enforce_eager is None else options.enforce_eager
    _check_workers(options)
    _check_cpu(dtype, eager)
    lora_bytes = shapes.lora_bytes(lora_slots, lora_rank, dtype)
    plan = plan_cpu_memory(shapes, dtype, options.max_model_len, _kv_cache_bytes(options), lora_bytes)
    if options.workers == 1 and options.distributed_executor_backend is None:
        # In the caller's process the engine starts in a fifth of the time.
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    keep_freed_memory()
    cores = _use_all_cores()
    logger.info(
        "CPU engine: %d cores, %s, %s, KV cache of %s tokens (%.2f GiB), context of %s tokens",
        cores, dtype, "eager" if eager else "compiled",
        f"{plan.kv_cache_tokens:,}", plan.kv_cache_bytes / 1024**3, f"{plan.max_model_len:,}",
    )  # fmt: skip
    return {
        "dtype": dtype,
        "max_model_len": plan.max_model_len,
        "kv_cache_memory_bytes": plan.kv_cache_bytes,
        "block_size": BLOCK_TOKENS,
        "enforce_eager": eager,
        "tensor_parallel_size": options.tensor_parallel_size,
        "distributed_executor_backend": options.distributed_executor_backend,
    }


def _use_all_cores() -> int:
    import torch

    cores = len(os.sched_getaffinity(0))
    # vLLM binds threads only in child processes, and then leaves one core idle.
    torch.set_num_threads(cores)
    os.environ.setdefault("VLLM_CPU_NUM_OF_RESERVED_CPU", "0")
    return cores


def _check_workers(options: EngineOptions) -> None:
    if options.distributed_executor_backend == "ray":
        raise EngineStartError(
            "distributed_executor_backend='ray' needs GPUs: on CPUs vLLM does not spread an engine with Ray. "
            "Leave it out; several engines can share the work."
        )
    # Without a warm-up, as in eager mode and with LoRA, no stage but the first has buffers for what it is handed.
    if options.pipeline_parallel_size > 1:
        raise EngineStartError(
            f"pipeline_parallel_size must be 1 on a CPU, got {options.pipeline_parallel_size}: "
            "vLLM 0.32's engine starts, and ends at the first request. Use tensor_parallel_size instead."
        )


def _check_cpu(dtype: str, eager: bool) -> None:
    import torch

    if not eager and shutil.which("g++") is None:
        raise EngineStartError(
            "enforce_eager=False compiles the model, which needs g++ on a CPU, and none was found. "
            "Install it (Debian: apt-get install g++), or leave enforce_eager out."
        )
    if dtype == "bfloat16" and torch.cpu._is_amx_tile_supported():
        warnings.warn(
            "bfloat16 on a CPU with AMX gives wrong text with vLLM 0.32: use float32 or float16.",
            EngineWarning,
            stacklevel=5,
        )


def _kv_cache_bytes(options: EngineOptions) -> int | None:
    """Returns the size that the user set: on a CPU vLLM's old variable overrides its argument."""
    variable = "VLLM_CPU_KVCACHE_SPACE"
    text = os.environ.get(variable)
    if not text:
        return options.kv_cache_memory_bytes
    if not text.isdecimal() or int(text) < 1:
        raise EngineStartError(
            f"The environment variable {variable} must be a whole number of GiB, at least 1: {text!r}"
        )
    size = int(text) * GIB
    if options.kv_cache_memory_bytes not in (None, size):
        raise EngineStartError(
            f"The environment variable {variable}={text} (GiB) would override "
            f"kv_cache_memory_bytes={options.kv_cache_memory_bytes}. Unset one of them."
        )
    return size
