"""Reading `config.json`: the names that model families give to the same thing, and what stays unread."""

from collections.abc import Mapping
from typing import Any

from paged_sim.checks import require_integer

# vLLM: ModelArchConfigConvertorBase, and the attribute maps of Transformers' configurations.
NUM_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
NUM_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads")
NUM_KV_HEADS = ("n_head_kv", "num_kv_heads", "num_key_value_heads", "multi_query_group_num", "num_attention_groups")
HIDDEN_SIZE = ("hidden_size", "n_embd", "d_model")
HEAD_SIZE = ("head_dim", "hidden_size_per_head")
MODEL_LENGTH = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "seq_length",
    "model_max_length",
    "max_target_positions",
    "max_sequence_length",
    "max_seq_length",
    "seq_len",
)

_RECURRENT = "layers with a recurrent state, which has a size of its own (Mamba, linear attention)"
_SHARED = "layers that share the keys and values of another layer"
_UNEVEN = "layers of different sizes"
_NOT_UNDERSTOOD = {
    "layers_block_type": _RECURRENT,
    "block_types": _RECURRENT,
    "hybrid_override_pattern": _RECURRENT,
    "attn_type_list": _RECURRENT,
    "attn_layer_indices": _RECURRENT,
    "attn_layer_period": _RECURRENT,
    "full_attn_idxs": _RECURRENT,
    "full_attention_interval": _RECURRENT,
    "linear_attn_config": _RECURRENT,
    "state_size": _RECURRENT,
    "ssm_state_size": _RECURRENT,
    "mamba_d_state": _RECURRENT,
    "mamba_d_ssm": _RECURRENT,
    "num_kv_shared_layers": _SHARED,
    "global_head_dim": _UNEVEN,
    "num_global_key_value_heads": _UNEVEN,
    "block_configs": _UNEVEN,
    "attn_config": "sizes of attention in a section of their own",
    "attention_chunk_size": "attention in chunks",
    "compress_ratios": "attention to compressed tokens",
    "index_topk": "sparse attention with a cache for its index",
    "rswa_window": "a window over the answer only",
    "is_encoder_decoder": "an encoder, whose states are cached as well",
}


def text_section(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the part that describes the language model: a nested section, or all of it."""
    nested = (config.get(key) for key in ("text_config", "language_config", "llm_config"))
    return next((section for section in nested if section), config)


def first_value(config: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    """Returns the value of the first key that is there and not null, else None."""
    return next((config[key] for key in keys if config.get(key) is not None), None)


def required_integer(config: Mapping[str, Any], keys: tuple[str, ...]) -> int:
    """Returns a positive whole number that must be there.

    Raises:
        ValueError: none of the keys is there, or the value is no such number.
    """
    value = first_value(config, keys)
    if value is None:
        raise ValueError(f"config.json lacks {keys[0]} (nor has it {', '.join(keys[1:])})")
    require_integer(f"{keys[0]} of config.json", value, 1)
    return value


def check_understood(config: Mapping[str, Any]) -> None:
    """Refuses a model whose KV cache is more than keys and values of equal layers.

    Raises:
        ValueError: the message names the key and what it stands for.
    """
    for key, meaning in _NOT_UNDERSTOOD.items():
        if config.get(key):
            raise ValueError(f"this KV cache is not understood: {key} of config.json stands for {meaning}")
