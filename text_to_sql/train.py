"""Trains the LoRA adapter that writes SQL: `python -m text_to_sql.train --data FOLDER --output FOLDER`.

100 optimizer steps with peft and the Transformers Trainer, which itself saves `checkpoint-100/`. The same command
trains another base (`--base-model`), goes on where it was stopped (`--resume`) and runs on a CPU (`--max-steps 2`).
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from transformers import AutoTokenizer, TrainerState
from transformers.trainer_utils import get_last_checkpoint

from inference.base_model import BaseModel, resolve_base_model
from inference.errors import InferenceError
from inference.json_file import read_json_object, write_json_object
from text_to_sql.data.files import SPIDER_FILE, WIKISQL_FILE
from text_to_sql.training.checkpoint import TRAINING_RECORD, PublishableCheckpoint
from text_to_sql.training.prepared import is_prepared, load_prepared, prepare
from text_to_sql.training.recipe import Recipe
from text_to_sql.training.trainer import build_trainer

PREPARED = "prepared"
_RECIPE, _STATE = "recipe.json", "trainer_state.json"


def train(recipe: Recipe, data: Path | None, output: Path, *, resume: bool = False) -> Path:
    """Trains, and returns the checkpoint folder of the last step.

    Raises:
        FileExistsError: `output` holds a checkpoint already and `resume` is False, or training had ended.
        FileNotFoundError: the data is missing, or there is nothing to resume.
        ValueError: `output` holds the data of another recipe, or was trained by one.
    """
    last = _last_checkpoint(output, resume)
    if last:
        _check_resumable(recipe, output, last)
    base = prepare_data(recipe, data, output)
    write_json_object(output / _RECIPE, asdict(recipe))
    prepared = load_prepared(output / PREPARED)
    description = {
        "recipe": asdict(recipe),
        "data": prepared.sources,
        "prepared": prepared.content_hash,
        "examples": {"training": prepared.training.num_examples, "held_out": prepared.held_out.num_examples},
    }
    publisher = PublishableCheckpoint(base.canonical_name, description)
    checkpoint = output / f"checkpoint-{recipe.max_steps}"
    if last == checkpoint:
        # It was ended between the last step and its record.
        publisher.publish(checkpoint, TrainerState.load_from_json(str(checkpoint / _STATE)), None)
    else:
        trainer = build_trainer(recipe, base, prepared, output, publisher)
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    return checkpoint


def _last_checkpoint(output: Path, resume: bool) -> Path | None:
    found = get_last_checkpoint(str(output)) if output.is_dir() else None
    if found and not resume:
        raise FileExistsError(f"{found} exists already: pass --resume to go on from it, or choose another --output.")
    if resume and not found:
        raise FileNotFoundError(f"There is no checkpoint in {output} to resume from: leave out --resume.")
    return Path(found) if found else None


def _check_resumable(recipe: Recipe, output: Path, last: Path) -> None:
    """Raises an error if nothing is left to do, or if the steps so far were another recipe's."""
    steps = int(last.name.rpartition("-")[2])
    if steps > recipe.max_steps or (steps == recipe.max_steps and (last / TRAINING_RECORD).exists()):
        raise FileExistsError(f"{last} has its {steps} steps already: raise --max-steps to train on from it.")
    if differences := recipe.differences(read_json_object(output / _RECIPE), ("max_steps",)):
        raise ValueError(f"{output} was begun with another recipe ({differences}): resume with the same options.")


def prepare_data(recipe: Recipe, data: Path | None, output: Path) -> BaseModel:
    """Encodes the examples into `output` unless they are there, and returns the base model that they are for.

    Raises:
        FileNotFoundError: the data is needed and missing.
        ValueError: `output` holds the data of another recipe or of other files.
    """
    base = resolve_base_model(recipe.base_model)
    if not is_prepared(output / PREPARED, recipe, data):
        if data is None:
            raise FileNotFoundError(f"{output} holds no prepared data: pass --data, the folder of {SPIDER_FILE}.")
        prepare(output / PREPARED, recipe, data, AutoTokenizer.from_pretrained(base.source))
    return base


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0 trained, 2 bad usage."""
    parser = argparse.ArgumentParser(prog="python -m text_to_sql.train", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data",
        type=Path,
        help=f"folder of {SPIDER_FILE} and {WIKISQL_FILE}; not needed if --output holds {PREPARED}/",
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
    except (InferenceError, ValueError, FileNotFoundError, FileExistsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"Adapter saved in {checkpoint}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
