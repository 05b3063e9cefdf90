"""Sizes of a base model from its configuration; the kinds that have none say so."""

import pytest
from transformers import BloomConfig, LlamaConfig, LlavaConfig, MambaConfig

from inference.base_shapes import base_shapes
from inference.errors import BaseModelError, MemoryBudgetError
from inference.memory import plan_cpu_memory

LLAMA = LlamaConfig(
    hidden_size=64,
    intermediate_size=96,
    num_hidden_layers=3,
    num_attention_heads=8,
    num_key_value_heads=2,
    vocab_size=100,
    max_position_embeddings=512,
)


def test_sizes_of_a_model_with_grouped_query_heads():
    shapes = base_shapes(LLAMA)
    assert shapes.linear["model.layers.2.self_attn.k_proj"] == (16, 64)
    assert shapes.linear["model.layers.0.mlp.down_proj"] == (64, 96)
    assert shapes.kv_bytes_per_token("float32") == 2 * 3 * 2 * 8 * 4
    assert shapes.max_positions == 512
    layer = 2 * 64 * 64 + 2 * 16 * 64 + 3 * 64 * 96 + 2 * 64
    assert shapes.weight_bytes("float16") == 2 * (3 * layer + 2 * 100 * 64 + 64)


def test_slots_of_adapters_hold_both_matrices_of_each_layer_and_their_copies():
    layer = (64 + 64) * 2 + (16 + 64) * 2 + (64 + 96) * 3
    assert base_shapes(LLAMA).lora_bytes(4, 8, "float32") == 2 * 4 * 8 * (3 * layer + 100 + 64) * 4


def test_a_model_without_a_longest_context_needs_max_model_len():
    shapes = base_shapes(BloomConfig(hidden_size=64, n_layer=1, n_head=4, vocab_size=100))
    assert shapes.max_positions is None
    with pytest.raises(MemoryBudgetError, match="configuration names no longest context: set max_model_len"):
        plan_cpu_memory(shapes, "float32", None, None)
    assert plan_cpu_memory(shapes, "float32", 256, None).max_model_len == 256


@pytest.mark.parametrize("config", [LlavaConfig(), MambaConfig(hidden_size=64, num_hidden_layers=1, vocab_size=100)])
def test_a_model_of_another_kind_is_named_with_the_way_out(config: object):
    expected = rf"The layers of a '{config.model_type}' model cannot be derived .*: merge the adapter, or use a GPU\."
    with pytest.raises(BaseModelError, match=expected):
        base_shapes(config)
