"""Which layers of a model see only a sliding window, from `config.json`."""

from collections.abc import Mapping
from typing import Any

from paged_sim.checks import require_integer

# Transformers fills these in where a config.json has no `layer_types`: every n-th layer sees everything.
_FULL_LAYER_EVERY = {"gemma2": 2, "gpt_oss": 2, "cohere2": 4, "gemma3_text": 6}
# A layer of Cohere 2 sees `sliding_window` tokens and itself (vLLM: models/commandr.py).
_TOKENS_ON_TOP = {"cohere2": 1}


def layer_windows(config: Mapping[str, Any], num_layers: int) -> tuple[int | None, ...]:
    """Returns for each layer its window in tokens, None for full attention.

    Args:
        config: the language model's section of `config.json`.
        num_layers: its number of layers.

    Raises:
        ValueError: a layer is of a kind that has no keys and values, or the kinds are not one for each layer.
    """
    kinds = _layer_types(config, num_layers)
    if "sliding_attention" not in kinds:
        return (None,) * num_layers
    window = config.get("sliding_window")
    require_integer("sliding_window of config.json", window, 1)
    window += _TOKENS_ON_TOP.get(config.get("model_type"), 0)
    return tuple(window if kind == "sliding_attention" else None for kind in kinds)


def _layer_types(config: Mapping[str, Any], num_layers: int) -> list[str]:
    if config.get("layer_types") is not None:
        return _checked_types(config["layer_types"], num_layers)
    if not config.get("sliding_window") or not _uses_window(config):
        return ["full_attention"] * num_layers
    every = config.get("sliding_window_pattern", _FULL_LAYER_EVERY.get(config.get("model_type"), num_layers + 1))
    require_integer("sliding_window_pattern of config.json", every, 1)
    return ["sliding_attention" if layer % every else "full_attention" for layer in range(1, num_layers + 1)]


def _checked_types(kinds: Any, num_layers: int) -> list[str]:
    unknown = sorted(set(kinds) - {"full_attention", "sliding_attention"})
    if unknown:
        raise ValueError(f"this KV cache is not understood: config.json has layers of type {', '.join(unknown)}")
    if len(kinds) != num_layers:
        raise ValueError(f"layer_types of config.json must name {num_layers} layers, got {len(kinds)}")
    return list(kinds)


def _uses_window(config: Mapping[str, Any]) -> bool:
    """Qwen models carry a window that is off unless they say otherwise."""
    is_qwen = str(config.get("model_type")).startswith("qwen")
    if is_qwen and config.get("use_sliding_window"):
        raise ValueError("this KV cache is not understood: vLLM has no sliding windows for Qwen (use_sliding_window)")
    return not is_qwen
