"""WikiSQL's questions, each over one table; among other tables, they teach to find the right one."""

import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from text_to_sql.data.example import Example
from text_to_sql.data.files import WIKISQL_FILE, read_rows
from text_to_sql.data.gold_values import compared_texts
from text_to_sql.schema import Schema, Table, parse_schema
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


def load_wikisql(folder: Path, split: str) -> list[Example]:
    """Loads WikiSQL's questions of one split, `train` or `dev`, each over one table.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: there is no such split.
    """
    if split not in ("train", "dev"):
        raise ValueError(f"split must be 'train' or 'dev', got {split!r}")
    rows = [row for row in read_rows(folder / WIKISQL_FILE) if row["split"] == split]
    golds = defaultdict(list)
    for row in rows:
        golds[row["schema"]].append(row["sql"])
    schemas = {text: parse_schema(text) for text in golds}
    indexes = {text: ValueIndex(compared_texts(queries)) for text, queries in golds.items()}
    return [
        Example(
            schemas[text].tables[0].name,
            schemas[text],
            row["question"],
            row["sql"],
            "simple",
            "wikisql",
            indexes[text].matches(row["question"]),
        )
        for row in rows
        for text in (row["schema"],)
    ]


def rename_table(example: Example, rng: random.Random) -> Example:
    """Gives WikiSQL's numbered table a neutral name, the same in schema, SQL and values."""
    return _renamed(example, rng.choice(_TABLE_NAMES))


def among_other_tables(example: Example, others: Sequence[Example], rng: random.Random) -> Example:
    """Returns the example with the tables of `others` beside its own, in random order, each under another name."""
    names = rng.sample(_TABLE_NAMES, 1 + len(others))
    own = _renamed(example, names[0])
    tables = [_named(other.schema.tables[0], name) for other, name in zip(others, names[1:], strict=True)]
    tables.insert(rng.randint(0, len(tables)), own.schema.tables[0])
    return replace(own, schema=Schema(tuple(tables)))


def _renamed(example: Example, name: str) -> Example:
    pattern = re.compile(rf"\b{re.escape(example.database)}\b")
    return replace(
        example,
        schema=Schema((_named(example.schema.tables[0], name),)),
        sql=pattern.sub(name, example.sql),
        values=tuple(ValueMatch(name, match.column, match.value) for match in example.values),
    )


def _named(table: Table, name: str) -> Table:
    return replace(table, name=name)
