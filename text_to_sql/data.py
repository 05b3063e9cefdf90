"""Questions with gold SQL to train and evaluate on: Spider and WikiSQL, from local files in canonical spelling.

Each file is one JSON object a line, compressed or not, with the columns `schema`, `question` and `sql`; Spider's has
`db_id`, `kind` and `paraphrase` too, WikiSQL's has `split`. Schemas are one `CREATE TABLE` a line.
"""

import gzip
import json
import lzma
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

SPIDER_FILE = "spider_train.jsonl.gz"
WIKISQL_FILE = "wikisql.jsonl.xz"

# 15 of Spider's 140 training databases are held aside, always the same ones, so that every recipe is judged alike.
HELD_OUT_DATABASES = 15
SPLIT_SEED = 20261123

# Neutral names for WikiSQL's numbered tables: a model that sees `t_1_1000181_1` learns to write such names.
_TABLE_NAMES = (
    "records",
    "results",
    "entries",
    "listing",
    "data",
    "items",
    "table_1",
    "overview",
    "history",
    "summary",
)
_OPENERS: dict[str, Callable[..., IO[str]]] = {".gz": gzip.open, ".xz": lzma.open}


@dataclass(frozen=True, slots=True)
class Example:
    """One question about one database, with its gold SQL.

    Attributes:
        database: what the example must not be split from: Spider's `db_id`, WikiSQL's table name.
        kind: `simple`, `join` or `nested/setop`.
    """

    database: str
    schema: str
    question: str
    sql: str
    kind: str
    source: str


def read_rows(path: Path) -> Iterator[dict[str, str]]:
    """Yields the JSON objects of a file of JSON lines, plain, `.gz` or `.xz`.

    Raises:
        FileNotFoundError: no such file; the message says where the data comes from.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: pass the folder that holds {SPIDER_FILE} and {WIKISQL_FILE}.")
    with _OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def load_spider(folder: Path, *, paraphrases: bool = False) -> list[Example]:
    """Loads Spider's training questions; with `paraphrases`, the Spider-Syn wording of each where it differs."""
    rows = list(read_rows(folder / SPIDER_FILE))
    examples = [_spider_example(row, row["question"]) for row in rows]
    if paraphrases:
        differing = (row for row in rows if row["paraphrase"].lower() != row["question"].lower())
        examples += [_spider_example(row, row["paraphrase"]) for row in differing]
    return examples


def _spider_example(row: dict[str, str], question: str) -> Example:
    return Example(row["db_id"], row["schema"], question, row["sql"], row["kind"], "spider")


def load_wikisql(folder: Path, split: str) -> list[Example]:
    """Loads WikiSQL's questions of one split, `train` or `dev`, each over one table."""
    rows = (row for row in read_rows(folder / WIKISQL_FILE) if row["split"] == split)
    return [
        Example(row["schema"].split()[2], row["schema"], row["question"], row["sql"], "simple", "wikisql")
        for row in rows
    ]


def rename_table(example: Example, rng: random.Random) -> Example:
    """Gives WikiSQL's numbered table a neutral name, the same in schema and SQL."""
    name = rng.choice(_TABLE_NAMES)
    pattern = re.compile(rf"\b{re.escape(example.database)}\b")
    return replace(example, schema=pattern.sub(name, example.schema), sql=pattern.sub(name, example.sql))


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


def split_spider(folder: Path, *, paraphrases: bool = False) -> tuple[list[Example], list[Example]]:
    """Returns Spider's (training, held out) questions; the held-out databases never depend on a recipe."""
    return split_by_database(load_spider(folder, paraphrases=paraphrases), HELD_OUT_DATABASES, SPLIT_SEED)


def sample(examples: Sequence[Example], count: int, rng: random.Random) -> list[Example]:
    """Draws `count` examples without replacement; all of them, shuffled, when there are fewer."""
    return rng.sample(list(examples), min(count, len(examples)))
