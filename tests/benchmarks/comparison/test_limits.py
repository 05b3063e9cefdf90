"""Bytes and operations by hand, and what must hold of any work."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.comparison.limits import DeviceRates, ModelWork, least_seconds, num_bytes, num_flops

WORK = ModelWork(layer_parameters=1000, output_parameters=500, kv_bytes_per_token=8, attention_width=16, weight_bytes=2)
RATES = DeviceRates("a device", bytes_per_s=1e6, flops_per_s=1e7)
LENGTHS = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 20)), min_size=1, max_size=8)


def test_bytes_by_hand() -> None:
    # Three steps of all weights; the second token reads 5 tokens, the third 6.
    assert num_bytes(WORK, [4], [3], 1) == 3 * 1500 * 2 + (5 + 6) * 8


def test_requests_in_a_batch_share_the_weights() -> None:
    assert num_bytes(WORK, [4, 4], [3, 3], 2) == 3 * 3000 + 2 * 11 * 8
    assert num_bytes(WORK, [4, 4], [3, 3], 1) == 6 * 3000 + 2 * 11 * 8


def test_operations_by_hand() -> None:
    # Six tokens go through the layers, three through the output layer; token i attends to i tokens.
    pairs = 1 + 2 + 3 + 4 + 5 + 6
    assert num_flops(WORK, [4], [3]) == 2 * 6 * 1000 + 2 * 3 * 500 + 4 * 16 * pairs


def test_the_longer_of_the_two_is_the_limit() -> None:
    slow_memory = DeviceRates("a device", 1.0, 1e12)
    assert least_seconds(WORK, slow_memory, [4], [3], 1) == num_bytes(WORK, [4], [3], 1)
    slow_products = DeviceRates("a device", 1e12, 1.0)
    assert least_seconds(WORK, slow_products, [4], [3], 1) == num_flops(WORK, [4], [3])


@given(LENGTHS, st.integers(1, 8))
def test_more_at_once_is_never_slower_and_more_work_never_faster(
    lengths: list[tuple[int, int]], concurrency: int
) -> None:
    prompts, outputs = map(list, zip(*lengths, strict=True))
    limit = least_seconds(WORK, RATES, prompts, outputs, concurrency)
    assert least_seconds(WORK, RATES, prompts, outputs, concurrency + 1) <= limit
    assert least_seconds(WORK, RATES, [*prompts, 9], [*outputs, 5], concurrency) >= limit


@pytest.mark.parametrize("tied", [True, False])
def test_a_models_sizes_are_those_of_its_weights(tied: bool) -> None:
    config = LlamaConfig(
        num_hidden_layers=2, hidden_size=16, num_attention_heads=4, num_key_value_heads=2, intermediate_size=32,
        vocab_size=150, tie_word_embeddings=tied,
    )  # fmt: skip
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    work = ModelWork.from_config(config, "float16")
    assert work.layer_parameters == sum(one.numel() for one in model.model.parameters()) - 150 * 16
    assert work.output_parameters == model.lm_head.weight.numel()
    assert work.kv_bytes_per_token == 2 * 2 * 2 * 4 * 2
    assert (work.attention_width, work.weight_bytes) == (2 * 4 * 4, 2)
    assert work.step_bytes == (work.layer_parameters + work.output_parameters) * 2
