"""What is read from a config.json, from the known names, and from elsewhere."""

import json
from pathlib import Path
from typing import Any

import pytest

from paged_sim.sizing.model_config import shape_from_config
from paged_sim.sizing.model_shape import ModelShape
from paged_sim.sizing.model_source import load_model_shape
from paged_sim.sizing.presets import find_preset, presets

LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "hidden_size": 512,
    "max_position_embeddings": 2048,
    "torch_dtype": "float16",
}


# Configurations


def test_a_config_becomes_a_shape() -> None:
    shape = shape_from_config(LLAMA, "mine", num_parameters=99)
    assert shape == ModelShape(
        name="mine",
        hidden_size=512,
        num_heads=8,
        num_kv_heads=2,
        head_size=64,
        windows=(None,) * 4,
        default_max_model_len=2048,
        longest_model_len=2048,
        dtype="float16",
        num_parameters=99,
    )


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"head_dim": 80}, "head_size", 80),
        ({"head_dim": None}, "head_size", 64),
        ({"head_dim": 0}, "head_size", 64),
        ({"num_key_value_heads": None}, "num_kv_heads", 8),
        ({"multi_query": True}, "num_kv_heads", 1),
        ({"multi_query": True, "new_decoder_architecture": True}, "num_kv_heads", 2),
        ({"torch_dtype": "float32"}, "dtype", "bfloat16"),
        ({"torch_dtype": None}, "dtype", "bfloat16"),
        ({"torch_dtype": None, "dtype": "float16"}, "dtype", "float16"),
        ({"quantization_config": {"quant_method": "awq"}}, "quantization", "awq"),
        ({"sliding_window": 64}, "windows", (64,) * 4),
        ({"sliding_window": 0}, "windows", (None,) * 4),
        ({"sliding_window": 64, "use_sliding_window": False, "model_type": "qwen2"}, "windows", (None,) * 4),
        ({"sliding_window": 64, "model_type": "gemma2"}, "windows", (64, None, 64, None)),
        ({"sliding_window": 64, "sliding_window_pattern": 3}, "windows", (64, 64, None, 64)),
        ({"sliding_window": 64, "model_type": "cohere2"}, "windows", (65, 65, 65, None)),
        (
            {"sliding_window": 9, "layer_types": ["full_attention"] * 3 + ["sliding_attention"]},
            "windows",
            (None, None, None, 9),
        ),
        ({"sliding_window": 9, "layer_types": ["full_attention"] * 4}, "windows", (None,) * 4),
        ({"rope_scaling": {"type": "linear", "factor": 4.0}}, "longest_model_len", 8192),
        ({"rope_parameters": {"a": {"rope_type": "dynamic", "factor": 2.0}}}, "longest_model_len", 4096),
        ({"rope_parameters": {"a": {"type": "linear", "factor": 2}, "b": {"type": "linear", "factor": 3}}},
         "longest_model_len", 6144),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "longest_model_len", 2048),
        ({"rope_scaling": {"type": "linear", "factor": 4}, "model_type": "gemma3_text"}, "longest_model_len", 2048),
        ({"max_position_embeddings": None}, "longest_model_len", 2048),
        ({"max_position_embeddings": None, "n_positions": 77}, "longest_model_len", 77),
        ({"model_max_length": 99}, "longest_model_len", 99),
        ({"rope_scaling": {"type": "longrope"}, "original_max_position_embeddings": 512}, "default_max_model_len", 512),
        ({"rope_scaling": {"type": "longrope"}, "original_max_position_embeddings": 512}, "longest_model_len", 2048),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_config_says_decides(change: dict[str, Any], field: str, value: Any) -> None:
    assert getattr(shape_from_config(LLAMA | change, "mine"), field) == value


def test_the_language_model_of_a_multimodal_config_counts() -> None:
    text = {key: value for key, value in LLAMA.items() if key != "torch_dtype"}
    config = {"model_type": "vision", "torch_dtype": "float16", "num_hidden_layers": 99, "text_config": text}
    assert shape_from_config(config, "mine") == shape_from_config(LLAMA, "mine")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_hidden_layers": None}, "mine: config.json lacks num_hidden_layers"),
        ({"hidden_size": None}, "mine: config.json lacks hidden_size"),
        ({"num_attention_heads": 0}, "num_attention_heads of config.json must be an integer of at least 1, got 0"),
        ({"num_key_value_heads": [1, 2]}, r"must be an integer of at least 1, got \[1, 2\]"),
        ({"max_position_embeddings": "long"}, "max_position_embeddings of config.json must be an integer"),
        ({"layer_types": ["linear_attention"] * 4}, "not understood: config.json has layers of type linear_attention"),
        ({"layer_types": ["full_attention"]}, "layer_types of config.json must name 4 layers, got 1"),
        ({"layer_types": ["sliding_attention"] * 4}, "sliding_window of config.json must be an integer"),
        ({"sliding_window": 9, "sliding_window_pattern": "LLG"}, "sliding_window_pattern of config.json must be"),
        ({"mamba_d_state": 16}, "not understood: mamba_d_state of config.json stands for layers with a recurrent"),
        ({"layers_block_type": ["mamba"]}, "not understood: layers_block_type"),
        ({"hybrid_override_pattern": "M*"}, "not understood: hybrid_override_pattern"),
        ({"index_topk": 2048}, "not understood: index_topk of config.json stands for sparse attention"),
        ({"attention_chunk_size": 8192}, "attention in chunks"),
        ({"num_kv_shared_layers": 10}, "share the keys and values"),
        ({"is_encoder_decoder": True}, "an encoder"),
        ({"kv_lora_rank": 256}, "kv_lora_rank in config.json of type 'llama'"),
        ({"kv_lora_rank": 256, "model_type": "deepseek_v3"}, "config.json lacks qk_rope_head_dim"),
        ({"model_type": "qwen2", "use_sliding_window": True, "sliding_window": 9}, "no sliding windows for Qwen"),
    ],
    ids=str,
)  # fmt: skip
def test_a_config_that_is_not_understood_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shape_from_config(LLAMA | change, "mine")


# Presets and other sources


def test_every_name_of_every_preset_is_unique_with_and_without_organisation() -> None:
    names = [name.lower() for preset in presets() for name in preset.names]
    assert len(set(names)) == len(names)
    assert len({name.split("/")[1] for name in names}) == len(names)


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.names[0])
def test_every_preset_has_a_shape_and_a_source(preset: Any) -> None:
    assert preset.shape.num_layers > 0
    assert preset.sources
    for name in preset.names:
        assert find_preset(name) is find_preset(name.split("/")[1].upper()) is preset


def test_the_size_in_a_name_agrees_with_the_number_of_weights() -> None:
    in_name = {
        "SmolLM2-360M": 0.36e9,
        "Llama-3.1-405B": 405e9,
        "Qwen2.5-72B": 72e9,
        "OPT-175B": 175e9,
        "gpt2-xl": 1.5e9,
    }
    for name, size in in_name.items():
        assert load_model_shape(name).num_parameters == pytest.approx(size, rel=0.05)


def test_a_name_that_is_none_lists_near_matches() -> None:
    with pytest.raises(ValueError, match=r"no model 'Llama3-8B'.*Known names like it: Llama-3-8B, Llama-3\.1-8B"):
        load_model_shape("Llama3-8B")


def test_a_folder_and_a_file_are_read_and_weights_counted(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    (tmp_path / "model-1.safetensors").write_bytes(bytes(100))
    (tmp_path / "model-2.safetensors").write_bytes(bytes(40))
    shape = load_model_shape(str(tmp_path))
    assert shape.num_parameters == 70
    assert load_model_shape(str(tmp_path / "config.json")) == shape_from_config(
        LLAMA, str(tmp_path / "config.json"), 70
    )


def test_weights_that_come_in_a_second_form_are_counted_once(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    for part in (1, 2):
        (tmp_path / f"consolidated-0000{part}-of-00002.safetensors").write_bytes(bytes(60))
    # Where there is no other form, it counts.
    assert load_model_shape(str(tmp_path)).num_parameters == 60
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(bytes(100))
    (tmp_path / "model-00002-of-00002.safetensors").write_bytes(bytes(40))
    assert load_model_shape(str(tmp_path)).num_parameters == 70


def test_weights_of_a_type_that_is_not_known_are_not_counted(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA | {"torch_dtype": None}))
    (tmp_path / "model.safetensors").write_bytes(bytes(100))
    assert load_model_shape(str(tmp_path)).num_parameters is None


@pytest.mark.parametrize(("content", "message"), [("{", "cannot be read as JSON"), ("[1]", "must hold a JSON object")])
def test_a_file_without_an_object_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        load_model_shape(str(tmp_path))


def test_a_folder_without_a_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no config\.json"):
        load_model_shape(str(tmp_path))


def test_a_hub_name_is_refused_offline_and_read_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        ValueError, match=r"config\.json of 'someone/Qwen3-8' cannot be fetched .*Known names.* Qwen3-8B"
    ):
        load_model_shape("someone/Qwen3-8")
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: str(tmp_path / "config.json"))
    assert load_model_shape("someone/Qwen3-8") == shape_from_config(LLAMA, "someone/Qwen3-8")
