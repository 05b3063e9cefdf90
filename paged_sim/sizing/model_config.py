"""From a `config.json` of the Hugging Face hub to the shape of a model."""

from collections.abc import Mapping
from typing import Any

from paged_sim.sizing.config_keys import (
    HEAD_SIZE,
    HIDDEN_SIZE,
    NUM_HEADS,
    NUM_KV_HEADS,
    NUM_LAYERS,
    check_understood,
    first_value,
    required_integer,
    text_section,
)
from paged_sim.sizing.context_length import model_length
from paged_sim.sizing.layer_windows import layer_windows
from paged_sim.sizing.model_shape import ModelShape

# The ones of vLLM's list (ModelArchConfigConvertorBase.is_deepseek_mla) that store nothing but the latent vector.
_MLA_MODELS = {"deepseek_v2", "deepseek_v3", "kimi_k2", "glm4_moe_lite", "pangu_ultra_moe"}


def shape_from_config(config: Mapping[str, Any], name: str, num_parameters: int | None = None) -> ModelShape:
    """Returns the shape of the model that a `config.json` describes.

    Args:
        config: its content. Of a multimodal model the language model's section counts.
        name: what messages call the model.
        num_parameters: number of its weights, if known.

    Raises:
        ValueError: something is missing or out of range, or the KV cache is of a kind that is not understood (states
            of Mamba layers, for one). The message starts with the name.
    """
    try:
        return _shape(config, text_section(config), name, num_parameters)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _shape(config: Mapping[str, Any], text: Mapping[str, Any], name: str, num_parameters: int | None) -> ModelShape:
    check_understood(text)
    length = model_length(text)
    uses_mla = _uses_mla(text)
    return ModelShape(
        name=name,
        hidden_size=required_integer(text, HIDDEN_SIZE),
        num_heads=required_integer(text, NUM_HEADS),
        num_kv_heads=1 if uses_mla else _num_kv_heads(text),
        head_size=_latent_size(text) if uses_mla else _head_size(text),
        windows=layer_windows(text, required_integer(text, NUM_LAYERS)),
        default_max_model_len=length.default,
        longest_model_len=length.longest,
        dtype=_dtype(config, text),
        uses_mla=uses_mla,
        num_parameters=num_parameters,
        quantization=(config.get("quantization_config") or {}).get("quant_method"),
    )


def _num_kv_heads(text: Mapping[str, Any]) -> int:
    if text.get("multi_query") and not text.get("new_decoder_architecture"):
        return 1
    return required_integer(text, NUM_HEADS if first_value(text, NUM_KV_HEADS) is None else NUM_KV_HEADS)


def _head_size(text: Mapping[str, Any]) -> int:
    if first_value(text, HEAD_SIZE):
        return required_integer(text, HEAD_SIZE)
    return required_integer(text, HIDDEN_SIZE) // required_integer(text, NUM_HEADS)


def _uses_mla(text: Mapping[str, Any]) -> bool:
    if text.get("kv_lora_rank") is None:
        return False
    model_type = text.get("model_type")
    if model_type not in _MLA_MODELS:
        raise ValueError(f"this KV cache is not understood: kv_lora_rank in config.json of type {model_type!r}")
    return True


def _latent_size(text: Mapping[str, Any]) -> int:
    return required_integer(text, ("kv_lora_rank",)) + required_integer(text, ("qk_rope_head_dim",))


def _dtype(config: Mapping[str, Any], text: Mapping[str, Any]) -> str:
    """16 bits in any case: vLLM runs weights of 32 bits, or of a type that is not stated, in bfloat16."""
    stated = first_value(config, ("dtype", "torch_dtype")) or first_value(text, ("dtype", "torch_dtype"))
    return stated if stated == "float16" else "bfloat16"
