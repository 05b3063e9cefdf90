"""Execution accuracy while training: a loss says little of how often the SQL is right."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from text_to_sql.data.example import Example
from text_to_sql.held_out import by_database, write_set
from text_to_sql.scoring.cases import Case
from text_to_sql.scoring.score import DatabaseScorer
from text_to_sql.training.encoding import encode_example

MAX_NEW_TOKENS = 128
_BATCH = 128
_SEED = 20261123
_CASES = "cases.jsonl"


def write_validation_set(folder: Path, tokenizer: Any, examples: Sequence[Example], count: int) -> None:
    """Writes questions to answer while training, with their databases and the token ids of their prompts.

    Args:
        folder: to write into; it exists or its parent does.
        tokenizer: of the base model.
        examples: what to draw from.
        count: how many to draw; those whose gold is empty on its database are left out.
    """
    drawn = random.Random(_SEED).sample(list(examples), min(count, len(examples)))
    written = write_set(folder.parent, folder.name, by_database(drawn))
    prompts = {(one.database, one.question): encode_example(tokenizer, one).prompt for one in drawn}
    lines = [json.dumps(case | {"prompt": prompts[case["db_id"], case["question"]]}) for case in written.cases]
    (folder / _CASES).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


class ExecutionAccuracy(TrainerCallback):
    """Answers held-out questions greedily after each evaluation, and logs how many are right.

    Scored on one synthetic database each, without variants: quicker than `text_to_sql.evaluate`, and a little kinder.

    Args:
        tokenizer: of the base model.
        folder: of `write_validation_set`.
    """

    def __init__(self, tokenizer: Any, folder: Path) -> None:
        rows = [json.loads(line) for line in (folder / _CASES).read_text(encoding="utf-8").splitlines()]
        self._folder = folder
        self._cases = [Case(row["db_id"], row["question"], row["sql"]) for row in rows]
        self._prompts = [row["prompt"] for row in rows]
        self._tokenizer = tokenizer

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Asks, scores, and adds the figures to the log."""
        if not self._cases:
            return
        answers = _answers(kwargs["model"], self._tokenizer, self._prompts)
        right, runs = self._score(answers)
        total = len(self._cases)
        figures = {"eval_execution_accuracy": right / total, "eval_executes": runs / total, "step": state.global_step}
        state.log_history.append(figures)
        print(f"step {state.global_step}: {right} of {total} held-out questions answered right, {runs} queries run")

    def _score(self, answers: Sequence[str]) -> tuple[int, int]:
        right = runs = 0
        for db_id in {case.db_id: None for case in self._cases}:
            with DatabaseScorer([self._folder / f"{db_id}.sqlite"]) as scorer:
                for case, answer in zip(self._cases, answers, strict=True):
                    if case.db_id == db_id:
                        verdict = scorer.score(case, answer)
                        right += verdict.correct
                        runs += verdict.executes
        return right, runs


def _answers(model: Any, tokenizer: Any, prompts: Sequence[list[int]]) -> list[str]:
    """Returns the greedy answer to each prompt; prompts of like length are asked together."""
    was_training = model.training
    model.eval()
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    answers: dict[int, str] = {}
    for start in range(0, len(order), _BATCH):
        chosen = order[start : start + _BATCH]
        batch = tokenizer.pad(
            {"input_ids": [prompts[index] for index in chosen]}, padding_side="left", return_tensors="pt"
        ).to(model.device)
        with torch.inference_mode(), torch.autocast(model.device.type, torch.bfloat16, model.device.type == "cuda"):
            output = model.generate(
                **batch, max_new_tokens=MAX_NEW_TOKENS, do_sample=False, pad_token_id=tokenizer.pad_token_id
            )
        texts = tokenizer.batch_decode(output[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        answers |= dict(zip(chosen, texts, strict=True))
    model.train(was_training)
    return [answers[index] for index in range(len(prompts))]
