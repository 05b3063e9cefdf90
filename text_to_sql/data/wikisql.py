"""WikiSQL's questions, each over one table; among other tables, they teach to find the right one."""

import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from text_to_sql.data.canonical import canonical_sql
from text_to_sql.data.example import Example
from text_to_sql.data.files import WIKISQL_FILE, read_rows
from text_to_sql.data.gold_values import compared_texts
from text_to_sql.schema import Schema, parse_schema
from text_to_sql.values import ValueIndex, ValueMatch

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


def load_wikisql(folder: Path, split: str, count: int | None = None, seed: int = 0) -> list[Example]:
    """Loads WikiSQL's questions of one split, each over one table.

    Args:
        folder: holds `wikisql.jsonl.xz`.
        split: `train` or `dev`.
        count: about how many questions: tables are drawn with all of theirs until there are as many. None: all, which
            takes a minute.
        seed: what tables are drawn from.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: there is no such split.
    """
    if split not in ("train", "dev"):
        raise ValueError(f"split must be 'train' or 'dev', got {split!r}")
    tables = defaultdict(list)
    for row in read_rows(folder / WIKISQL_FILE):
        if row["split"] == split:
            tables[row["schema"]].append(row)
    schemas = list(tables)
    if count is not None:
        random.Random(seed).shuffle(schemas)
    examples: list[Example] = []
    for text in schemas:
        if count is not None and len(examples) >= count:
            break
        examples += _examples_of_table(text, tables[text])
    return examples


def _examples_of_table(text: str, rows: Sequence[Mapping[str, str]]) -> list[Example]:
    schema = parse_schema(text)
    golds = [canonical_sql(row["sql"], schema) for row in rows]
    index = ValueIndex(compared_texts(golds))
    table = schema.tables[0].name
    return [
        Example(table, schema, row["question"], gold, "simple", "wikisql", index.matches(row["question"]))
        for row, gold in zip(rows, golds, strict=True)
    ]


def rename_table(example: Example, rng: random.Random) -> Example:
    """Gives WikiSQL's numbered table a neutral name, the same in schema, SQL and values."""
    return _renamed(example, rng.choice(_TABLE_NAMES))


def merge_tables(groups: Sequence[Sequence[Example]], rng: random.Random) -> list[Example]:
    """Puts the tables of several groups of questions into one schema, each under a neutral name of its own.

    Args:
        groups: the questions of one table each, at most ten tables.
        rng: draws names and orders.

    Returns:
        The questions of all groups over the one schema, in random order.
    """
    names = rng.sample(_TABLE_NAMES, len(groups))
    renamed = [[_renamed(example, name) for example in group] for group, name in zip(groups, names, strict=True)]
    schema = Schema(tuple(group[0].schema.tables[0] for group in renamed))
    merged = [replace(example, schema=schema) for group in renamed for example in group]
    rng.shuffle(merged)
    return merged


def _renamed(example: Example, name: str) -> Example:
    pattern = re.compile(rf"\b{re.escape(example.database)}\b")
    return replace(
        example,
        schema=Schema((replace(example.schema.tables[0], name=name),)),
        sql=pattern.sub(name, example.sql),
        values=tuple(ValueMatch(name, match.column, match.value) for match in example.values),
    )
