"""Spider's training questions, and Spider-Syn's other wording of them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import sqlglot
from sqlglot import exp

from text_to_sql.data.canonical import canonical_sql
from text_to_sql.data.example import Example, split_by_database
from text_to_sql.data.files import SPIDER_FILE, read_rows
from text_to_sql.data.gold_values import compared_texts
from text_to_sql.foreign_keys import ForeignKey
from text_to_sql.schema import Schema, parse_schema
from text_to_sql.values import ValueIndex

# 15 of Spider's 140 training databases are held aside, always the same ones, so that every recipe is judged alike.
HELD_OUT_DATABASES = 15
SPLIT_SEED = 20261123


def load_spider(folder: Path, *, paraphrases: bool = False) -> list[Example]:
    """Loads Spider's training questions; with `paraphrases`, the Spider-Syn wording of each where it differs.

    Args:
        folder: holds `spider_train.jsonl.gz`.
        paraphrases: whether to add them, at the end.

    Raises:
        FileNotFoundError: the file is missing.
    """
    rows = list(read_rows(folder / SPIDER_FILE))
    databases = defaultdict(list)
    for row in rows:
        databases[row["db_id"]].append(row)
    schemas = {name: parse_schema(group[0]["schema"]) for name, group in databases.items()}
    golds = {id(row): canonical_sql(row["sql"], schemas[row["db_id"]]) for row in rows}
    indexes = {}
    for name, group in databases.items():
        queries = [golds[id(row)] for row in group]
        schemas[name] = with_joins_as_keys(schemas[name], queries)
        indexes[name] = ValueIndex(compared_texts(queries))

    def example(row: dict[str, str], question: str) -> Example:
        name = row["db_id"]
        values = indexes[name].matches(question)
        paraphrased = question is not row["question"]
        return Example(
            name, schemas[name], question, golds[id(row)], row["kind"], "spider", values, paraphrased=paraphrased
        )

    examples = [example(row, row["question"]) for row in rows]
    if paraphrases:
        differing = (row for row in rows if row["paraphrase"].lower() != row["question"].lower())
        examples += [example(row, row["paraphrase"]) for row in differing]
    return examples


def split_spider(examples: Iterable[Example]) -> tuple[list[Example], list[Example]]:
    """Returns (training, held out) with whole databases on either side, which never depend on a recipe."""
    training, held_out = split_by_database(examples, HELD_OUT_DATABASES, SPLIT_SEED)
    return training, [example for example in held_out if not example.paraphrased]


def with_joins_as_keys(schema: Schema, queries: Iterable[str]) -> Schema:
    """Returns the schema with the joins of its gold queries as foreign keys, before those that names suggest.

    The data has no keys; a real database declares them.

    Args:
        schema: tables, and the keys that their names suggest.
        queries: in canonical spelling.
    """
    keys: dict[frozenset[tuple[str, str]], ForeignKey] = {}
    for query in queries:
        for join in sqlglot.parse_one(query, read="sqlite").find_all(exp.Join):
            if key := _as_key(join, schema):
                keys.setdefault(key.ends, key)
    for key in schema.foreign_keys:
        keys.setdefault(key.ends, key)
    return replace(schema, foreign_keys=tuple(_in_order(schema, list(keys.values()))))


def _as_key(join: exp.Join, schema: Schema) -> ForeignKey | None:
    on = join.args.get("on")
    if not (isinstance(on, exp.EQ) and isinstance(on.this, exp.Column) and isinstance(on.expression, exp.Column)):
        return None
    select = join.find_ancestor(exp.Select)
    sources = [select.args["from_"].this, *(other.this for other in select.args["joins"])]
    names = {source.alias_or_name.lower(): source.name for source in sources if isinstance(source, exp.Table)}
    ends = [(names.get(column.table.lower()), column.name) for column in (on.this, on.expression)]
    if None in (ends[0][0], ends[1][0]) or ends[0] == ends[1]:
        return None
    # The parent's column is most often the first of its table.
    firsts = {(table.name, table.column_names[0]) for table in schema.tables}
    child, parent = sorted(ends, key=lambda end: end in firsts)
    return ForeignKey(*child, *parent)


def _in_order(schema: Schema, keys: Sequence[ForeignKey]) -> list[ForeignKey]:
    order = [table.name for table in schema.tables]
    return sorted(keys, key=lambda key: (order.index(key.table), order.index(key.parent_table)))
