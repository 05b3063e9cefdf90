"""Trains the LoRA adapter that writes SQL: `python -m text_to_sql.train --data FOLDER --output FOLDER`.

100 optimizer steps with peft and the Transformers Trainer, which itself saves `checkpoint-100/`. The same command
trains another base (`--base-model`), goes on where it was stopped (`--resume`) and runs on a CPU (`--max-steps 2`).
"""

import argparse
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import AutoTokenizer, Trainer
from transformers.trainer_utils import get_last_checkpoint

from inference.base_model import BaseModel, resolve_base_model
from text_to_sql.data.files import SPIDER_FILE, WIKISQL_FILE
from text_to_sql.training.checkpoint import TRAINING_RECORD
from text_to_sql.training.prepared import PreparedData, is_prepared, load_prepared, prepare
from text_to_sql.training.recipe import Recipe
from text_to_sql.training.trainer import build_trainer

PREPARED = "prepared"


def train(recipe: Recipe, data: Path | None, output: Path, *, resume: bool = False) -> Path:
    """Trains, and returns the checkpoint folder of the last step.

    Raises:
        FileExistsError: `output` holds a checkpoint already and `resume` is False.
        FileNotFoundError: the data is missing, or there is nothing to resume.
        ValueError: `output` holds the data of another recipe.
    """
    last = get_last_checkpoint(str(output)) if output.is_dir() else None
    if last and not resume:
        raise FileExistsError(f"{last} exists already: pass --resume to go on from it, or choose another --output.")
    if resume and not last:
        raise FileNotFoundError(f"There is no checkpoint in {output} to resume from: leave out --resume.")
    base = prepare_data(recipe, data, output)
    prepared = load_prepared(output / PREPARED)
    trainer = build_trainer(recipe, base, prepared, output)
    trainer.train(resume_from_checkpoint=last)
    checkpoint = output / f"checkpoint-{recipe.max_steps}"
    _write_record(checkpoint, recipe, base, prepared, trainer)
    return checkpoint


def prepare_data(recipe: Recipe, data: Path | None, output: Path) -> BaseModel:
    """Encodes the examples into `output` unless they are there, and returns the base model that they are for.

    Raises:
        FileNotFoundError: the data is needed and missing.
        ValueError: `output` holds the data of another recipe.
    """
    base = resolve_base_model(recipe.base_model)
    if not is_prepared(output / PREPARED, recipe):
        if data is None:
            raise FileNotFoundError(f"{output} holds no prepared data: pass --data, the folder of {SPIDER_FILE}.")
        prepare(output / PREPARED, recipe, data, AutoTokenizer.from_pretrained(base.source))
    return base


def _write_record(checkpoint: Path, recipe: Recipe, base: BaseModel, data: PreparedData, trainer: Trainer) -> None:
    history = trainer.state.log_history
    record = {
        "recipe": asdict(recipe),
        "base_model": base.canonical_name,
        "data": data.hashes,
        "examples": {"training": data.training.num_examples, "held_out": data.held_out.num_examples},
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
    parser.add_argument(
        "--data", type=Path, help=f"folder of {SPIDER_FILE} and {WIKISQL_FILE}; not read if --output holds {PREPARED}/"
    )
    parser.add_argument("--output", type=Path, required=True, help=f"folder that gets {PREPARED}/ and checkpoint-N/")
    parser.add_argument(
        "--prepare-only", action="store_true", help="encode the data and stop: needs no GPU, which then need not wait"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --output")
    for field, value in asdict(Recipe()).items():
        parser.add_argument(
            f"--{field.replace('_', '-')}", type=type(value), default=value, help="default: %(default)s"
        )
    options = vars(parser.parse_args(arguments))
    data, output, resume, only = (options.pop(name) for name in ("data", "output", "resume", "prepare_only"))
    try:
        if only:
            prepare_data(Recipe(**options), data, output)
            print(f"Data prepared in {output / PREPARED}")
            return 0
        checkpoint = train(Recipe(**options), data, output, resume=resume)
    except (ValueError, FileNotFoundError, FileExistsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"Adapter saved in {checkpoint}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
