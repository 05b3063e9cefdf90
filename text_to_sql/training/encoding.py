"""What the trainer sees: questions about one schema share its tokens, and the loss is on SQL and end tokens only.

Of an example's 360 tokens, three quarters are the schema. A row of the batch therefore holds it once, with several
questions and their SQL after it; each question sees the schema and itself, never the others, at the positions that it
would have alone. So does prefix caching at inference, with the same result: the loss is that of separate rows.
"""

import random
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import Dataset, Sampler

from text_to_sql.data.example import Example
from text_to_sql.prompt import build_messages

# The label that torch's cross entropy leaves out of the loss.
IGNORED_LABEL = -100


@dataclass(frozen=True, slots=True)
class EncodedExample:
    """Token ids of a prompt, and of its SQL with the end token."""

    prompt: list[int]
    answer: list[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


@dataclass(frozen=True, slots=True)
class EncodedPack:
    """Examples whose prompts begin alike.

    Attributes:
        prefix: token ids that all prompts begin with.
        rests: for each example, the ids of the rest of its prompt, at least one, and of its answer.
    """

    prefix: list[int]
    rests: list[tuple[list[int], list[int]]]

    def __len__(self) -> int:
        return len(self.prefix) + sum(len(question) + len(answer) for question, answer in self.rests)


def encode_example(tokenizer: Any, example: Example) -> EncodedExample:
    """Returns the token ids of one example.

    Prompt and SQL are tokenised apart, since that is what the model meets when it generates. The end token is part of
    the answer by position: pad and end token are the same id here, and a mask by id would leave the end untrained.
    """
    prompt = tokenizer.apply_chat_template(
        build_messages(example.schema, example.question, example.values, example.failed),
        add_generation_prompt=True,
        tokenize=True,
        return_dict=False,
    )
    answer = [*tokenizer.encode(example.sql, add_special_tokens=False), tokenizer.eos_token_id]
    return EncodedExample(prompt, answer)


def pack(examples: Sequence[EncodedExample]) -> EncodedPack:
    """Returns the examples with what their prompts begin with in common held once."""
    shortest = min(len(example.prompt) for example in examples)
    first = examples[0].prompt
    # The last token of a prompt predicts the answer's first, so each example keeps at least that one for itself.
    shared = next(
        (i for i in range(shortest - 1) if any(example.prompt[i] != first[i] for example in examples)), shortest - 1
    )
    return EncodedPack(first[:shared], [(example.prompt[shared:], example.answer) for example in examples])


@dataclass(frozen=True, slots=True)
class EncodedPacks(Dataset[EncodedPack]):
    """Packs to train on.

    Attributes:
        rows: the packs.
        dropped: how many examples were too long to be among them.
    """

    rows: tuple[EncodedPack, ...]
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> EncodedPack:
        return self.rows[index]

    @property
    def num_examples(self) -> int:
        """How many questions all packs hold."""
        return sum(len(row.rests) for row in self.rows)

    def lengths(self) -> list[int]:
        """The number of tokens of each row."""
        return [len(row) for row in self.rows]


def encode_packs(tokenizer: Any, packs: Iterable[Sequence[Example]], max_length: int) -> EncodedPacks:
    """Returns examples over one schema each as packs.

    Args:
        tokenizer: of the base model.
        packs: examples over one schema each.
        max_length: longer examples (prompt, SQL and end token) are left out.
    """
    encoded = [[encode_example(tokenizer, example) for example in examples] for examples in packs]
    fitting = [[example for example in examples if len(example) <= max_length] for examples in encoded]
    return EncodedPacks(
        tuple(pack(examples) for examples in fitting if examples), sum(map(len, encoded)) - sum(map(len, fitting))
    )


class MicroBatches(Sampler[list[int]]):
    """Each optimizer step is a random draw, cut into micro-batches of rows of like length and of equal size in tokens.

    There is little padding, and no micro-batch needs much more memory than another: 32 of the longest rows have four
    times the tokens of 32 short ones, and did not fit into 80 GB. Grouping whole steps by length, as the Trainer's own
    `group_by_length` does, makes the gradient swing between short WikiSQL questions and wide Spider schemas: it was
    tried, and lost.

    Args:
        lengths: tokens of each row.
        step_size: rows an optimizer step; the rows of an epoch that do not fill one are left out.
        count: micro-batches a step.
        seed: of the random order, which differs from epoch to epoch.

    Raises:
        ValueError: there are fewer rows than micro-batches.
    """

    def __init__(self, lengths: Sequence[int], step_size: int, count: int, seed: int) -> None:
        if min(len(lengths), step_size) < count:
            raise ValueError(f"{count} micro-batches need as many packs a step, got {min(len(lengths), step_size)}")
        self._lengths = lengths
        self._step_size = min(step_size, len(lengths))
        self._count = count
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of an epoch, counted from 0; the Trainer calls it."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths) // self._step_size * self._count

    def __iter__(self) -> Iterator[list[int]]:
        order = list(range(len(self._lengths)))
        random.Random(f"{self._seed}-{self._epoch}").shuffle(order)
        for start in range(0, len(order) - self._step_size + 1, self._step_size):
            step = sorted(order[start : start + self._step_size], key=self._lengths.__getitem__, reverse=True)
            for part in split_evenly([self._lengths[index] for index in step], self._count):
                yield [step[place] for place in part]


def split_evenly(lengths: Sequence[int], count: int) -> list[range]:
    """Cuts rows, sorted with the longest first, so that the largest part is as small as it can be once padded.

    Args:
        lengths: tokens of each row.
        count: parts, at most as many as rows.

    Returns:
        The places of each part's rows; none is empty.
    """
    sizes = range(lengths[0], lengths[0] * len(lengths) + 1)
    fitting = bisect_left(sizes, True, key=lambda size: len(_parts_within(lengths, size)) <= count)
    parts = _parts_within(lengths, sizes[fitting])
    while len(parts) < count:
        place = max(range(len(parts)), key=lambda place: (len(parts[place]) > 1, lengths[parts[place].start]))
        part = parts[place]
        middle = part.start + len(part) // 2
        parts[place : place + 1] = [range(part.start, middle), range(middle, part.stop)]
    return parts


def _parts_within(lengths: Sequence[int], size: int) -> list[range]:
    """Returns as few parts as possible of at most `size` tokens each, padding counted."""
    parts, start = [], 0
    while start < len(lengths):
        stop = min(len(lengths), start + size // lengths[start])
        parts.append(range(start, stop))
        start = stop
    return parts


@dataclass(frozen=True, slots=True)
class PadPacks:
    """Collates packs to the longest of the batch, with the positions of separate prompts."""

    pad_token_id: int

    def __call__(self, rows: Sequence[EncodedPack]) -> dict[str, torch.Tensor]:
        """Returns the batch.

        Returns:
            `input_ids`, `position_ids`, `labels` and `segments`, each (rows, longest); see `visibility`.
        """
        shape = (len(rows), max(map(len, rows)))
        ids = torch.full(shape, self.pad_token_id)
        labels = torch.full(shape, IGNORED_LABEL)
        positions = torch.zeros(shape, dtype=torch.long)
        # Padding sees the first token: attention to nothing at all is not a number.
        segments = torch.full(shape, -1)
        for row, one in enumerate(rows):
            _fill(one, ids[row], labels[row], positions[row], segments[row])
        return {"input_ids": ids, "position_ids": positions, "labels": labels, "segments": segments}


_PREFIX = 0


def _fill(
    one: EncodedPack, ids: torch.Tensor, labels: torch.Tensor, positions: torch.Tensor, segments: torch.Tensor
) -> None:
    """Writes one pack into its row; segment 0 is the prefix, the examples count from 1."""
    start = len(one.prefix)
    ids[:start] = torch.tensor(one.prefix, dtype=torch.long)
    positions[:start] = torch.arange(start)
    segments[:start] = _PREFIX
    for number, (question, answer) in enumerate(one.rests, start=1):
        end = start + len(question) + len(answer)
        ids[start:end] = torch.tensor(question + answer)
        labels[start + len(question) : end] = torch.tensor(answer)
        positions[start:end] = len(one.prefix) + torch.arange(end - start)
        segments[start:end] = number
        start = end


def visibility(segments: torch.Tensor) -> torch.Tensor:
    """Returns which token sees which: those before it, of the prefix or of its own segment.

    Args:
        segments: (rows, tokens), 0 for the prefix, 1, 2, … for each question, -1 for padding.

    Returns:
        True where a token (third dimension) sees another (fourth): (rows, 1, tokens, tokens).
    """
    length = segments.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    own = segments[:, :, None] == segments[:, None, :]
    prefix = (segments == _PREFIX)[:, None, :]
    return ((own | prefix) & causal)[:, None]
