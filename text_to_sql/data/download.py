"""Fetches Spider and WikiSQL by name and writes the files that training reads.

    python -m text_to_sql.data.download --output FOLDER --spider-tables tables.json

`xlangai/spider` has questions and SQL; its schemas are in `tables.json` of Spider's own archive. `Salesforce/wikisql`
is taken from the hub's parquet copy, since `datasets` no longer runs its loading script.
"""

import argparse
import gzip
import json
import lzma
import os
import re
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from sqlglot.errors import SqlglotError
from tqdm import tqdm

from text_to_sql.data.canonical import canonical_sql
from text_to_sql.data.files import SPIDER_FILE, WIKISQL_FILE
from text_to_sql.data.kind import kind_of
from text_to_sql.data.quotes import in_single_quotes
from text_to_sql.errors import TextToSQLError
from text_to_sql.schema import parse_schema, quoted

SPIDER_NAME = "xlangai/spider"
WIKISQL_NAME = "Salesforce/wikisql"
WIKISQL_REVISION = "refs/convert/parquet"
# In the order of WikiSQL's own numbers (github.com/salesforce/WikiSQL, lib/query.py).
_AGGREGATES = ("", "MAX", "MIN", "COUNT", "SUM", "AVG")
_OPERATORS = ("=", ">", "<")

Row = dict[str, str]


def spider_rows(questions: Iterable[Mapping[str, Any]], tables: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """Yields rows of `spider_train.jsonl.gz`; what SQLite cannot compile is left out.

    Args:
        questions: rows of `xlangai/spider`: `db_id`, `question` and `query`.
        tables: the entries of Spider's `tables.json`.
    """
    schemas = {entry["db_id"]: _spider_schema(entry) for entry in tables}
    for row in questions:
        schema = schemas[row["db_id"]]
        if sql := _compiled(row["query"], schema):
            question = " ".join(row["question"].split())
            yield {
                "db_id": row["db_id"],
                "schema": schema,
                "question": question,
                "paraphrase": question,
                "sql": sql,
                "kind": kind_of(sql),
            }


def _spider_schema(entry: Mapping[str, Any]) -> str:
    columns: list[list[str]] = [[] for _ in entry["table_names_original"]]
    for (table, name), kind in zip(entry["column_names_original"], entry["column_types"], strict=True):
        # The first column of every database is `*`, of no table.
        if table >= 0:
            columns[table].append(f"{quoted(name)} {kind}")
    return "\n".join(
        f"CREATE TABLE {quoted(name)} ({', '.join(own)})"
        for name, own in zip(entry["table_names_original"], columns, strict=True)
    )


def wikisql_rows(rows: Iterable[Mapping[str, Any]], split: str) -> Iterator[Row]:
    """Yields rows of `wikisql.jsonl.xz`; headers become plain names, and what SQLite cannot compile is left out.

    Args:
        rows: rows of `Salesforce/wikisql`.
        split: `train` or `dev`.
    """
    for row in rows:
        table = row["table"]
        names = _plain_names(table["header"])
        kinds = ["number" if kind == "real" else "text" for kind in table["types"]]
        name = f"t_{re.sub(r'[^a-z0-9]', '_', table['id'].lower())}"
        columns = ", ".join(f"{quoted(column)} {kind}" for column, kind in zip(names, kinds, strict=True))
        schema = f"CREATE TABLE {name} ({columns})"
        if sql := _compiled(_wikisql_query(row["sql"], name, names, kinds), schema):
            yield {"split": split, "schema": schema, "question": " ".join(row["question"].split()), "sql": sql}


def _plain_names(headers: Sequence[str]) -> list[str]:
    names: list[str] = []
    for header in headers:
        plain = re.sub(r"[^a-z0-9]+", "_", header.lower()).strip("_") or "column"
        plain = f"c_{plain}" if plain[0].isdigit() else plain
        names.append(plain if plain not in names else f"{plain}_{len(names)}")
    return names


def _wikisql_query(sql: Mapping[str, Any], table: str, names: Sequence[str], kinds: Sequence[str]) -> str:
    column, aggregate = quoted(names[sql["sel"]]), _AGGREGATES[sql["agg"]]
    conditions = sql["conds"]
    parts = [
        f"{quoted(names[index])} {_OPERATORS[operator]} {_literal(value, kinds[index])}"
        for index, operator, value in zip(
            conditions["column_index"], conditions["operator_index"], conditions["condition"], strict=True
        )
    ]
    where = f" WHERE {' AND '.join(parts)}" if parts else ""
    return f"SELECT {f'{aggregate}({column})' if aggregate else column} FROM {table}{where}"  # noqa: S608 (a gold query)


def _literal(value: str, kind: str) -> str:
    if kind == "number" and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return value
    return "'" + value.replace("'", "''") + "'"


def _compiled(sql: str, schema: str) -> str | None:
    """Returns the canonical spelling of a query that SQLite can compile; None for another."""
    try:
        parsed = parse_schema(schema)
        canonical = canonical_sql(in_single_quotes(sql, parsed), parsed)
        with closing(sqlite3.connect(":memory:")) as connection:
            for line in schema.splitlines():
                connection.execute(line)
            connection.execute(f"EXPLAIN {canonical}")
    except (sqlite3.Error, SqlglotError, TextToSQLError, KeyError):
        return None
    return canonical


def _write(path: Path, opener: Callable[..., IO[str]], rows: Iterable[Row]) -> int:
    """Writes rows as JSON lines; the file appears complete or not at all. Returns their number."""
    count = 0
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        partial = Path(folder) / path.name
        with opener(partial, "wt", encoding="utf-8") as file:
            for row in tqdm(rows, desc=path.name, unit=" questions"):
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                count += 1
        os.replace(partial, path)
    return count


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0 written, 2 bad usage."""
    parser = argparse.ArgumentParser(prog="python -m text_to_sql.data.download", description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help=f"folder that gets {SPIDER_FILE} and {WIKISQL_FILE}")
    parser.add_argument("--spider-tables", type=Path, required=True, help="tables.json of Spider's archive")
    options = parser.parse_args(arguments)
    try:
        tables = json.loads(options.spider_tables.read_text(encoding="utf-8"))
        options.output.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        print(f"error: {options.spider_tables}: {error}", file=sys.stderr)
        return 2
    from datasets import load_dataset

    spider = load_dataset(SPIDER_NAME, split="train")
    print(_write(options.output / SPIDER_FILE, gzip.open, spider_rows(spider, tables)), "questions of Spider")
    wikisql = load_dataset(WIKISQL_NAME, revision=WIKISQL_REVISION)
    rows = (
        row for ours, name in (("train", "train"), ("dev", "validation")) for row in wikisql_rows(wikisql[name], ours)
    )
    print(_write(options.output / WIKISQL_FILE, lzma.open, rows), "questions of WikiSQL")
    return 0


if __name__ == "__main__":
    sys.exit(main())
