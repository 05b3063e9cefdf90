"""Reading, splitting and renaming the training data."""

import gzip
import json
import lzma
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text_to_sql.data import (
    SPIDER_FILE,
    WIKISQL_FILE,
    Example,
    load_spider,
    load_wikisql,
    read_rows,
    rename_table,
    sample,
    split_by_database,
)

SPIDER = {
    "db_id": "zoo",
    "schema": "CREATE TABLE animal (name text)",
    "question": "Which animals?",
    "paraphrase": "Which beasts?",
    "sql": "SELECT name FROM animal",
    "kind": "simple",
}
WIKISQL = {
    "split": "train",
    "schema": "CREATE TABLE t_1_5 (name text, t_1_50 number)",
    "question": "Which?",
    "sql": "SELECT name FROM t_1_5",
}


def example(database: str) -> Example:
    return Example(database, "CREATE TABLE t (a text)", "q", "SELECT a FROM t", "simple", "test")


@pytest.mark.parametrize(
    ("name", "opener"), [("rows.jsonl", open), ("rows.jsonl.gz", gzip.open), ("rows.jsonl.xz", lzma.open)]
)
def test_json_lines_are_read_plain_or_compressed(tmp_path: Path, name: str, opener: Callable[..., Any]) -> None:
    with opener(tmp_path / name, "wt", encoding="utf-8") as file:
        file.write(json.dumps(SPIDER) + "\n" + json.dumps({"question": "é"}) + "\n")
    assert list(read_rows(tmp_path / name)) == [SPIDER, {"question": "é"}]


def test_missing_data_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"is missing: pass the folder that holds spider_train.jsonl.gz and wik"
    ):
        load_spider(tmp_path)


def test_paraphrases_join_where_they_differ(tmp_path: Path) -> None:
    rows = [SPIDER, SPIDER | {"paraphrase": "WHICH animals?"}]
    with gzip.open(tmp_path / SPIDER_FILE, "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    assert [example.question for example in load_spider(tmp_path)] == ["Which animals?"] * 2
    questions = [example.question for example in load_spider(tmp_path, paraphrases=True)]
    assert questions == ["Which animals?", "Which animals?", "Which beasts?"]


def test_one_split_of_wikisql_is_loaded(tmp_path: Path) -> None:
    with lzma.open(tmp_path / WIKISQL_FILE, "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in [WIKISQL, WIKISQL | {"split": "dev"}])
    [loaded] = load_wikisql(tmp_path, "train")
    assert (loaded.database, loaded.source) == ("t_1_5", "wikisql")


def test_a_numbered_table_gets_a_neutral_name_in_schema_and_sql() -> None:
    numbered = Example("t_1_5", WIKISQL["schema"], "q", WIKISQL["sql"], "simple", "wikisql")
    renamed = rename_table(numbered, random.Random(0))
    assert "t_1_5 " not in renamed.schema
    assert renamed.sql == f"SELECT name FROM {renamed.schema.split()[2]}"
    # Only whole names: a column that begins alike stays.
    assert "t_1_50 number" in renamed.schema


@given(names=st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=40), seed=st.integers(0, 99), data=st.data())
def test_no_database_is_on_both_sides(names: list[str], seed: int, data: st.DataObject) -> None:
    databases = len(set(names))
    if databases < 2:
        return
    held_out = data.draw(st.integers(1, databases - 1))
    training, held = split_by_database(map(example, names), held_out, seed)
    assert len(training) + len(held) == len(names)
    assert not {row.database for row in training} & {row.database for row in held}
    assert len({row.database for row in held}) == held_out


@pytest.mark.parametrize("held_out", [0, 2, 3])
def test_a_split_needs_databases_on_both_sides(held_out: int) -> None:
    with pytest.raises(ValueError, match=rf"held_out must be in \[1, 1\], got {held_out}"):
        split_by_database([example("a"), example("b")], held_out, 0)


def test_a_sample_is_without_replacement_and_at_most_all() -> None:
    rows = [example(name) for name in "abc"]
    assert len(set(map(id, sample(rows, 2, random.Random(0))))) == 2
    assert sorted(row.database for row in sample(rows, 9, random.Random(0))) == ["a", "b", "c"]
