"""What the trainer sees: token ids of prompt and SQL, with the loss on the SQL and the end token only."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import Dataset, Sampler

from text_to_sql.data.example import Example
from text_to_sql.prompt import build_messages

# The label that torch's cross entropy leaves out of the loss.
IGNORED_LABEL = -100

Encoded = dict[str, list[int]]


def encode_example(tokenizer: Any, example: Example) -> Encoded:
    """Returns `input_ids` and `labels` of one example, equal in length.

    Prompt and SQL are tokenised apart, since that is what the model meets when it generates. Labels are masked by
    position: pad and end token are the same id here, and a mask by id would leave the end untrained.
    """
    prompt = tokenizer.apply_chat_template(
        build_messages(example.schema, example.question, example.values),
        add_generation_prompt=True,
        tokenize=True,
        return_dict=False,
    )
    answer = [*tokenizer.encode(example.sql, add_special_tokens=False), tokenizer.eos_token_id]
    return {"input_ids": [*prompt, *answer], "labels": [IGNORED_LABEL] * len(prompt) + answer}


class EncodedExamples(Dataset[Encoded]):
    """Encoded examples that fit into `max_length` tokens.

    Attributes:
        dropped: how many examples were longer and are left out.
    """

    def __init__(self, tokenizer: Any, examples: Sequence[Example], max_length: int) -> None:
        encoded = [encode_example(tokenizer, example) for example in examples]
        self._rows = [row for row in encoded if len(row["input_ids"]) <= max_length]
        self.dropped = len(encoded) - len(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Encoded:
        return self._rows[index]

    def lengths(self) -> list[int]:
        """The number of tokens of each row."""
        return [len(row["input_ids"]) for row in self._rows]


class SortedWithinSteps(Sampler[int]):
    """A random order in which the examples of one optimizer step stand sorted by length, longest first.

    Micro-batches then hold rows of like length and little padding, while each step still sees a random draw. Grouping
    whole steps by length, as the Trainer's own `group_by_length` does, makes the gradient swing between short WikiSQL
    questions and wide Spider schemas: it was tried, and lost.

    Args:
        lengths: tokens of each example.
        step_size: examples an optimizer step.
        seed: of the random order, which differs from epoch to epoch.
    """

    def __init__(self, lengths: Sequence[int], step_size: int, seed: int) -> None:
        self._lengths = lengths
        self._step_size = step_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of an epoch, counted from 0; the Trainer calls it."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        order = list(range(len(self._lengths)))
        random.Random(f"{self._seed}-{self._epoch}").shuffle(order)
        for start in range(0, len(order), self._step_size):
            step = order[start : start + self._step_size]
            yield from sorted(step, key=self._lengths.__getitem__, reverse=True)


@dataclass(frozen=True, slots=True)
class PadRight:
    """Collates rows to the longest of the batch: ids with `pad_token_id`, labels with the ignored label."""

    pad_token_id: int

    def __call__(self, rows: Sequence[Encoded]) -> dict[str, torch.Tensor]:
        """Returns `input_ids` and `labels`, each (rows, longest).

        There is no attention mask: rows are padded at their end, which causal attention cannot see from before it.
        """
        longest = max(len(row["input_ids"]) for row in rows)

        def padded(values: list[int], fill: int) -> list[int]:
            return values + [fill] * (longest - len(values))

        return {
            "input_ids": torch.tensor([padded(row["input_ids"], self.pad_token_id) for row in rows]),
            "labels": torch.tensor([padded(row["labels"], IGNORED_LABEL) for row in rows]),
        }
