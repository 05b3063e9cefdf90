"""An engine on GPUs: what the user has set, and whether there are as many GPUs as that asks for."""

import os
import sys
from typing import Any

from inference.engine_options import EngineOptions
from inference.errors import EngineStartError


def gpu_settings(options: EngineOptions) -> dict[str, Any]:
    """Returns vLLM's arguments for an engine on GPUs: what the user has set; vLLM chooses the rest.

    Args:
        options: the user's settings.

    Raises:
        EngineStartError: fewer GPUs than the options ask for, or no Ray where they ask for it.
    """
    check_gpus(options)
    _lead_to_the_actors_cluster()
    settings = {
        "dtype": options.dtype,
        "gpu_memory_utilization": options.gpu_memory_utilization,
        "tensor_parallel_size": options.tensor_parallel_size,
        "pipeline_parallel_size": options.pipeline_parallel_size,
        "distributed_executor_backend": options.distributed_executor_backend,
        "max_model_len": options.max_model_len,
        "kv_cache_memory_bytes": options.kv_cache_memory_bytes,
        "enforce_eager": options.enforce_eager,
    }
    return {name: value for name, value in settings.items() if value is not None}


def check_gpus(options: EngineOptions) -> None:
    """Raises EngineStartError if fewer GPUs can be seen than the options ask for.

    Those of this machine count or, with Ray, those of the cluster. Where no cluster is known yet, vLLM finds one or
    starts one; where the user spreads the engine over machines without Ray (vLLM's `nnodes`), vLLM counts.

    Args:
        options: the user's settings.
    """
    if options.distributed_executor_backend == "ray":
        _check_cluster(options)
    elif "nnodes" not in options.extra:
        _check_machine(options)


def _check_machine(options: EngineOptions) -> None:
    import torch

    # Asks the driver, and leaves CUDA of this process unused.
    visible = torch.cuda.device_count()
    if visible >= options.workers:
        return
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    shown = f"this machine shows {visible}" + ("" if chosen is None else f" (CUDA_VISIBLE_DEVICES={chosen!r})")
    if visible == 0:
        raise EngineStartError(
            f"{_demand(options)}, and {shown}. Look with nvidia-smi whether the driver works and GPUs are hidden, "
            "or install vLLM for CPUs: `uv sync`."
        )
    raise EngineStartError(
        f"{_demand(options)}, and {shown}. "
        "Lower them, or use GPUs of several machines with distributed_executor_backend='ray'."
    )


def _check_cluster(options: EngineOptions) -> None:
    try:
        import ray
    except ImportError as error:
        raise EngineStartError(
            f"distributed_executor_backend='ray' needs Ray, which cannot be imported: {error}. "
            "Install it: `uv sync --no-group cpu --group gpu --group ray`."
        ) from error
    if not ray.is_initialized():
        return
    in_cluster = int(ray.cluster_resources().get("GPU", 0))
    if in_cluster < options.workers:
        raise EngineStartError(
            f"{_demand(options)}, and the Ray cluster has {in_cluster}. "
            "Lower them, or add machines to the cluster with `ray start`."
        )


def _demand(options: EngineOptions) -> str:
    sizes = f"tensor_parallel_size={options.tensor_parallel_size}"
    if options.pipeline_parallel_size > 1:
        sizes += f" × pipeline_parallel_size={options.pipeline_parallel_size}"
    return f"{sizes} needs {options.workers} GPU{'s' if options.workers > 1 else ''}"


def _lead_to_the_actors_cluster() -> None:
    ray = sys.modules.get("ray")
    if ray is not None and ray.is_initialized() and ray.get_runtime_context().get_actor_id() is not None:
        # Otherwise the engine's process starts a cluster of its own. vLLM sets this as well, but not where the
        # environment has chosen how processes start, as `inference.environment` does.
        os.environ["RAY_ADDRESS"] = ray.get_runtime_context().gcs_address
