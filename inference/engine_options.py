"""What a user may set of an engine."""

from dataclasses import dataclass, field
from typing import Any

from inference.base_shapes import DTYPE_BYTES
from inference.errors import EngineStartError

_BACKENDS = ("mp", "ray")
_MAY_BE_NONE = ("max_model_len", "kv_cache_memory_bytes")
_NOT_PASSED_ON = {
    "model": "give base_model_name",
    "max_loras": "give max_adapters",
    "disable_log_stats": "the times of each answer are read from vLLM's statistics",
}


class EngineWarning(UserWarning):
    """The engine runs, but with a setting that is known to hurt."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Engine settings of the user; the names are vLLM's.

    Attributes:
        gpu_memory_utilization: share of the GPU's memory that vLLM reserves, in (0, 1]. Without effect on a CPU.
        tensor_parallel_size: over how many devices each layer is split, at least 1.
        pipeline_parallel_size: over how many devices, or groups of them, the layers are dealt out; 1 on a CPU.
        distributed_executor_backend: what starts the processes of several devices: "mp", on this machine; "ray", on
            the machines of a Ray cluster; None lets vLLM choose.
        max_model_len: longest prompt and answer together, in tokens; None takes the model's own.
        dtype: of weights and computation; "auto" is float32 on a CPU and the model's own on a GPU.
        kv_cache_memory_bytes: size of the KV cache; None is 1 GiB on a CPU, the rest of the reserved memory on a GPU.
        enforce_eager: no compilation and no CUDA graphs; None is True on a CPU (87 s less to start), False on a GPU.
        extra: further arguments of `vllm.LLM`, passed on as they are.
    """

    gpu_memory_utilization: float = 0.75
    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    distributed_executor_backend: str | None = None
    max_model_len: int | None = None
    dtype: str = "auto"
    kv_cache_memory_bytes: int | None = None
    enforce_eager: bool | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        share = self.gpu_memory_utilization
        if not isinstance(share, int | float) or not 0 < share <= 1:
            raise EngineStartError(f"gpu_memory_utilization must be a number in (0, 1], got {share!r}")
        if self.dtype not in ("auto", *DTYPE_BYTES):
            raise EngineStartError(f"dtype must be one of auto, {', '.join(DTYPE_BYTES)}, got {self.dtype!r}")
        backend = self.distributed_executor_backend
        if backend not in (None, *_BACKENDS):
            raise EngineStartError(
                f"distributed_executor_backend must be one of None, {', '.join(_BACKENDS)}, got {backend!r}"
            )
        for name in ("tensor_parallel_size", "pipeline_parallel_size", *_MAY_BE_NONE):
            value = getattr(self, name)
            if value is None and name in _MAY_BE_NONE:
                continue
            if not isinstance(value, int) or value < 1:
                raise EngineStartError(f"{name} must be a whole number of at least 1, got {value!r}")
        if not isinstance(self.enforce_eager, bool | None):
            raise EngineStartError(f"enforce_eager must be True, False or None, got {self.enforce_eager!r}")
        for name in self.extra.keys() & _NOT_PASSED_ON.keys():
            raise EngineStartError(f"{name} cannot be passed on to vLLM: {_NOT_PASSED_ON[name]}.")

    @property
    def workers(self) -> int:
        """How many devices share one copy of the model."""
        return self.tensor_parallel_size * self.pipeline_parallel_size
