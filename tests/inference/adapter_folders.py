"""Writes small adapter folders as peft saves them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from inference.adapter import CONFIG_FILE, WEIGHTS_FILE

PREFIX = "base_model.model."
Q_PROJ = "model.layers.0.self_attn.q_proj"
DOWN_PROJ = "model.layers.0.mlp.down_proj"
# (out features, in features), all different so that a swap is seen.
LAYERS = {Q_PROJ: (8, 6), DOWN_PROJ: (6, 10)}
RANK = 4

CONFIG: dict[str, Any] = {
    "base_model_name_or_path": "owner/tiny-model",
    "bias": "none",
    "init_lora_weights": True,
    "lora_alpha": 8,
    "lora_bias": False,
    "modules_to_save": None,
    "peft_type": "LORA",
    "r": RANK,
    "rank_pattern": {},
    "target_modules": ["q_proj", "down_proj"],
    "use_dora": False,
}


def lora_tensors(layers: Mapping[str, tuple[int, int]] = LAYERS, rank: int = RANK) -> dict[str, torch.Tensor]:
    """Returns both matrices of each layer, every element different from zero."""
    tensors = {}
    for name, (out_features, in_features) in layers.items():
        tensors[f"{PREFIX}{name}.lora_A.weight"] = torch.ones(rank, in_features)
        tensors[f"{PREFIX}{name}.lora_B.weight"] = torch.ones(out_features, rank)
    return tensors


def write_adapter(
    folder: Path, tensors: Mapping[str, torch.Tensor] | None = None, config: Mapping[str, Any] | None = None
) -> Path:
    """Writes an adapter folder; `config` replaces single entries of `CONFIG`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(json.dumps(CONFIG | dict(config or {}), indent=2))
    save_file(dict(lora_tensors() if tensors is None else tensors), folder / WEIGHTS_FILE)
    return folder
