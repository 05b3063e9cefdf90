"""Bytes, blocks, tokens and requests of a KV cache: known figures, laws, and what the scheduler does with them."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paged_sim import Request, Scheduler, SchedulerConfig
from paged_sim.paper.published import OPT_13B_SLOTS, TABLE_1
from paged_sim.sizing.cache_dtype import CACHE_DTYPES
from paged_sim.sizing.capacity import KVCacheCapacity
from paged_sim.sizing.device_memory import DeviceMemory, weights_per_device
from paged_sim.sizing.layer_groups import LayerGroup, layer_groups
from paged_sim.sizing.layout import KVCacheLayout
from paged_sim.sizing.model_shape import ModelShape
from paged_sim.sizing.sizes import format_size, parse_size
from tests.paged_sim.sizing_examples import GIB, capacity_of, layout_of


def tiny_shape(**fields: Any) -> ModelShape:
    values = {
        "name": "tiny",
        "hidden_size": 64,
        "num_heads": 8,
        "num_kv_heads": 4,
        "head_size": 8,
        "windows": (None, None),
        "default_max_model_len": 4096,
        "longest_model_len": 4096,
    }
    return ModelShape(**(values | fields))


# Sizes


@pytest.mark.parametrize(
    ("text", "num_bytes"),
    [
        ("0", 0),
        ("1073741824", GIB),
        ("1GiB", GIB),
        (" 1 gib ", GIB),
        ("24 GB", 24 * 10**9),
        ("24gb", 24 * 10**9),
        ("1.5KiB", 1536),
        ("0.1GB", 10**8),
        ("0.1 KiB", 102),
        ("7B", 7),
        ("2TiB", 2**41),
        ("1 MB", 10**6),
    ],
)
def test_sizes_are_read_in_binary_and_decimal_units(text: str, num_bytes: int) -> None:
    assert parse_size(text) == num_bytes


@pytest.mark.parametrize("text", ["", "GiB", "24G", "24 k", "-1GiB", "1.5", "1e9", "1,000", "1 GiB 2", "1.GiB", "٣GB"])
def test_a_size_without_a_clear_unit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"memory must be a size such as 24GiB .* got"):
        parse_size(text, "memory")


@given(st.integers(0, 2**50))
def test_a_printed_size_reads_back_within_half_a_hundredth_of_its_unit(num_bytes: int) -> None:
    number, unit = format_size(num_bytes).split()
    half_hundredth = Fraction(1, 200) * parse_size(f"1{unit}")
    assert abs(Fraction(number) * parse_size(f"1{unit}") - num_bytes) <= half_hundredth
    assert abs(parse_size(format_size(num_bytes)) - num_bytes) <= half_hundredth + 1


@given(st.integers(1, 1023), st.sampled_from(["B", "KiB", "MiB", "GiB", "TiB"]))
def test_whole_units_make_the_round_trip_exactly(count: int, unit: str) -> None:
    assert format_size(parse_size(f"{count}{unit}")) == f"{count} {unit}"


# Bytes per token


@pytest.mark.parametrize(
    ("name", "bytes_per_token"),
    [
        ("SmolLM2-135M-Instruct", 23_040),
        ("SmolLM2-1.7B-Instruct", 196_608),
        ("Qwen2.5-7B-Instruct", 57_344),
        ("OPT-13B", 800 * 1024),
        ("OPT-66B", 2304 * 1024),
        ("OPT-175B", 4608 * 1024),
        ("Llama-3-8B", 128 * 1024),
        ("DeepSeek-V3", 61 * 576 * 2),
        ("gpt2", 36_864),
    ],
)
def test_known_bytes_per_token(name: str, bytes_per_token: int) -> None:
    assert layout_of(name).bytes_per_token == bytes_per_token


@pytest.mark.parametrize(
    ("dtype", "full", "latent"),
    [
        ("float32", 2 * 4 * 128 * 4, 4 * 576),
        ("bfloat16", 2 * 4 * 128 * 2, 2 * 576),
        ("fp8", 2 * 4 * 128, 576),
        ("int8_per_token_head", 2 * 4 * (128 + 4), 576 + 8),
        ("int4_per_token_head", 2 * 4 * (64 + 4), 288 + 8),
    ],
)
def test_scales_are_counted_beside_the_values(dtype: str, full: int, latent: int) -> None:
    assert layout_of("Qwen2.5-7B", kv_cache_dtype=dtype).bytes_per_token_and_layer == full
    assert layout_of("DeepSeek-V3", kv_cache_dtype=dtype).bytes_per_token_and_layer == latent


def test_the_cache_follows_the_dtype_of_the_model_unless_told() -> None:
    assert layout_of("SmolLM2-135M", dtype="float32").bytes_per_token == 46_080
    assert layout_of("SmolLM2-135M", dtype="float32", kv_cache_dtype="fp8").bytes_per_token == 11_520


@pytest.mark.parametrize(("ranks", "heads"), [(1, 4), (2, 2), (4, 1), (8, 1)])
def test_tensor_parallelism_divides_kv_heads_and_copies_the_last(ranks: int, heads: int) -> None:
    layout = KVCacheLayout(shape=tiny_shape(), tensor_parallel_size=ranks)
    assert layout.bytes_per_token == 2 * 2 * heads * 8 * 2


def test_every_rank_holds_the_whole_latent_vector() -> None:
    one, eight = layout_of("DeepSeek-V3"), layout_of("DeepSeek-V3", tensor_parallel_size=8)
    assert one.bytes_per_token == eight.bytes_per_token


# Blocks and tokens, as vLLM logs them


def test_one_gib_of_smollm2_on_cpu() -> None:
    capacity = capacity_of("SmolLM2-135M-Instruct", GIB, block_size=128)
    assert (capacity.num_blocks, capacity.num_usable_blocks, capacity.num_tokens) == (364, 363, 46_592)
    assert capacity.max_concurrency == 5.6875
    in_float32 = capacity_of("SmolLM2-135M-Instruct", GIB, block_size=128, dtype="float32")
    assert (in_float32.num_blocks, in_float32.num_tokens) == (182, 23_296)


def test_sixteen_gib_of_qwen_in_vllm_pr_44594() -> None:
    capacity = capacity_of("Qwen2.5-7B-Instruct", 16 * GIB, max_model_len=8192)
    assert (capacity.num_blocks, capacity.num_tokens) == (18_724, 299_584)


@pytest.mark.parametrize("name", ["OPT-13B", "OPT-66B", "OPT-175B"])
def test_the_slots_of_table_1_of_the_paper(name: str) -> None:
    row = TABLE_1[name]
    capacity = capacity_of(name, row.kv_cache * GIB)
    # OPT-66B's 21 GB are rounded: 9,557 slots against the 9.7K that are printed.
    assert capacity.num_tokens == pytest.approx(row.kv_slots, rel=0.016)


def test_opt_13b_has_the_slots_that_the_paper_modules_use() -> None:
    assert capacity_of("OPT-13B", 12 * GIB).num_tokens == OPT_13B_SLOTS == 15_728


def test_logged_tokens_are_derived_from_the_concurrency() -> None:
    capacity = capacity_of("SmolLM2-135M", GIB, max_model_len=1000)
    assert capacity.num_blocks == 2912
    assert capacity.num_tokens == int(2912 / 63 * 1000) == 46_222 != 2912 * 16


def test_logged_tokens_are_rounded_as_vllm_rounds_them() -> None:
    layout = layout_of("SmolLM2-135M")
    capacity = KVCacheCapacity(layout=layout, memory=63 * layout.bytes_per_block, max_model_len=208)
    # 63 / 13 x 208 is 1008, but not in floating point.
    assert capacity.num_tokens == 1007


def test_exactly_one_request_of_the_greatest_length_does_not_fit_beside_the_null_block() -> None:
    capacity = capacity_of("Llama-3-8B", GIB)
    assert capacity.max_concurrency == 1.0
    assert not capacity.fits
    assert capacity.longest_fitting_len == 8192 - 16
    assert capacity_of("Llama-3-8B", GIB + 2 * 2**20).fits


# Sliding windows


@pytest.mark.parametrize(
    ("windows", "groups"),
    [
        ((None,) * 3, [(3, None)]),
        ((8, None) * 3, [(3, 8), (3, None)]),
        ((8, 8, None) * 2, [(2, 8), (2, 8), (2, None)]),
        ((8,) * 13 + (None,) * 12, [(13, 8), (12, None)]),
        ((8,) * 3 + (None,) * 2, [(2, 8), (1, 8), (2, None)]),
    ],
)
def test_layers_are_grouped_by_the_rarest_kind(
    windows: tuple[int | None, ...], groups: list[tuple[int, int | None]]
) -> None:
    assert layer_groups(windows) == tuple(LayerGroup(*group) for group in groups)


def test_a_window_stops_the_growth_of_a_request() -> None:
    layout = KVCacheLayout(shape=tiny_shape(windows=(65, None)), max_in_flight_tokens=32)
    assert [layout.blocks_of_request(tokens) for tokens in (1, 16, 17, 96, 1600)] == [2, 2, 4, 12, 107]
    assert layout.blocks_at_start_up(16) == 1 + 2


def test_gemma_2_takes_the_pages_of_half_its_layers_in_a_block() -> None:
    layout = layout_of("gemma-2-2b")
    assert layout.bytes_per_block == layout.page_bytes * 13
    assert layout.shape.attention == "full and sliding window"
    assert layout.is_mixed


# Requests


def runs_without_preemption(capacity: KVCacheCapacity, num_requests: int, prompt: int, output: int) -> bool:
    """Whether the scheduler runs that many requests side by side to their end."""
    config = SchedulerConfig(
        num_blocks=capacity.num_blocks,
        block_size=capacity.layout.block_size,
        max_num_seqs=num_requests,
        max_num_batched_tokens=num_requests * prompt,
        max_model_len=4096,
        enable_caching=False,
    )
    scheduler = Scheduler(config)
    for index in range(num_requests):
        scheduler.add_request(Request(str(index), [index] * prompt, output))
    for _ in range(output):
        step = scheduler.schedule()
        if len(step.num_scheduled_tokens) < num_requests or step.preempted:
            return False
        scheduler.update(step, dict.fromkeys(step.num_scheduled_tokens, 7))
    return not scheduler.has_unfinished_requests


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 4, 16]), st.integers(2, 60))
def test_the_scheduler_runs_as_many_requests_as_fit_and_no_more(
    prompt: int, output: int, block_size: int, num_blocks: int
) -> None:
    layout = KVCacheLayout(shape=tiny_shape(), block_size=block_size)
    capacity = KVCacheCapacity(layout=layout, memory=num_blocks * layout.bytes_per_block, max_model_len=4096)
    at_once = capacity.requests_at_once(prompt, output)
    if at_once >= 1:
        assert runs_without_preemption(capacity, at_once, prompt, output)
        assert not runs_without_preemption(capacity, at_once + 1, prompt, output)
    assert at_once <= capacity.requests_on_average(prompt, output)


@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 300), st.sampled_from([1, 16, 100]))
def test_the_memory_for_requests_is_the_least_in_which_they_fit(
    num_requests: int, prompt: int, output: int, block_size: int
) -> None:
    layout = KVCacheLayout(shape=tiny_shape(windows=(64, None, 64)), block_size=block_size, max_in_flight_tokens=50)
    memory = layout.memory_for_requests(num_requests, prompt, output)
    enough = KVCacheCapacity(layout=layout, memory=memory, max_model_len=4096)
    short = KVCacheCapacity(layout=layout, memory=memory - 1, max_model_len=4096)
    assert enough.requests_at_once(prompt, output) == num_requests
    assert short.requests_at_once(prompt, output) == num_requests - 1


def test_a_request_is_spread_over_all_stages_of_its_answer() -> None:
    capacity = KVCacheCapacity(layout=KVCacheLayout(shape=tiny_shape()), memory=101 * 4096, max_model_len=4096)
    assert capacity.num_usable_blocks == 100
    # Tokens 16 to 47: one block for the first of them, two for 16, three for 15.
    assert capacity.requests_on_average(16, 32) == pytest.approx(100 * 32 / (1 + 16 * 2 + 15 * 3))
    assert capacity.requests_at_once(16, 32) == 33


@given(st.integers(1, 4096), st.integers(0, 3000), st.sampled_from([1, 16, 128]), st.booleans())
def test_the_longest_fitting_length_fits_and_the_next_does_not(
    max_model_len: int, extra: int, block_size: int, is_mixed: bool
) -> None:
    windows = (None, 64, 64) if is_mixed else (None,)
    layout = KVCacheLayout(shape=tiny_shape(windows=windows), block_size=block_size, max_in_flight_tokens=99)
    memory = layout.memory_for_max_model_len(max_model_len) + extra
    longest = KVCacheCapacity(layout=layout, memory=memory, max_model_len=4096).longest_fitting_len
    assert longest >= max_model_len
    assert KVCacheCapacity(layout=layout, memory=memory, max_model_len=longest).fits
    if longest < 4096:
        assert not KVCacheCapacity(layout=layout, memory=memory, max_model_len=longest + 1).fits


@given(st.integers(1, 2**34), st.integers(0, 2**34))
def test_more_memory_never_holds_less(memory: int, more: int) -> None:
    less, much = capacity_of("Qwen3-8B", memory), capacity_of("Qwen3-8B", memory + more)
    assert less.num_blocks <= much.num_blocks
    assert less.num_tokens <= much.num_tokens
    assert less.longest_fitting_len <= much.longest_fitting_len
    assert less.num_blocks * less.layout.bytes_per_block <= memory


# Device memory


def test_the_share_of_a_device_is_what_weights_and_other_leave() -> None:
    layout = layout_of("Qwen2.5-7B-Instruct")
    device = DeviceMemory(total=24 * GIB, weights=weights_per_device(layout), other=GIB)
    assert device.weights == 2 * 7_615_616_512
    assert device.requested == 23_708_219_474
    assert device.kv_cache == device.requested - device.weights - GIB
    assert device.utilization_for(device.kv_cache) == pytest.approx(0.92, abs=1e-10)


def test_weights_are_divided_among_the_devices() -> None:
    layout = layout_of("Llama-3-70B", tensor_parallel_size=8)
    assert weights_per_device(layout) == -(-2 * 70_553_706_496 // 8)
    assert weights_per_device(layout, 17) == 3


def test_a_device_that_is_too_small_is_refused_with_the_share_that_is_taken() -> None:
    rule = r"gpu_memory_utilization must be above 0\.500, the share of weights and other memory \(2 GiB\), got 0\.5"
    with pytest.raises(ValueError, match=rule):
        DeviceMemory(total=4 * GIB, weights=GIB, other=GIB, gpu_memory_utilization=0.5)


@pytest.mark.parametrize(
    ("name", "problem"), [("DeepSeek-V3", "quantised"), ("gpt-oss-20b", "quantised"), ("gemma-3-4b-it", "of unknown")]
)
def test_weights_that_cannot_be_counted_must_be_given(name: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"weights must be given as a size, since those of .* are {problem}"):
        weights_per_device(layout_of(name))
    assert weights_per_device(layout_of(name), GIB) == GIB


# Values out of range


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_kv_heads": 0}, "num_kv_heads must be an integer of at least 1, got 0"),
        ({"windows": ()}, r"windows must be at least one layer, got \(\)"),
        ({"windows": (0,)}, "window must be an integer of at least 1, got 0"),
        ({"longest_model_len": 5}, "longest_model_len must be an integer of at least 4096, got 5"),
        ({"dtype": "fp8"}, "dtype must be one of float32, float16, bfloat16, got 'fp8'"),
        ({"num_parameters": 0}, "num_parameters must be an integer of at least 1, got 0"),
    ],
)
def test_a_shape_out_of_range_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny_shape(**fields)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"block_size": 0}, "block_size must be an integer of at least 1, got 0"),
        ({"dtype": "fp8"}, "dtype must be one of auto, float32, float16, bfloat16, got 'fp8'"),
        ({"kv_cache_dtype": "int8"}, "kv_cache_dtype must be auto or one of .*int8_per_token_head.*, got 'int8'"),
        ({"tensor_parallel_size": 0}, "tensor_parallel_size must be an integer of at least 1, got 0"),
        ({"tensor_parallel_size": 16}, "tensor_parallel_size must be a divisor of the 8 attention heads, got 16"),
        ({"max_in_flight_tokens": 0}, "max_in_flight_tokens must be an integer of at least 1, got 0"),
    ],
)
def test_a_layout_out_of_range_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KVCacheLayout(shape=tiny_shape(), **options)


def test_heads_that_cannot_be_divided_are_refused() -> None:
    with pytest.raises(ValueError, match="a divisor or a multiple of the 6 KV heads, got 4"):
        KVCacheLayout(shape=tiny_shape(num_heads=12, num_kv_heads=6), tensor_parallel_size=4)


def test_lengths_beyond_the_model_are_refused() -> None:
    with pytest.raises(ValueError, match=r"max_model_len must be at most 8192, the length of .*SmolLM2.*, got 8193"):
        capacity_of("SmolLM2-135M", GIB, max_model_len=8193)
    with pytest.raises(ValueError, match=r"prompt and output must be at most max_model_len \(8192\) in sum"):
        capacity_of("SmolLM2-135M", GIB).requests_at_once(8000, 193)


def test_every_cache_dtype_halves_or_quarters_what_float32_takes() -> None:
    sizes = {name: dtype.key_and_value_bytes(128) for name, dtype in CACHE_DTYPES.items()}
    assert sizes["float32"] == 2 * sizes["bfloat16"] == 4 * sizes["fp8"] == 4 * (sizes["int8_per_token_head"] - 8)
