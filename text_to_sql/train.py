"""Trains the LoRA adapter that writes SQL: `python -m text_to_sql.train --data FOLDER --output FOLDER`.

100 optimizer steps with peft and the Transformers Trainer, which itself saves `checkpoint-100/`. The same command
trains another base (`--base-model`), goes on where it was stopped (`--resume`) and runs on a CPU (`--max-steps 2`).
"""

import argparse
import hashlib
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import Trainer
from transformers.trainer_utils import get_last_checkpoint

from inference.base_model import BaseModel, resolve_base_model
from text_to_sql.data.files import SPIDER_FILE, WIKISQL_FILE
from text_to_sql.training.checkpoint import TRAINING_RECORD
from text_to_sql.training.collection import collect_packs
from text_to_sql.training.recipe import Recipe
from text_to_sql.training.trainer import build_trainer


def train(recipe: Recipe, data: Path, output: Path, *, resume: bool = False) -> Path:
    """Trains, and returns the checkpoint folder of the last step.

    Raises:
        FileExistsError: `output` holds a checkpoint already and `resume` is False.
        FileNotFoundError: the data is missing, or there is nothing to resume.
    """
    last = get_last_checkpoint(str(output)) if output.is_dir() else None
    if last and not resume:
        raise FileExistsError(f"{last} exists already: pass --resume to go on from it, or choose another --output.")
    if resume and not last:
        raise FileNotFoundError(f"There is no checkpoint in {output} to resume from: leave out --resume.")
    base = resolve_base_model(recipe.base_model)
    training, held_out = collect_packs(data, recipe)
    trainer = build_trainer(recipe, base, training, held_out, output)
    trainer.train(resume_from_checkpoint=last)
    checkpoint = output / f"checkpoint-{recipe.max_steps}"
    _write_record(checkpoint, recipe, base, data, trainer)
    return checkpoint


def _write_record(checkpoint: Path, recipe: Recipe, base: BaseModel, data: Path, trainer: Trainer) -> None:
    history = trainer.state.log_history
    record = {
        "recipe": asdict(recipe),
        "base_model": base.canonical_name,
        "data": {name: hashlib.sha256((data / name).read_bytes()).hexdigest() for name in (SPIDER_FILE, WIKISQL_FILE)},
        "examples": {"training": trainer.train_dataset.num_examples, "held_out": trainer.eval_dataset.num_examples},
        "versions": {name: version(name) for name in ("torch", "transformers", "peft")},
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or "CPU",
        "train_runtime_s": next((entry["train_runtime"] for entry in history if "train_runtime" in entry), None),
        "loss": {entry["step"]: round(entry["loss"], 4) for entry in history if "loss" in entry},
        "held_out_loss": {entry["step"]: round(entry["eval_loss"], 4) for entry in history if "eval_loss" in entry},
        "held_out_accuracy": {
            entry["step"]: round(entry["eval_execution_accuracy"], 4)
            for entry in history
            if "eval_execution_accuracy" in entry
        },
    }
    (checkpoint / TRAINING_RECORD).write_text(json.dumps(record, indent=2) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0 trained, 2 bad usage."""
    parser = argparse.ArgumentParser(prog="python -m text_to_sql.train", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help=f"folder that holds {SPIDER_FILE} and {WIKISQL_FILE}")
    parser.add_argument("--output", type=Path, required=True, help="folder that gets checkpoint-N/")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --output")
    for field, value in asdict(Recipe()).items():
        parser.add_argument(
            f"--{field.replace('_', '-')}", type=type(value), default=value, help="default: %(default)s"
        )
    options = vars(parser.parse_args(arguments))
    data, output, resume = (options.pop(name) for name in ("data", "output", "resume"))
    try:
        checkpoint = train(Recipe(**options), data, output, resume=resume)
    except (ValueError, FileNotFoundError, FileExistsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"Adapter saved in {checkpoint}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
