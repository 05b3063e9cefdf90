"""Starts vLLM: safe defaults on a CPU, and the root cause in the message when it does not start."""

import gc
import logging
import os
import shutil
import warnings
import weakref
from dataclasses import dataclass, field
from typing import Any

from inference.base_model import BaseModel
from inference.base_shapes import DTYPE_BYTES, BaseShapes
from inference.cpu_allocator import keep_freed_memory
from inference.device import runs_on_cpu
from inference.engine_call import hold_interrupts_during_steps
from inference.engine_log import EngineLog, is_consequence
from inference.errors import EngineStartError, MemoryBudgetError
from inference.memory import plan_cpu_memory

# Characters of an error's text that are shown.
_LONGEST_CAUSE = 600

logger = logging.getLogger(__name__)
_engines_in_this_process: weakref.WeakSet[Any] = weakref.WeakSet()


class EngineWarning(UserWarning):
    """The engine runs, but with a setting that is known to hurt."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Engine settings of the user; the names are vLLM's.

    Attributes:
        gpu_memory_utilization: share of the GPU's memory that vLLM reserves, in (0, 1]. Without effect on a CPU.
        tensor_parallel_size: over how many devices each layer is split, at least 1.
        max_model_len: longest prompt and answer together, in tokens; None takes the model's own.
        dtype: of weights and computation; "auto" is float32 on a CPU and the model's own on a GPU.
        kv_cache_memory_bytes: size of the KV cache; None is 1 GiB on a CPU, the rest of the reserved memory on a GPU.
        enforce_eager: no compilation and no CUDA graphs; None is True on a CPU (87 s less to start), False on a GPU.
        extra: further arguments of `vllm.LLM`, passed on as they are.
    """

    gpu_memory_utilization: float = 0.75
    tensor_parallel_size: int = 1
    max_model_len: int | None = None
    dtype: str = "auto"
    kv_cache_memory_bytes: int | None = None
    enforce_eager: bool | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.gpu_memory_utilization <= 1:
            raise EngineStartError(f"gpu_memory_utilization must be in (0, 1], got {self.gpu_memory_utilization}")
        if self.dtype not in ("auto", *DTYPE_BYTES):
            raise EngineStartError(f"dtype must be one of auto, {', '.join(DTYPE_BYTES)}, got {self.dtype!r}")
        for name in ("tensor_parallel_size", "max_model_len", "kv_cache_memory_bytes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise EngineStartError(f"{name} must be at least 1, got {value}")


def start_engine(
    base: BaseModel, shapes: BaseShapes, options: EngineOptions, lora: dict[str, Any], log: EngineLog
) -> Any:
    """Returns a running `vllm.LLM`.

    Args:
        base: the base model.
        shapes: its sizes, for the memory plan on a CPU.
        options: the user's settings.
        lora: vLLM's LoRA arguments; empty for an engine without LoRA.
        log: what the engine's processes log to; to be kept as long as the engine.

    Raises:
        EngineStartError: vLLM did not start.
        MemoryBudgetError: model or KV cache do not fit.
    """
    settings = _cpu_settings(shapes, options) if runs_on_cpu() else _gpu_settings(options)
    arguments = {"disable_log_stats": False, "seed": 0} | settings | lora | options.extra
    from vllm import LLM

    with log.configured():
        try:
            llm = LLM(model=base.source, **arguments)
        except Exception as error:  # vLLM raises anything from OSError to pydantic's ValidationError
            raise _explained(error, log) from error
    if _runs_in_this_process(llm):
        _engines_in_this_process.add(llm)
        hold_interrupts_during_steps(llm)
    return llm


def stop_engine(llm: Any) -> None:
    """Ends an engine; other engines in this process live on."""
    _engines_in_this_process.discard(llm)
    client = llm.llm_engine.engine_core
    if not (_runs_in_this_process(llm) and _engines_in_this_process):
        client.shutdown()
        return
    # vLLM's own shutdown would take down torch's process group, which the other engines share. Without references
    # this engine's memory goes once the garbage collector looks at it again: vLLM has frozen it.
    if finalizer := getattr(client, "_finalizer", None):
        finalizer.detach()
    client.engine_core.model_executor.shutdown()
    gc.unfreeze()


def _runs_in_this_process(llm: Any) -> bool:
    return hasattr(llm.llm_engine.engine_core, "engine_core")


def _cpu_settings(shapes: BaseShapes, options: EngineOptions) -> dict[str, Any]:
    dtype = "float32" if options.dtype == "auto" else options.dtype
    eager = True if options.enforce_eager is None else options.enforce_eager
    _check_cpu(dtype, eager)
    plan = plan_cpu_memory(shapes, dtype, options.max_model_len, options.kv_cache_memory_bytes)
    if options.tensor_parallel_size == 1:
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
        "enforce_eager": eager,
        "tensor_parallel_size": options.tensor_parallel_size,
    }


def _gpu_settings(options: EngineOptions) -> dict[str, Any]:
    settings = {
        "dtype": options.dtype,
        "gpu_memory_utilization": options.gpu_memory_utilization,
        "tensor_parallel_size": options.tensor_parallel_size,
        "max_model_len": options.max_model_len,
        "kv_cache_memory_bytes": options.kv_cache_memory_bytes,
        "enforce_eager": options.enforce_eager,
    }
    return {name: value for name, value in settings.items() if value is not None}


def _use_all_cores() -> int:
    import torch

    cores = len(os.sched_getaffinity(0))
    # vLLM binds threads only in child processes, and then leaves one core idle.
    torch.set_num_threads(cores)
    os.environ.setdefault("VLLM_CPU_NUM_OF_RESERVED_CPU", "0")
    return cores


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
            stacklevel=4,
        )


def _explained(error: Exception, log: EngineLog) -> EngineStartError:
    # The texts of pydantic and torch run over several lines, the cause in the second.
    text = " ".join(str(error).split())[:_LONGEST_CAUSE]
    cause = log.root_cause() or f"{type(error).__name__}: {text}"
    lowered = cause.lower()
    if "out of memory" in lowered or "kv cache" in lowered or "free memory" in lowered:
        return MemoryBudgetError(
            f"vLLM did not get the memory that it needs. {cause}\n"
            "Lower max_model_len, raise gpu_memory_utilization if the GPU is otherwise free, or choose a smaller model."
        )
    if is_consequence(cause):
        cause += (
            "\nThe engine's process ended before it could log. If this is a script, put the code that starts the "
            "engine under `if __name__ == '__main__':`, since that process imports the script first."
        )
    return EngineStartError(f"vLLM did not start. {cause}")
