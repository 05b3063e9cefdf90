"""vLLM 0.32's own calculation of the KV cache at start-up, without a device or a model."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from transformers import AutoConfig
from vllm.config.model import MODEL_ARCH_CONFIG_CONVERTORS, ModelArchConfigConvertorBase, _get_and_verify_max_len
from vllm.model_executor.layers.attention.mla_attention import MLACommonBackend
from vllm.transformers_utils.config import get_hf_text_config
from vllm.utils.torch_utils import STR_DTYPE_TO_TORCH_DTYPE
from vllm.v1.attention.backends.triton_attn import TritonAttentionBackend
from vllm.v1.core.kv_cache_utils import get_kv_cache_capacity, get_kv_cache_configs
from vllm.v1.kv_cache_interface import (
    AttentionSpec,
    FullAttentionSpec,
    KVCacheSpec,
    MLAAttentionSpec,
    SlidingWindowSpec,
    get_kv_quant_mode,
)
from vllm.v1.kv_cache_layout import KVCacheLayout as MemoryOrder

from paged_sim.sizing.capacity import KVCacheCapacity
from paged_sim.sizing.layout import KVCacheLayout


class Started(NamedTuple):
    """What vLLM knows of its KV cache after a start."""

    num_blocks: int
    num_tokens: int
    max_concurrency: float
    group_sizes: list[int]


def layer_specs(layout: KVCacheLayout) -> dict[str, KVCacheSpec]:
    """Returns vLLM's specification of each layer, as its attention layers make them for a backend."""
    return {f"layer {index}": _layer_spec(layout, window) for index, window in enumerate(layout.shape.windows)}


def _layer_spec(layout: KVCacheLayout, window: int | None) -> AttentionSpec:
    common = {
        "block_size": layout.block_size,
        "num_kv_heads": layout.num_kv_heads,
        "head_size": layout.shape.head_size,
        "dtype": STR_DTYPE_TO_TORCH_DTYPE[layout.cache_dtype.name],
        "kv_quant_mode": get_kv_quant_mode(layout.cache_dtype.name),
    }
    if layout.shape.uses_mla:
        spec = MLAAttentionSpec(**common, cache_dtype_str=layout.cache_dtype.name, max_tp_shards=1)
        return MLACommonBackend.customize_spec(spec)
    spec = FullAttentionSpec(**common) if window is None else SlidingWindowSpec(**common, sliding_window=window)
    return TritonAttentionBackend.customize_spec(spec)


def start(capacity: KVCacheCapacity, memory_order: MemoryOrder = MemoryOrder.LBNHC) -> Started:
    """Returns what vLLM makes of a memory; raises vLLM's ValueError if it does not start."""
    config = _vllm_config(capacity, memory_order)
    (cache,) = get_kv_cache_configs(config, [layer_specs(capacity.layout)], [capacity.memory])
    num_tokens, max_concurrency = get_kv_cache_capacity(config, cache)
    group_sizes = [len(group.layer_names) for group in cache.kv_cache_groups]
    return Started(cache.num_blocks, num_tokens, max_concurrency, group_sizes)


def _vllm_config(capacity: KVCacheCapacity, memory_order: MemoryOrder) -> SimpleNamespace:
    length = capacity.max_model_len
    return SimpleNamespace(
        model_config=SimpleNamespace(max_model_len=length, original_max_model_len=length),
        cache_config=SimpleNamespace(
            num_gpu_blocks_override=None,
            prefix_cache_retention_interval=0,
            get_resolved_kv_cache_layout=lambda: memory_order,
        ),
        scheduler_config=SimpleNamespace(disable_hybrid_kv_cache_manager=False),
        parallel_config=SimpleNamespace(
            tensor_parallel_size=capacity.layout.tensor_parallel_size, decode_context_parallel_size=1
        ),
        attention_config=SimpleNamespace(hisparse_config=None),
        speculative_config=None,
        num_prefill_lookahead_tokens=0,
        max_in_flight_tokens=capacity.layout.max_in_flight_tokens,
    )


class ModelFigures(NamedTuple):
    """What vLLM reads from a `config.json`."""

    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_size: int
    hidden_size: int
    uses_mla: bool
    default_max_model_len: int
    windows: tuple[int | None, ...]


def read_config(config: Mapping[str, Any]) -> ModelFigures:
    """Returns what vLLM reads from a `config.json` through Transformers."""
    fields = dict(config)
    if fields.get("rope_scaling", {}).get("type") == "longrope":
        # Transformers asks for the factors of all frequencies, which presets leave out.
        factors = [1.0] * (fields["hidden_size"] // fields["num_attention_heads"] // 2)
        fields["rope_scaling"] = fields["rope_scaling"] | {"long_factor": factors, "short_factor": factors}
    hf_config = AutoConfig.for_model(fields.pop("model_type"), **fields)
    text = get_hf_text_config(hf_config)
    convertor = MODEL_ARCH_CONFIG_CONVERTORS.get(hf_config.model_type, ModelArchConfigConvertorBase)
    arch = convertor(hf_config, text).convert()
    length = _get_and_verify_max_len(text, arch, None, None, False, getattr(text, "sliding_window", None))
    return ModelFigures(
        arch.total_num_hidden_layers,
        arch.total_num_attention_heads,
        1 if arch.is_deepseek_mla else arch.total_num_kv_heads,
        arch.head_size,
        arch.hidden_size,
        arch.is_deepseek_mla,
        length,
        _windows(text, arch.total_num_hidden_layers),
    )


def _windows(text: Any, num_layers: int) -> tuple[int | None, ...]:
    """As EngineArgs.create_engine_config and the models' attention layers choose them."""
    window, kinds = getattr(text, "sliding_window", None), getattr(text, "layer_types", None)
    if kinds is None:
        return (window or None,) * num_layers
    return tuple(window if kind == "sliding_attention" else None for kind in kinds)


def torch_dtype_bytes(name: str) -> int:
    """Returns the bytes of a value in a data type of the model."""
    return torch.empty(0, dtype=STR_DTYPE_TO_TORCH_DTYPE[name]).element_size()
