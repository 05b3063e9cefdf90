"""LoRA adapters with random weights, for measurements of speed: which values they hold changes no time."""

import hashlib
import json
from pathlib import Path

from inference.adapter import CONFIG_FILE, WEIGHTS_FILE
from inference.atomic import atomic_folder
from inference.base_model import load_config, resolve_base_model
from inference.base_shapes import base_shapes
from inference.cache import cache_folder

# Small enough for the merged weights to stay sound, large enough for the adapter not to be silent.
SCALE = 0.02
_OUTPUT_LAYER = "lm_head"


def random_adapters(model: str, rank: int, count: int) -> dict[str, str]:
    """Returns the folders of adapters on all linear layers of a model, written on first use, by their names.

    Args:
        model: folder or hub name of the base model.
        rank: of every layer, at least 1.
        count: how many different ones.
    """
    digest = hashlib.sha256(model.encode()).hexdigest()[:12]
    folder = cache_folder() / f"random-adapters-{digest}-rank-{rank}"
    return {f"adapter-{seed}": str(_random_adapter(folder / f"{seed}", model, rank, seed)) for seed in range(count)}


def _random_adapter(target: Path, model: str, rank: int, seed: int) -> Path:
    if not target.exists():
        with atomic_folder(target) as partial:
            _write_adapter(partial, model, rank, seed)
    return target


def _write_adapter(folder: Path, model: str, rank: int, seed: int) -> None:
    import torch
    from peft import LoraConfig
    from safetensors.torch import save_file

    base = resolve_base_model(model)
    layers = {
        name: shape for name, shape in base_shapes(load_config(base)).linear.items() if not name.endswith(_OUTPUT_LAYER)
    }
    random = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, (out_features, in_features) in layers.items():
        for letter, shape in (("A", (rank, in_features)), ("B", (out_features, rank))):
            values = torch.randn(shape, generator=random) * SCALE
            tensors[f"base_model.model.{name}.lora_{letter}.weight"] = values.to(torch.bfloat16)
    save_file(tensors, folder / WEIGHTS_FILE)
    targets = sorted({name.rpartition(".")[2] for name in layers})
    config = LoraConfig(
        r=rank,
        lora_alpha=rank,
        target_modules=targets,
        task_type="CAUSAL_LM",
        base_model_name_or_path=base.canonical_name,
    )
    fields = {key: sorted(value) if isinstance(value, set) else value for key, value in config.to_dict().items()}
    (folder / CONFIG_FILE).write_text(json.dumps(fields, indent=1, default=str), encoding="utf-8")
