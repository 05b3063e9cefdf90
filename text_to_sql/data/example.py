"""One question about one database, and how a set of them is split."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from text_to_sql.prompt import FailedAttempt
from text_to_sql.schema import Schema
from text_to_sql.values import ValueMatch


@dataclass(frozen=True, slots=True)
class Example:
    """One question about one database, with its gold SQL.

    Attributes:
        database: what the example must not be split from: Spider's `db_id`, WikiSQL's table, the generator's domain.
        schema: tables and foreign keys.
        question: in English.
        sql: the gold query, in canonical spelling.
        kind: `simple`, `join` or `nested/setop`.
        source: `spider`, `wikisql`, `generator` or `template`.
        values: cells of the database that the question names, as the prompt shows them.
        failed: a wrong answer that came before, with its error.
        paraphrased: whether the question is another wording of one that is there too.
    """

    database: str
    schema: Schema
    question: str
    sql: str
    kind: str
    source: str
    values: tuple[ValueMatch, ...] = ()
    failed: tuple[FailedAttempt, ...] = ()
    paraphrased: bool = False


def split_by_database(examples: Iterable[Example], held_out: int, seed: int) -> tuple[list[Example], list[Example]]:
    """Splits into (training, held out) so that no database is on both sides.

    Questions come in pairs with one answer, so a split by row would leak.

    Args:
        held_out: how many databases to hold out, at least 1 and fewer than there are.

    Raises:
        ValueError: `held_out` is out of range.
    """
    examples = list(examples)
    databases = sorted({example.database for example in examples})
    if not 1 <= held_out < len(databases):
        raise ValueError(f"held_out must be in [1, {len(databases) - 1}], got {held_out}")
    chosen = set(random.Random(seed).sample(databases, held_out))
    training = [example for example in examples if example.database not in chosen]
    return training, [example for example in examples if example.database in chosen]


def sample(examples: Sequence[Example], count: int, rng: random.Random) -> list[Example]:
    """Draws `count` examples without replacement; all of them, shuffled, when there are fewer."""
    return rng.sample(list(examples), min(count, len(examples)))
