"""The answers to the questions of users carry the right numbers."""

from dataclasses import replace
from typing import Any

import pytest

from paged_sim.sizing.capacity import KVCacheCapacity
from paged_sim.sizing.capacity_answers import (
    answers_about_capacity,
    does_max_model_len_fit,
    how_many_of_my_requests_fit,
    is_the_prefix_cache_gone,
    which_utilization,
    why_is_the_device_full,
)
from paged_sim.sizing.device_memory import DeviceMemory, weights_per_device
from paged_sim.sizing.layout_answers import answers_about_layout, issue_22291, what_do_requests_need
from tests.paged_sim.sizing_examples import GIB, capacity_of, layout_of


def test_the_formula_of_issue_22291_is_28_times_too_much() -> None:
    text = issue_22291().text
    assert "2 x 3,584 x 28 x 8 = 1,605,632 bytes a token, 28 times the 57,344" in text
    assert "7 times since 7 attention heads share a KV head, 4 times since" in text


def test_the_formula_of_the_paper_is_right_for_opt_and_not_for_grouped_heads() -> None:
    (formula, *_) = answers_about_layout(layout_of("OPT-13B"))
    assert "= 819,200, which is right here" in formula.text
    (formula, _, _, mistake) = answers_about_layout(layout_of("Qwen2.5-7B", tensor_parallel_size=4))
    assert "= 401,408, 7 times the 57,344 bytes" in formula.text
    assert mistake == issue_22291()


def test_the_formula_fails_for_other_reasons_too() -> None:
    (formula, *_) = answers_about_layout(layout_of("DeepSeek-V3"))
    assert "What is stored is one latent vector for all heads." in formula.text
    (formula, *_) = answers_about_layout(layout_of("OPT-13B", kv_cache_dtype="int8_per_token_head"))
    assert "Each key and each value has a scale of 4 bytes beside it." in formula.text


def test_hits_are_of_full_blocks() -> None:
    (_, _, odd, *_) = answers_about_layout(layout_of("Qwen2.5-7B", block_size=784))
    assert "a shared prefix of fewer than 784 tokens never hits" in odd.text
    assert "a prompt of 3,136 tokens that is asked again hits 2,352 of them, 75 %" in odd.text
    assert odd.issues == ("#25780", "#54607", "#31920", "#11072", "#17954")


@pytest.mark.parametrize("name", ["SmolLM2-135M-Instruct", "OPT-125m", "Qwen2.5-7B", "OPT-13B", "gemma-2-2b"])
@pytest.mark.parametrize("total", [40 * 10**9, 48 * 2**30])
def test_the_utilization_that_is_recommended_suffices(name: str, total: int) -> None:
    layout = layout_of(name)
    device = DeviceMemory(total=total, weights=weights_per_device(layout))
    capacity = KVCacheCapacity(layout=layout, memory=device.kv_cache, max_model_len=2048)
    text = which_utilization(capacity, device).text
    shown = float(text.partition(" takes ")[2].split()[0])
    for share, fits in ((shown, True), (shown - 0.001, False)):
        memory = replace(device, gpu_memory_utilization=share).kv_cache if share > 0 else 1
        assert KVCacheCapacity(layout=layout, memory=memory, max_model_len=2048).fits is fits


def test_free_blocks_keep_what_they_hold() -> None:
    capacity = capacity_of("SmolLM2-135M-Instruct", GIB, block_size=128)
    text = is_the_prefix_cache_gone(capacity).text
    assert "all 363 blocks are free" in text
    assert "up to 46,464 tokens can be hit" in text


def test_half_a_block_stays_empty_in_each_block_table() -> None:
    text = answers_about_layout(layout_of("Qwen2.5-7B"))[1].text
    assert "With blocks of 16 tokens, 7.5 slots of a request's last block stay empty on average: 420 KiB" in text
    text = answers_about_layout(layout_of("gemma-2-2b", block_size=32))[1].text
    assert "15.5 slots of a request's last block stay empty on average in each of 2 block tables: 1.57 MiB" in text


def test_a_length_that_does_not_fit_is_answered_with_the_longest_that_does() -> None:
    # vLLM #2418: 229 blocks of 16 tokens.
    capacity = capacity_of("Llama-2-7B", 230 * layout_of("Llama-2-7B").bytes_per_block)
    assert "max_model_len 4,096 does not fit: at most 3,664 tokens" in does_max_model_len_fit(capacity).text
    assert (
        "It needs 257 blocks, the null block included (2.01 GiB); there are 230."
        in does_max_model_len_fit(capacity).text
    )


def test_requests_of_given_lengths_are_answered() -> None:
    capacity = capacity_of("Qwen2.5-7B-Instruct", 16 * GIB)
    text = how_many_of_my_requests_fit(capacity, 1000, 5000).text
    assert "A request of 1,000 + 5,000 tokens holds 375 blocks at its end" in text
    assert "49 run to their end without a preemption" in text
    text = what_do_requests_need(capacity.layout, 128, 1000, 5000).text
    assert text.startswith("128 requests x 375 blocks + the null block = 48,001 blocks, 41.02 GiB")


def test_all_answers_about_a_device_carry_its_numbers() -> None:
    layout = layout_of("OPT-125m")
    device = DeviceMemory(total=24 * 10**9, weights=weights_per_device(layout))
    capacity = KVCacheCapacity(layout=layout, memory=device.kv_cache, max_model_len=2048)
    texts = {answer.question: answer.text for answer in answers_about_capacity(capacity, device)}
    assert "0.92 x 22.35 GiB = 20.56 GiB when it starts" in texts["Why does a small model fill the device?"]
    assert "this is an upper bound" in texts["Why does a small model fill the device?"]
    assert "max_model_len 2,048 takes 0.014 or more" in texts["Which gpu_memory_utilization?"]
    assert "37,010 blocks of 16 tokens" in texts["Where does the number of blocks come from?"]


@pytest.mark.parametrize(
    ("name", "options", "parts"),
    [
        # 125 blocks, the last of them for 6 tokens, of 12 layers x 16 tokens x 2 x 768 x 2 bytes; 125,239,296 weights.
        ("OPT-125m", {}, ["238.88 MiB for weights", "19.85 GiB for keys and values", "needs 70.31 MiB of the last"]),
        # A quarter of 28 layers x 16 tokens x 2 x 4 KV heads x 128 x 2 bytes, and of 7,615,616,512 weights.
        (
            "Qwen2.5-7B",
            {"tensor_parallel_size": 4},
            ["3.55 GiB for weights", "16.53 GiB for keys and values", "needs 27.34 MiB of the last"],
        ),
        # Two tables of 125 blocks, 13 layers x 16 tokens x 2 x 4 KV heads x 256 x 2 bytes each.
        ("gemma-2-2b", {}, ["needs 203.12 MiB of the last"]),
    ],
)
def test_a_full_device_is_explained_by_a_product(name: str, options: dict[str, Any], parts: list[str]) -> None:
    layout = layout_of(name, **options)
    device = DeviceMemory(total=24 * GIB, weights=weights_per_device(layout), other=2 * GIB)
    capacity = KVCacheCapacity(layout=layout, memory=device.kv_cache, max_model_len=1990)
    text = why_is_the_device_full(capacity, device).text
    for part in (
        "0.92 x 24 GiB = 22.08 GiB when it starts",
        "2 GiB for other uses",
        "One request of 1,990 tokens",
        *parts,
    ):
        assert part in text
    assert "upper bound" not in text


def test_answers_about_mixed_layers_come_with_mixed_layers_only() -> None:
    mixed = answers_about_capacity(capacity_of("gemma-3-27b-it", 32 * GIB))
    assert "7 block tables (9 layers of window 1,024" in next(a.text for a in mixed if "odd" in a.question)
    assert not any("odd" in answer.question for answer in answers_about_capacity(capacity_of("Llama-2-7B", 8 * GIB)))
