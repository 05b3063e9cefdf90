"""Shows each example in the varied forms that real databases have: keys or none, any order, cells that mislead."""

import random
import re
from collections.abc import Sequence, Set
from dataclasses import replace
from functools import cache

import sqlglot
from sqlglot import exp

from text_to_sql.data.example import Example
from text_to_sql.foreign_keys import guessed_keys
from text_to_sql.pruning import prune_schema, without_table
from text_to_sql.schema import Schema, folded
from text_to_sql.values import ValueMatch

# Some 850 tokens of names and commas; longer schemas are pruned as they are at inference.
MAX_SCHEMA_CHARACTERS = 3_000
_WORD = re.compile(r"[A-Za-z]{3,}")

_NO_KEYS, _GUESSED_KEYS = 0.1, 0.35
_SHUFFLED_TABLES, _SHUFFLED_COLUMNS = 0.3, 0.2
_FEWER_TABLES = 0.2
_HIDDEN_VALUES = 0.15
_VALUE_OF_NO_COLUMN, _VALUE_OF_TWO_COLUMNS = 0.1, 0.2


def vary(pack: Sequence[Example], rng: random.Random) -> list[Example]:
    """Returns examples over one schema with it in one of the forms that inference meets, the same for all of them."""
    schema = _vary_keys(pack[0].schema, rng)
    asked = set().union(*(_gold_tables(example.sql) for example in pack))
    schema = _vary_tables(schema, asked, rng)
    words = " ".join(example.question for example in pack)
    schema = prune_schema(schema, words, [], _fits, asked)
    return [replace(example, schema=schema, values=_vary_values(example, schema, rng)) for example in pack]


def _fits(schema: Schema) -> bool:
    return len(schema.render()) <= MAX_SCHEMA_CHARACTERS


@cache
def _gold_tables(sql: str) -> frozenset[str]:
    return frozenset(table.name for table in sqlglot.parse_one(sql, read="sqlite").find_all(exp.Table))


def _vary_keys(schema: Schema, rng: random.Random) -> Schema:
    draw = rng.random()
    if draw < _NO_KEYS:
        return replace(schema, foreign_keys=())
    if draw < _NO_KEYS + _GUESSED_KEYS:
        return replace(schema, foreign_keys=guessed_keys(schema.tables))
    return schema


def _vary_tables(schema: Schema, asked: Set[str], rng: random.Random) -> Schema:
    """Puts tables and columns in another order, and leaves out tables that no question is about."""
    if rng.random() < _FEWER_TABLES:
        for table in schema.tables:
            if table.name not in asked and rng.random() < 0.5:
                schema = without_table(schema, table.name)
    tables = list(schema.tables)
    if rng.random() < _SHUFFLED_TABLES:
        rng.shuffle(tables)
    if rng.random() < _SHUFFLED_COLUMNS:
        tables = [replace(table, columns=tuple(rng.sample(table.columns, len(table.columns)))) for table in tables]
    return replace(schema, tables=tuple(tables))


def _vary_values(example: Example, schema: Schema, rng: random.Random) -> tuple[ValueMatch, ...]:
    """Hides all values now and then, since a cell may be spelt otherwise, and adds such as are not meant."""
    values = [] if rng.random() < _HIDDEN_VALUES else list(example.values)
    words = _WORD.findall(example.question)
    columns = [
        (table.name, column.name) for table in schema.tables for column in table.columns if column.type == "text"
    ]
    if columns and words and rng.random() < _VALUE_OF_NO_COLUMN:
        values.insert(rng.randint(0, len(values)), ValueMatch(*rng.choice(columns), rng.choice(words)))
    if columns and values and rng.random() < _VALUE_OF_TWO_COLUMNS:
        place = rng.randrange(len(values))
        values.insert(place + rng.randint(0, 1), ValueMatch(*rng.choice(columns), values[place].value))
    names = schema.table_names
    return tuple(dict.fromkeys(match for match in values if folded(match.table) in names))
