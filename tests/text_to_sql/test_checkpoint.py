"""The last checkpoint is stored in 16 bits, under its base's public name."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from text_to_sql.training.checkpoint import name_base_model, store_in_float16

WEIGHTS = "adapter_model.safetensors"


def test_weights_are_rounded_to_16_bits_in_place(tmp_path: Path) -> None:
    weights = torch.randn(4, 8)
    save_file({"a": weights}, tmp_path / WEIGHTS)
    store_in_float16(tmp_path)
    assert torch.equal(load_file(tmp_path / WEIGHTS)["a"], weights.half())
    assert [file.name for file in tmp_path.iterdir()] == [WEIGHTS]


def test_weights_beyond_the_range_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    save_file({"big": torch.tensor([1e6])}, tmp_path / WEIGHTS)
    with pytest.raises(ValueError, match="big has values beyond the range of float16"):
        store_in_float16(tmp_path)
    assert load_file(tmp_path / WEIGHTS)["big"].item() == 1e6


def test_the_base_gets_its_public_name_and_the_rest_stays(tmp_path: Path) -> None:
    config = tmp_path / "adapter_config.json"
    config.write_text(json.dumps({"base_model_name_or_path": "somewhere", "r": 64}))
    name_base_model(tmp_path, "owner/model")
    assert json.loads(config.read_text()) == {"base_model_name_or_path": "owner/model", "r": 64}
