"""All figures of a KV cache as one dictionary, for JSON and for tables."""

from typing import Any

from paged_sim.sizing.answer import Answer
from paged_sim.sizing.capacity import KVCacheCapacity
from paged_sim.sizing.device_memory import DeviceMemory
from paged_sim.sizing.layout import KVCacheLayout


def layout_figures(layout: KVCacheLayout) -> dict[str, Any]:
    """Returns what is known without an amount of memory; bytes are those on one device."""
    return {
        "model": layout.shape.name,
        "attention": layout.shape.attention,
        "num_layers": layout.shape.num_layers,
        "num_kv_heads": layout.shape.num_kv_heads,
        "head_size": layout.shape.head_size,
        "dtype": layout.dtype,
        "kv_cache_dtype": layout.cache_dtype.name,
        "tensor_parallel_size": layout.tensor_parallel_size,
        "block_size": layout.block_size,
        "bytes_per_token": layout.bytes_per_token,
        "bytes_per_block": layout.bytes_per_block,
    }


def capacity_figures(capacity: KVCacheCapacity) -> dict[str, Any]:
    """Returns what follows from an amount of memory; `num_tokens` and `max_concurrency` are those that vLLM logs."""
    return {
        "memory": capacity.memory,
        "num_blocks": capacity.num_blocks,
        "num_usable_blocks": capacity.num_usable_blocks,
        "num_tokens": capacity.num_tokens,
        "max_model_len": capacity.max_model_len,
        "max_concurrency": capacity.max_concurrency,
        "max_model_len_fits": capacity.fits,
        "longest_fitting_len": capacity.longest_fitting_len,
    }


def device_figures(device: DeviceMemory) -> dict[str, Any]:
    """Returns how the memory of a device is divided, in bytes."""
    return {
        "device_memory": device.total,
        "gpu_memory_utilization": device.gpu_memory_utilization,
        "weights": device.weights,
        "other_memory": device.other,
    }


def request_figures(capacity: KVCacheCapacity, prompt: int, output: int) -> dict[str, Any]:
    """Returns how many requests of `prompt` + `output` tokens fit."""
    return {
        "prompt": prompt,
        "output": output,
        "requests_at_once": capacity.requests_at_once(prompt, output),
        "requests_on_average": capacity.requests_on_average(prompt, output),
    }


def answer_figures(answers: list[Answer]) -> list[dict[str, Any]]:
    """Returns answers as dictionaries."""
    return [answer._asdict() | {"issues": list(answer.issues)} for answer in answers]
