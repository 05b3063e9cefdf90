"""The KV cache changes the work and not the text: counted, as a formula, and against Transformers."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM

from paged_sim.kv_cache_effect.counted_work import generation_work, kv_cache_bytes, pass_work, token_work
from paged_sim.kv_cache_effect.curve import Sample, measure_curve
from paged_sim.kv_cache_effect.generation import generate
from paged_sim.kv_cache_effect.layers import NORM_EPSILON, ROTARY_BASE, silu
from paged_sim.kv_cache_effect.model_shape import ModelShape
from paged_sim.kv_cache_effect.numpy_model import TinyDecoder
from paged_sim.kv_cache_effect.work import Work
from paged_sim.kv_cache_effect.work_counter import WorkCounter

TINY = ModelShape(
    num_layers=2, hidden_size=12, num_heads=6, num_kv_heads=2, head_size=4, intermediate_size=20, vocab_size=50
)
SMOLLM2_135M = ModelShape(
    num_layers=30, hidden_size=576, num_heads=9, num_kv_heads=3, head_size=64, intermediate_size=1536, vocab_size=49152
)
BOTH = pytest.mark.parametrize("use_cache", [True, False])


@st.composite
def shapes(draw: st.DrawFn) -> ModelShape:
    small, num_kv_heads = st.integers(1, 9), draw(st.integers(1, 3))
    return ModelShape(
        num_layers=draw(st.integers(1, 3)),
        hidden_size=draw(small),
        num_heads=num_kv_heads * draw(st.integers(1, 3)),
        num_kv_heads=num_kv_heads,
        head_size=2 * draw(st.integers(1, 3)),
        intermediate_size=draw(small),
        vocab_size=draw(small),
    )


def walked_work(shape: ModelShape, prompt: int, index: int, use_cache: bool, size: int) -> Work:
    """One pass, matrix product after matrix product."""
    seq = prompt + index
    new = 1 if use_cache and index > 0 else seq
    hidden, inner = shape.hidden_size, shape.intermediate_size
    queries, kv = shape.num_heads * shape.head_size, shape.num_kv_heads * shape.head_size
    flops = weights = kv_read = kv_written = 0

    def product(rows: int, columns: int, terms: int) -> int:
        return rows * columns * (terms + terms)

    for _ in range(shape.num_layers):
        for terms, columns in [(hidden, queries), (hidden, kv), (hidden, kv), (queries, hidden)]:
            flops, weights = flops + product(new, columns, terms), weights + terms * columns
        for terms, columns in [(hidden, inner), (hidden, inner), (inner, hidden)]:
            flops, weights = flops + product(new, columns, terms), weights + terms * columns
        for _ in range(shape.num_heads):
            flops += product(new, seq, shape.head_size) + product(new, shape.head_size, seq)
        for _ in range(shape.num_kv_heads):
            kv_read, kv_written = kv_read + 2 * seq * shape.head_size, kv_written + 2 * new * shape.head_size
    flops, weights = flops + product(1, shape.vocab_size, hidden), weights + hidden * shape.vocab_size
    return Work(flops, weights * size, kv_read * size, kv_written * size)


@settings(deadline=None, derandomize=True)
@given(
    shape=shapes(), prompt=st.integers(1, 20), new=st.integers(1, 20), use_cache=st.booleans(), size=st.integers(1, 8)
)
def test_formulas_equal_the_walk_through_every_product(
    shape: ModelShape, prompt: int, new: int, use_cache: bool, size: int
) -> None:
    walked = [walked_work(shape, prompt, index, use_cache, size) for index in range(new)]
    assert [token_work(shape, prompt, index, use_cache, size) for index in range(new)] == walked
    assert generation_work(shape, prompt, new, use_cache, size) == sum(walked, Work())


@settings(deadline=None, derandomize=True, max_examples=40)
@given(shape=shapes(), prompt=st.integers(1, 8), new=st.integers(1, 8), use_cache=st.booleans())
def test_the_model_computes_what_the_formulas_say(shape: ModelShape, prompt: int, new: int, use_cache: bool) -> None:
    model = TinyDecoder(shape)
    generation = generate(model, [0] * prompt, new, use_cache)
    assert generation.token_works == tuple(token_work(shape, prompt, index, use_cache) for index in range(new))
    assert generation.work == generation_work(shape, prompt, new, use_cache)


def test_counted_bytes_follow_the_number_type() -> None:
    generation = generate(TinyDecoder(TINY, dtype=np.float64), [1, 2, 3], 4, use_cache=True)
    assert generation.work == generation_work(TINY, 3, 4, use_cache=True, bytes_per_value=8)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(seed=st.integers(0, 2**32), prompt=st.lists(st.integers(0, 49), min_size=1, max_size=12))
def test_a_cache_changes_no_token(seed: int, prompt: list[int]) -> None:
    model = TinyDecoder(TINY, seed)
    cached, recomputed = (generate(model, prompt, 16, use_cache) for use_cache in (True, False))
    assert cached.token_ids == recomputed.token_ids
    assert len(cached.token_ids) == 16


def test_the_text_depends_on_everything_before() -> None:
    """Else equal tokens with and without a cache would show nothing."""
    model = TinyDecoder(TINY, seed=1)
    answers = {generate(model, [first, 7, 8, 9], 16, use_cache=True).token_ids for first in range(10)}
    assert len(answers) == 10
    assert all(len(set(answer)) > 3 for answer in answers)


@pytest.mark.parametrize("split", [1, 4, 9])
def test_logits_are_those_of_transformers(split: int) -> None:
    """The first tokens in one pass and the rest in another give Llama's logits.

    Transformers computes norms and angles in 32 bits whatever the weights are: errors of 6e-8, which add up to 3e-7.
    """
    model, tokens = TinyDecoder(TINY, seed=3, dtype=np.float64), [5, 1, 49, 0, 5, 5, 30, 2, 11, 8]
    cache, counter = model.new_cache(len(tokens)), WorkCounter()
    found = [model.forward(part, cache, counter) for part in (tokens[:split], tokens[split:])]
    with torch.inference_mode():
        wanted = llama(model)(torch.tensor([tokens])).logits[0].numpy()
    np.testing.assert_allclose(found, [wanted[split - 1], wanted[-1]], rtol=0, atol=2e-6)


@BOTH
def test_generated_tokens_are_the_likeliest_by_transformers(use_cache: bool) -> None:
    model, prompt = TinyDecoder(TINY, seed=3), [5, 1, 49]
    answer = list(generate(model, prompt, 12, use_cache).token_ids)
    with torch.inference_mode():
        likeliest = llama(model)(torch.tensor([prompt + answer])).logits[0].argmax(dim=-1).tolist()
    assert answer == likeliest[len(prompt) - 1 : -1]


def llama(model: TinyDecoder) -> LlamaForCausalLM:
    """Returns Transformers' model with the same weights."""
    shape = model.shape
    config = LlamaConfig(
        num_hidden_layers=shape.num_layers,
        hidden_size=shape.hidden_size,
        num_attention_heads=shape.num_heads,
        num_key_value_heads=shape.num_kv_heads,
        head_dim=shape.head_size,
        intermediate_size=shape.intermediate_size,
        vocab_size=shape.vocab_size,
        rms_norm_eps=NORM_EPSILON,
        rope_parameters={"rope_type": "default", "rope_theta": ROTARY_BASE},
        tie_word_embeddings=False,
    )
    weights = {"model.embed_tokens": model.embedding, "model.norm": model.final_norm, "lm_head": model.head.T}
    for index, layer in enumerate(model.layers):
        place = f"model.layers.{index}"
        weights |= {f"{place}.self_attn.{name[0]}_proj": getattr(layer, name).T for name in ("query", "key", "value")}
        weights |= {f"{place}.mlp.{name}_proj": getattr(layer, name).T for name in ("gate", "up", "down")}
        weights |= {f"{place}.self_attn.o_proj": layer.output.T, f"{place}.input_layernorm": layer.attention_norm}
        weights |= {f"{place}.post_attention_layernorm": layer.mlp_norm}
    reference = LlamaForCausalLM(config).to(torch.float64)
    reference.load_state_dict({f"{name}.weight": torch.tensor(weight) for name, weight in weights.items()})
    assert ModelShape.from_config(config) == shape
    return reference.eval()


def test_the_same_seed_gives_the_same_weights() -> None:
    first, same, other = (TinyDecoder(TINY, seed).head for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)
    assert first.dtype == TinyDecoder(TINY).forward([0], TinyDecoder(TINY).new_cache(1), WorkCounter()).dtype


def test_the_cache_holds_all_tokens_but_the_last() -> None:
    model = TinyDecoder(TINY)
    cache = model.new_cache(5)
    model.forward([1, 2, 3], cache, WorkCounter())
    model.forward([4], cache, WorkCounter())
    assert (cache.num_tokens, cache.capacity) == (4, 5)
    assert [layer.num_tokens for layer in cache.layers] == [4, 4]


@BOTH
def test_growth_is_as_the_table_says(use_cache: bool) -> None:
    """A polynomial of degree d has a constant d-th difference: attention is one degree above the weights' part."""
    lengths = range(1, 12)
    flops = [generation_work(TINY, 5, new, use_cache).flops for new in lengths]
    tokens = [generation_work(TINY, 5, new, use_cache).kv_bytes_written for new in lengths]
    assert degree(flops) == (2 if use_cache else 3)
    assert degree(tokens) == (1 if use_cache else 2)
    assert degree([generation_work(TINY, 5, new, use_cache).weight_bytes for new in lengths]) == 1


def degree(values: list[int]) -> int:
    differences, found = np.diff(values), 0
    while differences.any():
        differences, found = np.diff(differences), found + 1
    return found


def test_the_cache_saves_operations_and_no_reading_of_weights() -> None:
    cached, recomputed = (generation_work(SMOLLM2_135M, 32, 256, use_cache) for use_cache in (True, False))
    assert recomputed.flops / cached.flops > 100
    assert cached.weight_bytes == recomputed.weight_bytes
    assert cached.kv_bytes_read == recomputed.kv_bytes_read
    assert cached.bytes_moved == cached.weight_bytes + cached.kv_bytes_read + cached.kv_bytes_written
    decode = token_work(SMOLLM2_135M, 32, 1, use_cache=True, bytes_per_value=2)
    assert decode.flops_per_byte == pytest.approx(1, abs=0.01)


def test_shapes_give_published_sizes() -> None:
    """Parameters of SmolLM2-135M, and KV bytes per token in 16 bits: OPT-13B, Llama-3-8B, Qwen2.5-7B."""
    norms = (2 * SMOLLM2_135M.num_layers + 1) * SMOLLM2_135M.hidden_size
    weights = SMOLLM2_135M.num_layers * SMOLLM2_135M.layer_weights + SMOLLM2_135M.head_weights
    assert weights + norms == 134_515_008
    opt_13b = replace(TINY, num_layers=40, hidden_size=5120, num_heads=40, num_kv_heads=40, head_size=128)
    llama_3_8b = replace(TINY, num_layers=32, hidden_size=4096, num_heads=32, num_kv_heads=8, head_size=128)
    qwen_7b = replace(TINY, num_layers=28, hidden_size=3584, num_heads=28, num_kv_heads=4, head_size=128)
    assert [kv_cache_bytes(shape, 1, 2) for shape in (opt_13b, llama_3_8b, qwen_7b)] == [800 * 1024, 128 * 1024, 57_344]
    assert kv_cache_bytes(TINY, 0) == 0


def test_a_curve_measures_all_lengths_in_turn() -> None:
    calls: list[tuple[int, bool]] = []
    samples = list(measure_curve(lambda length, use_cache: calls.append((length, use_cache)), {8: 1, 2: 3}))
    warm_up = [(2, True), (2, False)]
    first = [(2, True), (2, False), (8, True), (8, False)]
    assert calls == [*warm_up, *first, (2, False), (2, True), (2, True), (2, False)]
    assert [(sample.new_tokens, sample.use_cache) for sample in samples] == calls[2:]


def test_a_sample_is_the_time_of_its_call() -> None:
    now = [5.0]

    def work(length: int, use_cache: bool) -> None:
        now[0] += length * (1 if use_cache else 10)

    samples = measure_curve(work, {3: 1}, clock=lambda: now[0])
    assert list(samples) == [Sample(True, 3, 3.0), Sample(False, 3, 30.0)]


@pytest.mark.parametrize(
    ("repeats", "message"),
    [
        ({}, "repeats must be of at least one length, got {}"),
        ({0: 1}, "length must be an integer of at least 1, got 0"),
        ({4: 0}, "repeats of length 4 must be an integer of at least 1, got 0"),
    ],
)
def test_wrong_curves_run_nothing(repeats: dict[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure_curve(lambda *_: pytest.fail("called"), repeats)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_layers": 0}, "num_layers must be an integer of at least 1, got 0"),
        ({"vocab_size": 5.0}, "vocab_size must be an integer of at least 1, got 5.0"),
        ({"num_heads": 5}, "num_heads must be a multiple of num_kv_heads, 2, got 5"),
        ({"head_size": 3}, "head_size must be even, got 3"),
    ],
)
def test_wrong_shapes(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TINY, **change)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 4, True), "prompt_tokens must be an integer of at least 1, got 0"),
        ((4, 0, True), "new_tokens must be an integer of at least 1, got 0"),
        ((4, 4, True, 0), "bytes_per_value must be an integer of at least 1, got 0"),
    ],
)
def test_wrong_lengths_of_counted_text(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generation_work(TINY, *arguments)


def test_wrong_passes() -> None:
    with pytest.raises(ValueError, match="seq_len must be an integer of at least 3, got 2"):
        pass_work(TINY, 3, 2)
    with pytest.raises(ValueError, match="index must be an integer of at least 0, got -1"):
        token_work(TINY, 3, -1, use_cache=True)
    with pytest.raises(ValueError, match="num_tokens must be an integer of at least 0, got -1"):
        kv_cache_bytes(TINY, -1)


@pytest.mark.parametrize(
    ("prompt", "new_tokens", "message"),
    [
        ([], 1, r"prompt_token_ids must be at least one token, got \[\]"),
        ([1], 0, "new_tokens must be an integer of at least 1, got 0"),
        ([1, 50], 1, r"token_ids must be integers in \[0, 50\), got \[1, 50\]"),
        ([-1], 1, r"token_ids must be integers in \[0, 50\), got \[-1\]"),
        ([1.0], 1, r"token_ids must be integers in \[0, 50\), got \[1.0\]"),
    ],
)
@BOTH
def test_wrong_requests(prompt: list[Any], new_tokens: int, message: str, use_cache: bool) -> None:
    with pytest.raises(ValueError, match=message):
        generate(TinyDecoder(TINY), prompt, new_tokens, use_cache)


def test_wrong_models_and_caches() -> None:
    with pytest.raises(ValueError, match="seed must be an integer of at least 0, got -1"):
        TinyDecoder(TINY, seed=-1)
    model = TinyDecoder(TINY)
    with pytest.raises(ValueError, match="capacity must be an integer of at least 1, got 0"):
        model.new_cache(0)
    cache = model.new_cache(2)
    with pytest.raises(ValueError, match=r"token_ids must be at least one token, got \[\]"):
        model.forward([], cache, WorkCounter())
    model.forward([1], cache, WorkCounter())
    with pytest.raises(ValueError, match="token_ids must be at most the 1 tokens that the cache has room for"):
        model.forward([1, 2], cache, WorkCounter())
    assert cache.num_tokens == 1


def test_large_numbers_do_not_overflow() -> None:
    assert silu(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.0, 1e4]
    assert silu(np.array([1.0]))[0] == pytest.approx(1 / (1 + math.exp(-1)))
