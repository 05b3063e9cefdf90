"""The sizing calculator and vLLM 0.32's own start-up calculation give the same figures."""

import random
import re
from typing import TYPE_CHECKING, Any

import pytest

from paged_sim.sizing.cache_dtype import CACHE_DTYPES, MODEL_DTYPE_BYTES
from paged_sim.sizing.capacity import KVCacheCapacity
from paged_sim.sizing.layout import KVCacheLayout
from paged_sim.sizing.model_config import shape_from_config
from paged_sim.sizing.model_shape import ModelShape
from paged_sim.sizing.presets import presets

if TYPE_CHECKING:
    from tests.differential.sizing_vllm_side import Started

pytestmark = pytest.mark.slow
NUM_SEEDS = 600


@pytest.fixture(scope="module", autouse=True)
def vllm_side() -> Any:
    """Imports vLLM, which takes 15 seconds, only when these tests run."""
    from tests.differential import sizing_vllm_side

    return sizing_vllm_side


def random_windows(rng: random.Random) -> tuple[int | None, ...]:
    """All layers alike, a regular mixture, or any mixture of up to three kinds."""
    kinds = rng.choice([(None,), (64,), (None, 100), (None, 128, 1000), (64, 128)])
    pattern = rng.choices(kinds, k=rng.randint(1, 8))
    num_layers = rng.randint(1, 60)
    regular = (pattern * num_layers)[:num_layers]
    return tuple(regular if rng.random() < 0.7 else rng.choices(kinds, k=num_layers))


def random_capacity(seed: int) -> KVCacheCapacity:
    """A model and a memory in which a request of the greatest length fits a few times, or nearly once."""
    rng = random.Random(seed)
    num_kv_heads, uses_mla = rng.choice([1, 2, 3, 8, 12]), rng.random() < 0.1
    longest = rng.choice([1, 17, 500, 2048, 8192, 40_960, 131_072, rng.randint(1, 100_000)])
    shape = ModelShape(
        name=f"random {seed}",
        hidden_size=1024,
        num_heads=24 * num_kv_heads,
        num_kv_heads=1 if uses_mla else num_kv_heads,
        head_size=rng.choice([64, 80, 128, 256, 576]),
        windows=(None,) * rng.randint(1, 60) if uses_mla else random_windows(rng),
        default_max_model_len=longest,
        longest_model_len=longest,
        uses_mla=uses_mla,
    )
    layout = KVCacheLayout(
        shape=shape,
        block_size=rng.choice([1, 8, 16, 32, 128]),
        dtype=rng.choice(list(MODEL_DTYPE_BYTES)),
        kv_cache_dtype=rng.choice(["auto", *CACHE_DTYPES]),
        tensor_parallel_size=rng.choice([1, 1, 1, 2, 4, 24]) if num_kv_heads in (1, 2, 8, 12) else 1,
        max_in_flight_tokens=rng.choice([1, 256, 2048, 16_384]),
    )
    needed = layout.memory_for_max_model_len(longest)
    memory = needed + rng.choice([0, -1, 1, -layout.bytes_per_block, rng.randint(0, 20 * needed)])
    return KVCacheCapacity(layout=layout, memory=max(1, memory), max_model_len=longest)


def figures(capacity: KVCacheCapacity) -> "Started":
    from tests.differential.sizing_vllm_side import Started

    group_sizes = [group.num_layers for group in capacity.layout.groups]
    return Started(capacity.num_blocks, capacity.num_tokens, capacity.max_concurrency, group_sizes)


def test_random_models_and_memories_give_the_figures_of_vllm(vllm_side: Any) -> None:
    started = refused = mixed = 0
    for seed in range(NUM_SEEDS):
        capacity = random_capacity(seed)
        if not capacity.fits:
            refused += 1
            check_refusal(vllm_side, capacity, seed)
            continue
        started += 1
        mixed += capacity.layout.is_mixed
        for memory_order in (vllm_side.MemoryOrder.LBNHC, vllm_side.MemoryOrder.BLNHC):
            assert vllm_side.start(capacity, memory_order) == figures(capacity), f"seed {seed}"
    assert started > 250
    assert refused > 100
    assert mixed > 100


def check_refusal(vllm_side: Any, capacity: KVCacheCapacity, seed: int) -> None:
    """Requires that vLLM does not start either, and estimates the length that fits."""
    with pytest.raises(ValueError, match=r"larger than the available KV cache|No available memory") as refusal:
        vllm_side.start(capacity)
    estimate = re.search(r"estimated maximum model length is (\d+)", str(refusal.value))
    assert capacity.longest_fitting_len == (int(estimate[1]) if estimate else 0), f"seed {seed}"


def test_tokens_are_rounded_in_floating_point(vllm_side: Any) -> None:
    layout = KVCacheLayout(shape=presets()[0].shape)
    capacity = KVCacheCapacity(layout=layout, memory=63 * layout.bytes_per_block, max_model_len=208)
    assert vllm_side.start(capacity).num_tokens == capacity.num_tokens == 1007


@pytest.mark.parametrize("name", CACHE_DTYPES)
@pytest.mark.parametrize("uses_mla", [False, True])
def test_every_cache_dtype_takes_the_bytes_of_vllm(vllm_side: Any, name: str, uses_mla: bool) -> None:
    shape = ModelShape(
        name="one layer",
        hidden_size=64,
        num_heads=8,
        num_kv_heads=1 if uses_mla else 8,
        head_size=576 if uses_mla else 96,
        windows=(None,),
        default_max_model_len=1,
        longest_model_len=1,
        uses_mla=uses_mla,
    )
    layout = KVCacheLayout(shape=shape, kv_cache_dtype=name)
    (spec,) = vllm_side.layer_specs(layout).values()
    assert layout.page_bytes == spec.page_size_bytes


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.names[0])
def test_every_preset_is_read_as_vllm_reads_it(vllm_side: Any, preset: Any) -> None:
    shape, read = preset.shape, vllm_side.read_config(preset.config)
    ours = (shape.num_layers, shape.num_heads, shape.num_kv_heads, shape.head_size, shape.hidden_size, shape.uses_mla)
    assert (*ours, shape.default_max_model_len, shape.windows) == tuple(read)


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.names[0])
def test_every_preset_gives_the_figures_of_vllm(vllm_side: Any, preset: Any) -> None:
    layout = KVCacheLayout(shape=preset.shape)
    length = preset.shape.default_max_model_len
    memory = 3 * layout.memory_for_max_model_len(length) + 12_345
    capacity = KVCacheCapacity(layout=layout, memory=memory, max_model_len=length)
    assert vllm_side.start(capacity) == figures(capacity)


ROPE = {"type": "linear", "factor": 4.0}
LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "hidden_size": 512,
    "max_position_embeddings": 2048,
}


@pytest.mark.parametrize(
    "config",
    [
        LLAMA,
        LLAMA | {"num_key_value_heads": 2, "head_dim": 96},
        LLAMA | {"rope_scaling": ROPE},
        LLAMA | {"rope_scaling": {"type": "dynamic", "factor": 2.0}},
        LLAMA | {"rope_scaling": {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 1024}},
        LLAMA | {"model_type": "gemma2", "sliding_window": 64, "num_key_value_heads": 2, "head_dim": 32},
        LLAMA | {"model_type": "gemma3_text", "sliding_window": 64, "num_key_value_heads": 2, "head_dim": 32},
        LLAMA | {"model_type": "gpt_oss", "sliding_window": 64, "num_key_value_heads": 2, "head_dim": 32},
        LLAMA | {"model_type": "mistral", "sliding_window": 64, "num_key_value_heads": 2},
        LLAMA | {"model_type": "qwen2", "sliding_window": 64, "use_sliding_window": False, "num_key_value_heads": 2},
        {"model_type": "falcon", "num_hidden_layers": 2, "num_attention_heads": 71, "hidden_size": 4544,
         "multi_query": True, "new_decoder_architecture": False, "max_position_embeddings": 2048},
        {"model_type": "falcon", "num_hidden_layers": 2, "num_attention_heads": 8, "hidden_size": 512,
         "num_kv_heads": 4, "multi_query": True, "new_decoder_architecture": True, "max_position_embeddings": 2048},
        {"model_type": "gptj", "n_layer": 2, "n_head": 4, "n_embd": 64, "n_positions": 128},
    ],
    ids=str,
)  # fmt: skip
def test_every_kind_of_config_is_read_as_vllm_reads_it(vllm_side: Any, config: dict[str, Any]) -> None:
    shape, read = shape_from_config(config, "config"), vllm_side.read_config(config)
    ours = (shape.num_layers, shape.num_heads, shape.num_kv_heads, shape.head_size, shape.hidden_size, shape.uses_mla)
    assert (*ours, shape.default_max_model_len, shape.windows) == tuple(read)


def test_dtypes_of_models_have_the_bytes_of_vllm(vllm_side: Any) -> None:
    assert {name: vllm_side.torch_dtype_bytes(name) for name in MODEL_DTYPE_BYTES} == MODEL_DTYPE_BYTES
