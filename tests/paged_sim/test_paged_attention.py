"""Attention through block tables equals dense attention, which equals PyTorch's, and vLLM's own kernel."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paged_sim.batched_attention import ScheduledRequest, batch_attention, batch_slot_mapping
from paged_sim.kv_cache_arrays import Array, KVCacheArrays, compute_slot_mapping
from paged_sim.paged_attention import dense_attention, online_paged_attention, paged_attention

# All numbers lie in [-1, 1], so an output, which is an average of values, does too, and one float32 rounding of it is
# at most 2**-24 = 6e-8. No scale is above 1 / sqrt(head_size), so scores stay around 1 and so do their roundings, which
# exp() hands on to the weights. Two orders of summation of the same products then differ by a few roundings: 3.3e-7 is
# the largest difference in 3,000 random cases with head sizes up to 128 and 80 tokens. 1e-6 is 17 roundings. A wrong
# key or a wrong mask moves an output by 1e-3 or more.
TOLERANCE = 1e-6
BOTH = pytest.mark.parametrize("attention", [paged_attention, online_paged_attention])
Attention = Callable[..., Array]


@dataclass
class Case:
    """A request of random numbers; `table` covers it, with ids in random order among unused ones."""

    query: Array
    key: Array
    value: Array
    table: list[int]
    block_size: int
    num_blocks: int
    options: dict[str, Any]

    def empty_cache(self) -> KVCacheArrays:
        return KVCacheArrays(self.num_blocks, self.block_size, *self.key.shape[1:])

    def write(self, cache: KVCacheArrays, start: int, stop: int) -> None:
        slots = compute_slot_mapping(self.table, range(start, stop), self.block_size)
        cache.write(self.key[start:stop], self.value[start:stop], slots)

    def filled_cache(self) -> KVCacheArrays:
        cache = self.empty_cache()
        self.write(cache, 0, len(self.key))
        return cache

    def dense(self) -> Array:
        return dense_attention(self.query, self.key, self.value, **self.options)


def numbers(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


@st.composite
def cases(draw: st.DrawFn, windows: bool = True) -> Case:
    """Requests whose queries are all their tokens."""
    block_size, seq_len = draw(st.integers(1, 9)), draw(st.integers(1, 40))
    num_kv_heads, group = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    head_size, seed = draw(st.sampled_from([1, 2, 8, 64])), draw(st.integers(0, 2**32))
    used = -(-seq_len // block_size)
    num_blocks = used + draw(st.integers(1, 5))
    table = draw(st.permutations(range(1, num_blocks)))[:used]
    window = draw(st.none() | st.integers(1, 45)) if windows else None
    return Case(
        query=numbers(seed, seq_len, num_kv_heads * group, head_size),
        key=numbers(seed + 1, seq_len, num_kv_heads, head_size),
        value=numbers(seed + 2, seq_len, num_kv_heads, head_size),
        table=table,
        block_size=block_size,
        num_blocks=num_blocks,
        options={"sliding_window": window, "scale": draw(st.sampled_from([None, 0.1]))},
    )


def close(found: Array, wanted: Array) -> None:
    assert found.shape == wanted.shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE)


@settings(deadline=None, derandomize=True)
@given(case=cases())
def test_dense_attention_is_pytorchs(case: Case) -> None:
    position = torch.arange(len(case.key))
    distance = position[:, None] - position[None, :]
    seen = (distance >= 0) & (distance < (case.options["sliding_window"] or math.inf))
    query, key, value = (torch.tensor(array).transpose(0, 1) for array in (case.query, case.key, case.value))
    wanted = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=seen, scale=case.options["scale"], enable_gqa=True
    )
    close(case.dense(), wanted.transpose(0, 1).numpy())


@BOTH
@settings(deadline=None, derandomize=True)
@given(case=cases(), data=st.data())
def test_the_last_tokens_attend_through_the_table_as_densely(
    attention: Attention, case: Case, data: st.DataObject
) -> None:
    context_len = data.draw(st.integers(0, len(case.query) - 1))
    found = attention(case.query[context_len:], case.filled_cache(), case.table, context_len, **case.options)
    close(found, case.dense()[context_len:])
    fewer_queries = dense_attention(case.query[context_len:], case.key, case.value, **case.options)
    close(fewer_queries, case.dense()[context_len:])


@BOTH
@settings(deadline=None, derandomize=True)
@given(case=cases(), data=st.data())
def test_any_chunks_of_a_prompt_give_what_one_go_gives(attention: Attention, case: Case, data: st.DataObject) -> None:
    length = len(case.query)
    cuts = sorted({0, length, *data.draw(st.lists(st.integers(1, length)))})
    cache, outputs = case.empty_cache(), []
    for start, stop in pairwise(cuts):
        case.write(cache, start, stop)
        outputs.append(attention(case.query[start:stop], cache, case.table, start, **case.options))
    close(np.concatenate(outputs), case.dense())


@BOTH
@settings(deadline=None, derandomize=True)
@given(case=cases(), data=st.data())
def test_blocks_before_the_window_are_not_looked_at(attention: Attention, case: Case, data: st.DataObject) -> None:
    context_len = data.draw(st.integers(0, len(case.query) - 1))
    window = data.draw(st.integers(1, len(case.query)))
    first_block = max(0, context_len - window + 1) // case.block_size
    table = [0] * first_block + case.table[first_block:]
    options = case.options | {"sliding_window": window}
    found = attention(case.query[context_len:], case.filled_cache(), table, context_len, **options)
    close(found, dense_attention(case.query[context_len:], case.key, case.value, **options))


@BOTH
def test_one_query_by_hand(attention: Attention) -> None:
    cache = KVCacheArrays(num_blocks=4, block_size=2, num_kv_heads=1, head_size=1)
    key, value = np.log([[[1.0]], [[2.0]], [[3.0]]]), np.array([[[0.0]], [[1.0]], [[0.5]]])
    cache.write(key, value, compute_slot_mapping([3, 1], [0, 1, 2], block_size=2))
    query = np.ones((1, 1, 1), np.float32)
    assert attention(query, cache, [3, 1], 2)[0, 0, 0] == pytest.approx((2 * 1.0 + 3 * 0.5) / (1 + 2 + 3))
    assert attention(query, cache, [3, 1], 2, sliding_window=2)[0, 0, 0] == pytest.approx((2 * 1.0 + 3 * 0.5) / 5)
    assert attention(query, cache, [3, 1], 2, scale=2.0)[0, 0, 0] == pytest.approx((4 * 1.0 + 9 * 0.5) / 14)


def test_consecutive_heads_share_a_kv_head() -> None:
    key, value = numbers(0, 5, 2, 4), numbers(1, 5, 2, 4)
    query = np.repeat(numbers(2, 5, 1, 4), 6, axis=1)
    output = dense_attention(query, key, value)
    for head in range(6):
        close(output[:, [head]], output[:, [head // 3 * 3]])
    assert abs(output[:, 0] - output[:, 3]).max() > 0.1


@BOTH
def test_huge_scores_neither_overflow_nor_lose_the_largest(attention: Attention) -> None:
    # Whole numbers below 2**24, so that scores are exact in float32.
    query, key = (np.round(300 * numbers(seed, 20, 1, 4)) for seed in (0, 1))
    value = numbers(2, 20, 1, 4)
    cache = KVCacheArrays(num_blocks=7, block_size=3, num_kv_heads=1, head_size=4)
    cache.write(key, value, np.arange(20))
    found = attention(query, cache, range(7), 0, scale=1.0)
    close(found, dense_attention(query, key, value, scale=1.0))
    largest = np.argmax(np.where(np.tri(20, dtype=bool), query[:, 0] @ key[:, 0].T, -np.inf), axis=1)
    close(found, value[largest])


def test_the_online_version_reads_one_block_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = KVCacheArrays(num_blocks=4, block_size=4, num_kv_heads=1, head_size=2)
    cache.write(numbers(0, 11, 1, 2), numbers(1, 11, 1, 2), compute_slot_mapping([3, 1, 2], range(11), 4))
    reads: list[tuple[int, int]] = []
    gather = KVCacheArrays.gather

    def recorded(self: KVCacheArrays, table: list[int], start: int, stop: int) -> tuple[Array, Array]:
        reads.append((start, stop))
        return gather(self, table, start, stop)

    monkeypatch.setattr(KVCacheArrays, "gather", recorded)
    online_paged_attention(numbers(2, 2, 1, 2), cache, [3, 1, 2], 9)
    assert reads == [(0, 4), (4, 8), (8, 11)]
    reads.clear()
    online_paged_attention(numbers(2, 2, 1, 2), cache, [3, 1, 2], 9, sliding_window=4)
    assert reads == [(6, 8), (8, 11)]


@settings(deadline=None, derandomize=True)
@given(
    table=st.lists(st.integers(0, 99), min_size=1, max_size=6),
    block_size=st.integers(1, 9),
    shares=st.lists(st.floats(0, 0.999)),
)
def test_a_slot_is_block_and_offset(table: list[int], block_size: int, shares: list[float]) -> None:
    positions = [int(share * len(table) * block_size) for share in shares]
    slots = compute_slot_mapping(table, positions, block_size)
    where = [(slot // block_size, slot % block_size) for slot in slots.tolist()]
    assert where == [(table[position // block_size], position % block_size) for position in positions]


def test_written_keys_and_values_lie_in_their_slots() -> None:
    cache = KVCacheArrays(num_blocks=3, block_size=2, num_kv_heads=2, head_size=4)
    key, value = numbers(0, 3, 2, 4), numbers(1, 3, 2, 4)
    cache.write(key, value, [5, 0, 2])
    for token, (block, offset) in enumerate([(2, 1), (0, 0), (1, 0)]):
        np.testing.assert_array_equal(cache.key_cache[block, offset], key[token])
        np.testing.assert_array_equal(cache.value_cache[block, offset], value[token])
    assert np.isnan(cache.key_cache).sum() == np.isnan(cache.value_cache).sum() == 3 * 2 * 4


@dataclass
class MixedStep:
    """A prefill, a decode and a chunk of a prefill; the decode shares the two blocks that the prefill fills."""

    requests: list[ScheduledRequest]
    shared: list[int]
    key: list[Array]
    value: list[Array]
    query: list[Array]

    def cache(self, block_size: int, num_blocks: int) -> KVCacheArrays:
        """As it is when the step attends: contexts were written before, the queries' own tokens just now."""
        cache = KVCacheArrays(num_blocks, block_size, *self.key[0].shape[1:])
        for request, shared, key, value in zip(self.requests, self.shared, self.key, self.value, strict=True):
            before = range(shared, request.context_len)
            slots = compute_slot_mapping(request.block_table, before, block_size)
            cache.write(key[before], value[before], slots)
        new_key, new_value = (
            np.concatenate([array[request.context_len :] for request, array in zip(self.requests, arrays, strict=True)])
            for arrays in (self.key, self.value)
        )
        cache.write(new_key, new_value, batch_slot_mapping(self.requests, block_size))
        return cache


def mixed_step(block_size: int, num_kv_heads: int = 2, group: int = 3, head_size: int = 32) -> MixedStep:
    shared = 2 * block_size
    requests = [
        ScheduledRequest([7, 3, 5], 0, shared + 2),
        ScheduledRequest([7, 3, 9], shared + 1, 1),
        ScheduledRequest([2, 11, 4, 6], block_size + 1, 2 * block_size),
    ]
    key, value, query = [], [], []
    for seed, request in enumerate(requests):
        key.append(numbers(10 + seed, request.seq_len, num_kv_heads, head_size))
        value.append(numbers(20 + seed, request.seq_len, num_kv_heads, head_size))
        query.append(numbers(30 + seed, request.query_len, num_kv_heads * group, head_size))
    key[1][:shared], value[1][:shared] = key[0][:shared], value[0][:shared]
    return MixedStep(requests, [0, shared, 0], key, value, query)


@BOTH
@pytest.mark.parametrize("block_size", [2, 4, 5])
@pytest.mark.parametrize("sliding_window", [None, 3])
def test_a_mixed_step_is_each_request_alone(attention: Attention, block_size: int, sliding_window: int | None) -> None:
    step = mixed_step(block_size)
    cache = step.cache(block_size, num_blocks=12)
    options = {"scale": 0.3, "sliding_window": sliding_window}
    found = batch_attention(np.concatenate(step.query), cache, step.requests, attention=attention, **options)
    wanted = [
        dense_attention(query, key, value, **options)
        for query, key, value in zip(step.query, step.key, step.value, strict=True)
    ]
    close(found, np.concatenate(wanted))


@pytest.mark.slow
@pytest.mark.parametrize("sliding_window", [None, 20])
def test_a_mixed_step_is_that_of_vllms_kernel(sliding_window: int | None) -> None:
    """The same queries, block tables and slot mapping through vLLM's CPU kernels, which take blocks of 32 here."""
    ops = pytest.importorskip("vllm._custom_ops")
    if not hasattr(torch.ops._C, "cpu_attention_with_kv_cache"):
        pytest.skip("vLLM's CPU kernels are in its build for CPUs only")
    block_size, num_blocks, num_kv_heads, num_heads, head_size, isa = 32, 12, 2, 6, 32, "vec"
    step = mixed_step(block_size, num_kv_heads, num_heads // num_kv_heads, head_size)
    query = np.concatenate(step.query)
    cache = step.cache(block_size, num_blocks)
    found = batch_attention(query, cache, step.requests, sliding_window=sliding_window)

    storage = torch.zeros(num_blocks, num_kv_heads, 2 * block_size, head_size)
    key_cache, value_cache = storage.chunk(2, dim=2)
    for request, key, value in zip(step.requests, step.key, step.value, strict=True):
        slots = batch_slot_mapping([ScheduledRequest(request.block_table, 0, request.seq_len)], block_size)
        tensors = (torch.tensor(array) for array in (key, value))
        ops.cpu_attn_reshape_and_cache(*tensors, key_cache, value_cache, torch.tensor(slots), isa)
    lengths = [request.query_len for request in step.requests]
    query_start_loc = torch.tensor(np.cumsum([0, *lengths]), dtype=torch.int32)
    seq_lens = torch.tensor([request.seq_len for request in step.requests], dtype=torch.int32)
    tables = [torch.tensor(request.block_table, dtype=torch.int32) for request in step.requests]
    block_table = torch.nn.utils.rnn.pad_sequence(tables, batch_first=True)
    window = sliding_window or -1
    metadata = ops.cpu_attn_get_scheduler_metadata(
        len(lengths), num_heads, num_kv_heads, head_size, seq_lens, torch.float32, query_start_loc, True, window, isa,
        False,
    )  # fmt: skip
    output = torch.zeros(query.shape)
    ops.cpu_attention_with_kv_cache(
        torch.tensor(query), key_cache, value_cache, output, query_start_loc, seq_lens, 1 / math.sqrt(head_size), True,
        None, window, block_table, 0.0, metadata, None,
    )  # fmt: skip
    close(found, output.numpy())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([4, 2], [3, 8], 4), r"positions must be below the 8 tokens of a table of 2 blocks, got \[8\]"),
        (([4, 2], [0, -1], 4), r"positions must be at least 0, got \[-1\]"),
        (([4, -2], [0], 4), r"block_table must be at least 0, got \[-2\]"),
        (([4, 2], [0.5], 4), r"positions must be a list of integers, got \[0.5\]"),
        (([[4, 2]], [0], 4), r"block_table must be a list of integers, got \[\[4, 2\]\]"),
        (([], [0], 4), "positions must be below the 0 tokens of a table of 0 blocks"),
        (([4, 2], [0], 0), "block_size must be an integer of at least 1, got 0"),
    ],
)
def test_wrong_tables_and_positions(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compute_slot_mapping(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_blocks": 0}, "num_blocks must be an integer of at least 1, got 0"),
        ({"block_size": 2.0}, "block_size must be an integer of at least 1, got 2.0"),
        ({"num_kv_heads": -1}, "num_kv_heads must be an integer of at least 1, got -1"),
        ({"head_size": 0}, "head_size must be an integer of at least 1, got 0"),
        ({"dtype": np.int32}, "dtype must be a floating-point type, got <class 'numpy.int32'>"),
    ],
)
def test_wrong_sizes_of_a_cache(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KVCacheArrays(**({"num_blocks": 2, "block_size": 2, "num_kv_heads": 2, "head_size": 2} | arguments))


GOOD = np.ones((2, 2, 4), np.float32)


@pytest.mark.parametrize(
    ("key", "value", "slots", "message"),
    [
        (GOOD, GOOD, [0, 6], r"slot_mapping must be below 6 \(3 blocks of 2\), got \[6\]"),
        (GOOD, GOOD, [-1, 0], r"slot_mapping must be at least 0, got \[-1\]"),
        (GOOD, GOOD, [3, 3], r"slot_mapping must be without a slot named twice, got \[3, 3\]"),
        (GOOD, GOOD, [3], r"shape of key must be \(1, 2, 4\), got \(2, 2, 4\)"),
        (GOOD, GOOD[:, :1], [0, 1], r"shape of value must be \(2, 2, 4\), got \(2, 1, 4\)"),
        (GOOD, GOOD[:, :, :3], [0, 1], r"shape of value must be \(2, 2, 4\), got \(2, 2, 3\)"),
        (GOOD, GOOD * np.inf, [0, 1], "value must be finite"),
        (GOOD * np.nan, GOOD, [0, 1], "key must be finite"),
    ],
)
def test_a_wrong_write_writes_nothing(key: Array, value: Array, slots: list[int], message: str) -> None:
    cache = KVCacheArrays(num_blocks=3, block_size=2, num_kv_heads=2, head_size=4)
    with pytest.raises(ValueError, match=message):
        cache.write(key, value, slots)
    assert np.isnan(cache.key_cache).all()
    assert np.isnan(cache.value_cache).all()


@BOTH
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"block_table": [2]}, r"positions must be below the 2 tokens of a table of 1 blocks"),
        ({"block_table": [2, 3]}, r"slot_mapping must be below 6 \(3 blocks of 2\), got \[6\]"),
        ({"block_table": [2, -1]}, r"block_table must be at least 0, got \[-1\]"),
        ({"block_table": [2, 0]}, r"positions must be written before they are read, got \[2\]"),
        ({"context_len": -1}, "context_len must be an integer of at least 0, got -1"),
        ({"query": GOOD[0]}, r"shape of query must be \[query_len, num_heads, head_size\], got \(2, 4\)"),
        ({"query": GOOD[:0]}, r"shape of query must be \[query_len, num_heads, head_size\], got \(0, 2, 4\)"),
        ({"query": [[[1.0]]]}, "query must be a floating-point array"),
        ({"query": GOOD.astype(int)}, "query must be a floating-point array"),
        ({"query": GOOD[:1, :, :3]}, "head size of query must be that of key, 4, got 3"),
        ({"query": GOOD[:1, :1]}, "number of query heads must be a multiple of the 2 KV heads, got 1"),
        ({"scale": 0}, "scale must be above 0, got 0"),
        ({"scale": math.inf}, "scale must be a number of at least 0, got inf"),
        ({"sliding_window": 0}, "sliding_window must be an integer of at least 1, got 0"),
    ],
)
def test_wrong_attention(attention: Attention, arguments: dict[str, Any], message: str) -> None:
    cache = KVCacheArrays(num_blocks=3, block_size=2, num_kv_heads=2, head_size=4)
    cache.write(np.ones((3, 2, 4)), np.ones((3, 2, 4)), [4, 5, 2])
    right: dict[str, Any] = {"query": GOOD[:1], "cache": cache, "block_table": [2, 1], "context_len": 2}
    assert attention(**right).shape == (1, 2, 4)
    with pytest.raises(ValueError, match=message):
        attention(**(right | arguments))


@pytest.mark.parametrize(
    ("query", "key", "value", "message"),
    [
        (GOOD, GOOD[:1], GOOD[:1], "key must be at least as long as the 2 queries, got 1"),
        (GOOD, GOOD, GOOD[:1], r"shape of value must be that of key, \(2, 2, 4\), got \(1, 2, 4\)"),
        (GOOD, GOOD[0], GOOD[0], r"shape of key must be \[seq_len, num_kv_heads, head_size\], got \(2, 4\)"),
    ],
)
def test_wrong_dense_attention(query: Array, key: Array, value: Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dense_attention(query, key, value)


def test_wrong_steps() -> None:
    cache = KVCacheArrays(num_blocks=3, block_size=2, num_kv_heads=2, head_size=4)
    with pytest.raises(ValueError, match="context_len must be an integer of at least 0, got -1"):
        ScheduledRequest([1], -1, 1)
    with pytest.raises(ValueError, match="query_len must be an integer of at least 1, got 0"):
        ScheduledRequest([1], 0, 0)
    with pytest.raises(
        ValueError, match="query must be one row for each of the 1 tokens of the step, got \\(2, 2, 4\\)"
    ):
        batch_attention(GOOD, cache, [ScheduledRequest([1], 0, 1)])
    with pytest.raises(ValueError, match=r"requests must be at least one, got \[\]"):
        batch_attention(GOOD, cache, [])
    with pytest.raises(ValueError, match=r"requests must be at least one, got \[\]"):
        batch_slot_mapping([], 2)
