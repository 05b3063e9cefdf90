"""Trains the LoRA adapter that writes SQL: `python -m text_to_sql.train --data FOLDER --output FOLDER`.

100 optimizer steps with peft and the Transformers Trainer, which itself saves `checkpoint-100/`. The same command
trains another base (`--base-model`), goes on where it was stopped (`--resume`) and runs on a CPU (`--max-steps 2`).
"""

import argparse
import hashlib
import json
import platform
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments, set_seed
from transformers.trainer_utils import get_last_checkpoint

from inference.base_model import BaseModel, resolve_base_model
from inference.bundled_model import BUNDLED_MODEL
from text_to_sql.checkpoint import TRAINING_RECORD, PublishableCheckpoint
from text_to_sql.data import (
    SPIDER_FILE,
    SPLIT_SEED,
    WIKISQL_FILE,
    Example,
    load_wikisql,
    rename_table,
    sample,
    split_spider,
)
from text_to_sql.training_data import EncodedExamples, PadRight, SortedWithinSteps

ALL_LINEAR_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what is learnt.

    Attributes:
        batch_size: examples an optimizer step; `micro_batch_size` of them at a time.
        wikisql_examples: how many of WikiSQL's 49,181 training questions join Spider's.
        held_out_examples: how many held-out questions the validation loss is taken over.
        max_length: longer examples (prompt, SQL and end token) are left out.
    """

    base_model: str = BUNDLED_MODEL
    max_steps: int = 100
    rank: int = 64
    alpha: int = 64
    learning_rate: float = 3e-3
    warmup_steps: int = 8
    batch_size: int = 256
    micro_batch_size: int = 64
    wikisql_examples: int = 12_000
    held_out_examples: int = 512
    max_length: int = 768
    seed: int = 42

    def __post_init__(self) -> None:
        for field, value in asdict(self).items():
            minimum = 0 if field in ("wikisql_examples", "warmup_steps", "seed") else 1
            if isinstance(value, int) and value < minimum:
                raise ValueError(f"{field} must be at least {minimum}, got {value}")
        if not 0 < self.learning_rate < 1:
            raise ValueError(f"learning_rate must be in (0, 1), got {self.learning_rate}")
        if self.batch_size % self.micro_batch_size:
            raise ValueError(
                f"batch_size must be a multiple of micro_batch_size, got {self.batch_size} and {self.micro_batch_size}"
            )


def collect_examples(data: Path, recipe: Recipe) -> tuple[list[Example], list[Example]]:
    """Returns (training, held out): Spider with paraphrases and a part of WikiSQL; held out are whole databases.

    WikiSQL questions with two conditions or more are preferred: they are the harder third.
    """
    rng = random.Random(recipe.seed)
    spider, _ = split_spider(data, paraphrases=True)
    _, held_out = split_spider(data)
    wikisql = load_wikisql(data, "train")
    hard = [example for example in wikisql if " AND " in example.sql]
    chosen = sample(hard, recipe.wikisql_examples * 2 // 3, rng)
    chosen += sample(wikisql, recipe.wikisql_examples - len(chosen), rng)
    training = spider + [rename_table(example, rng) for example in chosen]
    return training, sample(held_out, recipe.held_out_examples, random.Random(SPLIT_SEED))


class StepSortedTrainer(Trainer):
    """A Trainer whose micro-batches hold examples of like length; see `SortedWithinSteps`."""

    def _get_train_sampler(self, train_dataset: Any = None) -> SortedWithinSteps:
        step_size = self.args.per_device_train_batch_size * self.args.gradient_accumulation_steps
        return SortedWithinSteps(self.train_dataset.lengths(), step_size, self.args.seed)


def build_trainer(recipe: Recipe, base: BaseModel, data: Path, output: Path) -> Trainer:
    """Returns a Trainer over the adapted model, ready to train."""
    set_seed(recipe.seed)
    tokenizer = AutoTokenizer.from_pretrained(base.source)
    training, held_out = collect_examples(data, recipe)
    train_set = EncodedExamples(tokenizer, training, recipe.max_length)
    eval_set = EncodedExamples(tokenizer, held_out, recipe.max_length)
    print(f"{len(train_set):,} examples to train on, {len(eval_set):,} held out, {train_set.dropped} too long")
    return StepSortedTrainer(
        model=_adapted_model(base, recipe),
        args=_training_arguments(recipe, output),
        train_dataset=train_set,
        eval_dataset=eval_set,
        data_collator=PadRight(tokenizer.pad_token_id),
        processing_class=tokenizer,
        callbacks=[PublishableCheckpoint(base.canonical_name)],
    )


def _adapted_model(base: BaseModel, recipe: Recipe) -> Any:
    # Weights and optimizer in float32, also where autocast computes in bfloat16: steps of 1e-3 are lost in 8 bits.
    model = AutoModelForCausalLM.from_pretrained(base.source, dtype=torch.float32)
    return get_peft_model(
        model,
        LoraConfig(
            r=recipe.rank, lora_alpha=recipe.alpha, target_modules=list(ALL_LINEAR_LAYERS), task_type="CAUSAL_LM"
        ),
    )


def _training_arguments(recipe: Recipe, output: Path) -> TrainingArguments:
    on_gpu = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(output),
        max_steps=recipe.max_steps,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=recipe.warmup_steps,
        per_device_train_batch_size=recipe.micro_batch_size,
        per_device_eval_batch_size=recipe.micro_batch_size,
        gradient_accumulation_steps=recipe.batch_size // recipe.micro_batch_size,
        bf16=on_gpu,
        use_cpu=not on_gpu,
        logging_steps=1,
        eval_strategy="steps",
        eval_steps=25,
        save_steps=25,
        save_total_limit=1,
        report_to="none",
        seed=recipe.seed,
    )


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
    trainer = build_trainer(recipe, base, data, output)
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
        "examples": {"training": len(trainer.train_dataset), "held_out": len(trainer.eval_dataset)},
        "versions": {name: version(name) for name in ("torch", "transformers", "peft")},
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or "CPU",
        "train_runtime_s": next((entry["train_runtime"] for entry in history if "train_runtime" in entry), None),
        "loss": {entry["step"]: round(entry["loss"], 4) for entry in history if "loss" in entry},
        "held_out_loss": {entry["step"]: round(entry["eval_loss"], 4) for entry in history if "eval_loss" in entry},
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
