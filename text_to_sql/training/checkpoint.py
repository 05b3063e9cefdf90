"""Makes the trainer's last checkpoint fit to publish, with a record of how it came about."""

import json
import os
import platform
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from inference.json_file import write_json_object

TRAINING_RECORD = "training_record.json"
_WEIGHTS = "adapter_model.safetensors"


class PublishableCheckpoint(TrainerCallback):
    """Publishes the checkpoint of the last step as soon as it is saved.

    Its adapter is stored in 16 bits, half the size (39 MB at rank 64), under its base's public name: while it trains,
    peft records the folder that the base was loaded from, which means nothing on another machine. Earlier checkpoints
    stay in float32, so that a resumed run does not lose precision.

    Args:
        base_name: of the base model, as others know it.
        description: what the record says of recipe and data.
    """

    def __init__(self, base_name: str, description: Mapping[str, Any]) -> None:
        self._base_name, self._description = base_name, description
        self._begin, self._first_step = time.perf_counter(), 0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Remembers where and when this part of the training began."""
        self._begin, self._first_step = time.perf_counter(), state.global_step

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Rewrites what the trainer has just saved, if it was the last step."""
        if state.global_step >= state.max_steps:
            seconds = round(time.perf_counter() - self._begin, 1)
            self.publish(Path(args.output_dir) / f"checkpoint-{state.global_step}", state, seconds)

    def publish(self, checkpoint: Path, state: TrainerState, seconds: float | None) -> None:
        """Makes a checkpoint fit to publish; does no harm where that was done already.

        Args:
            checkpoint: folder that the trainer saved.
            state: of the trainer when it did.
            seconds: that training took; None if unknown.
        """
        store_in_float16(checkpoint)
        name_base_model(checkpoint, self._base_name)
        record = {
            **self._description,
            "base_model": self._base_name,
            "versions": {name: version(name) for name in ("torch", "transformers", "peft")},
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or "CPU",
            "train_runtime_s": seconds,
            "resumed_from_step": self._first_step or None,
            "loss": _logged(state, "loss"),
            "held_out_loss": _logged(state, "eval_loss"),
            "held_out_accuracy": _logged(state, "eval_execution_accuracy"),
        }
        write_json_object(checkpoint / TRAINING_RECORD, record)


def _logged(state: TrainerState, what: str) -> dict[int, float]:
    """Returns a logged figure by step."""
    return {entry["step"]: round(entry[what], 4) for entry in state.log_history if what in entry}


def store_in_float16(checkpoint: Path) -> None:
    """Rewrites the adapter's weights in float16, atomically.

    Not in bfloat16: adapter weights lie far inside the range of float16, which keeps three more bits.

    Raises:
        ValueError: a weight is too large for float16 (65,504).
    """
    weights = {name: tensor.to(torch.float16) for name, tensor in load_file(checkpoint / _WEIGHTS).items()}
    for name, tensor in weights.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{name} has values beyond the range of float16")
    temporary = checkpoint / f"{_WEIGHTS}.partial"
    save_file(weights, temporary, metadata={"format": "pt"})
    os.replace(temporary, checkpoint / _WEIGHTS)


def name_base_model(checkpoint: Path, name: str) -> None:
    """Writes the base model's name into `adapter_config.json`, atomically."""
    file = checkpoint / "adapter_config.json"
    write_json_object(file, json.loads(file.read_text(encoding="utf-8")) | {"base_model_name_or_path": name})
