"""The sizes of weights and KV cache are known, and judged, before the engine starts."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.base_shapes import BaseShapes
from inference.errors import EngineStartError, MemoryBudgetError
from inference.memory import GIB, MemoryPlan, bytes_for_context, longest_context, plan_cpu_memory

RUNTIME = int(1.5 * GIB)
# 1 GiB of weights and 1 MiB for each token, in float32.
SHAPES = BaseShapes({}, parameters=GIB // 4, kv_elements_per_token=1024**2 // 4, max_positions=512)


@contextmanager
def free_memory(size: float) -> Iterator[None]:
    """A machine with `size` bytes for weights and KV cache."""
    with patch("psutil.virtual_memory", return_value=SimpleNamespace(available=int(size) + RUNTIME)):
        yield


@pytest.fixture(autouse=True)
def _roomy_machine() -> Iterator[None]:
    with free_memory(64 * GIB):
        yield


def test_the_cache_is_one_gibibyte_by_default():
    assert plan_cpu_memory(SHAPES, "float32", None, None) == MemoryPlan(GIB, 1024, 512)


def test_half_the_precision_holds_twice_the_tokens():
    assert plan_cpu_memory(SHAPES, "bfloat16", None, None) == MemoryPlan(GIB, 2048, 512)


def test_one_gibibyte_of_the_bundled_model_in_16_bits_holds_what_vllm_logs(bundled_shapes: BaseShapes):
    assert plan_cpu_memory(bundled_shapes, "bfloat16", None, None) == MemoryPlan(GIB, 46_592, 8192)


def test_one_gibibyte_of_the_bundled_model_in_float32_holds_half_of_it(bundled_shapes: BaseShapes):
    assert plan_cpu_memory(bundled_shapes, "float32", 1000, None) == MemoryPlan(GIB, 23_296, 1000)


def test_the_default_cache_grows_to_hold_one_full_context():
    plan = plan_cpu_memory(SHAPES, "float32", 3000, None)
    assert plan.kv_cache_tokens >= 3000
    assert plan.max_model_len == 3000


def test_a_cache_size_of_the_users_own_is_taken():
    assert plan_cpu_memory(SHAPES, "float32", 100, 300 * 1024**2) == MemoryPlan(300 * 1024**2, 288, 100)


def test_a_cache_too_small_for_one_context_says_what_fits_and_what_to_set():
    expected = (
        f"kv_cache_memory_bytes={300 * 1024**2:,} holds a context of 256 tokens (1,048,576 bytes each in float32, in "
        "blocks of 32), fewer than max_model_len=512. "
        f"Set max_model_len=256 or lower, or kv_cache_memory_bytes={544 * 1024**2} or higher."
    )
    with pytest.raises(MemoryBudgetError, match=re.escape(expected)):
        plan_cpu_memory(SHAPES, "float32", None, 300 * 1024**2)


def test_weights_too_big_name_both_sizes():
    expected = re.escape(
        "Weights and adapters take 1.0 GiB in float32, but only 0.5 GiB of memory are free for them and the KV cache."
    )
    with free_memory(0.5 * GIB), pytest.raises(MemoryBudgetError, match=expected):
        plan_cpu_memory(SHAPES, "float32", None, None)


def test_less_than_nothing_is_shown_as_nothing():
    with free_memory(-GIB), pytest.raises(MemoryBudgetError, match=r"only 0\.0 GiB of memory are free"):
        plan_cpu_memory(SHAPES, "float32", None, None)


def test_a_cache_too_big_says_how_many_tokens_would_fit():
    expected = re.escape(
        "Weights and adapters (1.0 GiB) and KV cache (1.0 GiB) do not fit into the 1.5 GiB of memory that are free"
    )
    with free_memory(1.5 * GIB), pytest.raises(MemoryBudgetError, match=expected):
        plan_cpu_memory(SHAPES, "float32", None, None)


def test_weights_and_cache_that_fit_exactly_are_taken_and_one_byte_less_is_refused():
    with free_memory(2 * GIB):
        assert plan_cpu_memory(SHAPES, "float32", None, None).kv_cache_bytes == GIB
    with free_memory(2 * GIB - 1), pytest.raises(MemoryBudgetError, match="do not fit"):
        plan_cpu_memory(SHAPES, "float32", None, None)


def test_the_error_is_one_of_an_engine_that_does_not_start():
    with free_memory(0), pytest.raises(EngineStartError, match="Weights"):
        plan_cpu_memory(SHAPES, "float32", None, None)


def advised(text: str, name: str) -> int:
    """The number that a message says to set for `name`."""
    return int(re.findall(rf"(?:Set|or|and) {name}=(\d+)", text)[-1])


@given(elements=st.integers(1, 200_000), blocks=st.integers(2, 1000), more=st.integers(1, 100_000), data=st.data())
def test_following_the_advice_for_a_cache_too_small_succeeds(
    elements: int, blocks: int, more: int, data: st.DataObject
):
    dtype = data.draw(st.sampled_from(["float32", "bfloat16", "float16"]))
    shapes = BaseShapes({}, 1, elements, 128)
    size = blocks * 32 * shapes.kv_bytes_per_token(dtype) + data.draw(st.integers(0, 31))
    length = (blocks - 1) * 32 + more
    with free_memory(2**60):
        with pytest.raises(MemoryBudgetError) as caught:
            plan_cpu_memory(shapes, dtype, length, size)
        shorter, larger = (advised(str(caught.value), name) for name in ("max_model_len", "kv_cache_memory_bytes"))
        assert plan_cpu_memory(shapes, dtype, shorter, size).max_model_len == shorter > 0
        assert plan_cpu_memory(shapes, dtype, length, larger).kv_cache_tokens >= length


@given(elements=st.integers(1, 4_000), length=st.integers(1, 200_000), share=st.floats(0.01, 0.99))
def test_following_the_advice_for_a_cache_too_big_succeeds(elements: int, length: int, share: float):
    shapes = BaseShapes({}, GIB, elements, 128)
    per_token = shapes.kv_bytes_per_token("float32")
    room = int(share * max(GIB, bytes_for_context(length, per_token)))
    with free_memory(shapes.weight_bytes("float32") + room):
        with pytest.raises(MemoryBudgetError, match="do not fit") as caught:
            plan_cpu_memory(shapes, "float32", length, None)
        text = str(caught.value)
        shorter = advised(text, "max_model_len") if "max_model_len" in text else length
        smaller = advised(text, "kv_cache_memory_bytes")
        assert 0 < shorter <= length
        assert plan_cpu_memory(shapes, "float32", shorter, smaller).kv_cache_bytes == smaller


def test_a_cache_beyond_the_memory_does_not_shorten_a_context_that_fits():
    with free_memory(3 * GIB), pytest.raises(MemoryBudgetError, match="1,792 tokens would") as caught:
        plan_cpu_memory(SHAPES, "float32", None, 100 * GIB)
    assert str(caught.value).endswith("Set kv_cache_memory_bytes=1912602624 or lower.")


@pytest.mark.parametrize("length", [1025, 2048])
def test_the_default_cache_holds_one_full_context_in_vllms_blocks(length: int):
    plan = plan_cpu_memory(SHAPES, "float32", length, None)
    assert plan.kv_cache_tokens // 32 - 1 >= -(-length // 32)


def test_no_advice_is_to_set_zero():
    with free_memory(GIB + 1), pytest.raises(MemoryBudgetError) as without_room:
        plan_cpu_memory(SHAPES, "float32", None, None)
    with pytest.raises(MemoryBudgetError) as without_cache:
        plan_cpu_memory(SHAPES, "float32", None, 1)
    for caught in (without_room, without_cache):
        assert "max_model_len=0 " not in str(caught.value)


@pytest.mark.parametrize("context", [1, 31, 32, 33, 1024, 1025, 4000])
def test_the_smallest_cache_of_the_bundled_model_holds_the_context_and_one_byte_less_does_not(context: int):
    import torch
    from vllm.v1.kv_cache_interface import FullAttentionSpec

    spec = FullAttentionSpec(block_size=32, num_kv_heads=3, head_size=64, dtype=torch.float32)
    per_token = 30 * spec.page_size_bytes // 32
    assert per_token == 46_080
    needed = bytes_for_context(context, per_token)
    assert longest_context(needed, per_token) >= context
    assert longest_context(needed - 1, per_token) < context
