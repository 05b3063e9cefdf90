"""Writes cases and databases to evaluate on, of schemas that training never saw.

    python -m text_to_sql.held_out --data FOLDER --output FOLDER

Four sets, each with `<set>.jsonl` and a folder of databases `<set>/`: `spider`, 15 of Spider's training databases;
`wikisql`, tables of its dev split; `generated`, questions over the generator's held-out domains; and `bookshop`, the
reference set of the course's own domain, whose schema (but no question of the set) is part of the training data. The
first three have synthetic rows. Cases whose gold returns nothing are left out here, never when predictions are scored.
"""

import argparse
import json
import random
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from inference.atomic import atomic_folder
from text_to_sql.data.example import Example
from text_to_sql.data.files import SPIDER_FILE, WIKISQL_FILE
from text_to_sql.data.spider import load_spider, split_spider
from text_to_sql.data.wikisql import load_wikisql, rename_table
from text_to_sql.generator.generate import generate, split_domains
from text_to_sql.reference_set import load_reference_questions
from text_to_sql.sample_database import sample_database_path
from text_to_sql.schema import Schema, quoted
from text_to_sql.scoring.synthetic_rows import build_case_database

SEED = 20261123
_WIKISQL_QUESTIONS = 600
_GENERATED_QUESTIONS = 400


@dataclass(frozen=True, slots=True)
class CaseSet:
    """One set: its cases as JSON objects, and how many were left out since their gold is empty."""

    cases: list[dict[str, str]]
    empty: int


def write_sets(data: Path, output: Path) -> dict[str, CaseSet]:
    """Writes all four sets and returns them by name.

    Raises:
        FileNotFoundError: the data is missing.
        FileExistsError: `output` exists.
    """
    _, spider = split_spider(load_spider(data))
    wikisql = load_wikisql(data, "dev", _WIKISQL_QUESTIONS, SEED)
    _, domains = split_domains()
    generated = generate(_GENERATED_QUESTIONS, domains, SEED, questions_per_database=40)
    with atomic_folder(output) as folder:
        return {
            "spider": write_set(folder, "spider", by_database(spider)),
            "wikisql": write_set(folder, "wikisql", _renamed(wikisql)),
            "generated": write_set(folder, "generated", {f"{g[0].database}_{n}": g for n, g in enumerate(generated)}),
            "bookshop": write_bookshop(folder),
        }


def by_database(examples: Iterable[Example]) -> dict[str, list[Example]]:
    """Returns the examples of each database, in their order."""
    groups = defaultdict(list)
    for example in examples:
        groups[example.database].append(example)
    return dict(groups)


def _renamed(examples: Sequence[Example]) -> dict[str, list[Example]]:
    """Gives each numbered table a neutral name, the same for all of its questions."""
    return {
        name: [rename_table(example, random.Random(name)) for example in group]
        for name, group in by_database(examples).items()
    }


def write_set(output: Path, name: str, groups: Mapping[str, Sequence[Example]]) -> CaseSet:
    """Writes `<name>.jsonl` and `<name>/<db_id>.sqlite` with synthetic rows, and returns the set.

    Args:
        output: folder of all sets.
        name: of the set.
        groups: examples over one schema, by `db_id`.
    """
    folder = output / name
    folder.mkdir(parents=True, exist_ok=True)
    cases, empty = [], 0
    for db_id, examples in tqdm(groups.items(), desc=name, unit=" databases"):
        golds = [example.sql for example in examples]
        built = build_case_database(_ddl(examples[0].schema), golds, folder / f"{db_id}.sqlite", SEED)
        for example, is_non_empty in zip(examples, built.non_empty, strict=True):
            empty += not is_non_empty
            if is_non_empty:
                cases.append({"db_id": db_id, "question": example.question, "sql": example.sql, "kind": example.kind})
    (output / f"{name}.jsonl").write_text(_lines(cases), encoding="utf-8")
    return CaseSet(cases, empty)


def write_bookshop(output: Path) -> CaseSet:
    """Writes the reference set beside a copy of the sample database."""
    folder = output / "bookshop"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(sample_database_path(), folder / "bookshop.sqlite")
    cases = [
        {"db_id": one.db_id, "question": one.question, "sql": one.sql, "kind": one.kind, "topic": one.topic}
        for one in load_reference_questions()
    ]
    (output / "bookshop.jsonl").write_text(_lines(cases), encoding="utf-8")
    return CaseSet(cases, 0)


def _ddl(schema: Schema) -> str:
    return "\n".join(
        f"CREATE TABLE {quoted(table.name)} ({', '.join(f'{quoted(one.name)} {one.type}' for one in table.columns)})"
        for table in schema.tables
    )


def _lines(cases: Iterable[Mapping[str, str]]) -> str:
    return "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0 written, 2 bad usage."""
    parser = argparse.ArgumentParser(prog="python -m text_to_sql.held_out", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help=f"folder that holds {SPIDER_FILE} and {WIKISQL_FILE}")
    parser.add_argument("--output", type=Path, required=True, help="folder that gets the sets")
    options = parser.parse_args(arguments)
    try:
        sets = write_sets(options.data, options.output)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for name, one in sets.items():
        databases = len({case["db_id"] for case in one.cases})
        print(f"{name:10} {len(one.cases):5} cases on {databases:4} databases, {one.empty} left out (empty gold)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
