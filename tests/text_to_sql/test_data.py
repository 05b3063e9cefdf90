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

from text_to_sql.data.example import Example, sample, split_by_database
from text_to_sql.data.files import SPIDER_FILE, WIKISQL_FILE, read_rows
from text_to_sql.data.leakage import leaked_databases
from text_to_sql.data.spider import HELD_OUT_DATABASES, load_spider, split_spider
from text_to_sql.data.wikisql import load_wikisql, merge_tables, rename_table
from text_to_sql.schema import parse_schema
from text_to_sql.values import ValueMatch

SPIDER = {
    "db_id": "zoo",
    "schema": "CREATE TABLE animal (id number, name text, keeper number)\nCREATE TABLE person (nr number, name text)",
    "question": "Which animals does Ann keep?",
    "paraphrase": "Which beasts does Ann keep?",
    "sql": "SELECT T1.name FROM animal AS T1 JOIN person AS T2 ON T1.keeper = T2.nr WHERE T2.name = 'Ann'",
    "kind": "join",
}
WIKISQL = {
    "split": "train",
    "schema": "CREATE TABLE t_1_5 (name text, t_1_50 number)",
    "question": "Which t has Ann?",
    "sql": "SELECT t_1_50 FROM t_1_5 WHERE name = 'ann'",
}


def example(database: str, schema: str = "CREATE TABLE t (a text)") -> Example:
    return Example(database, parse_schema(schema), "q", "SELECT t.a FROM t", "simple", "test")


def write_spider(folder: Path, rows: list[dict[str, str]]) -> None:
    with gzip.open(folder / SPIDER_FILE, "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def write_wikisql(folder: Path, rows: list[dict[str, str]]) -> None:
    with lzma.open(folder / WIKISQL_FILE, "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


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


def test_spider_has_canonical_sql_the_joins_as_keys_and_the_cells_that_its_queries_name(tmp_path: Path) -> None:
    write_spider(tmp_path, [SPIDER])
    [loaded] = load_spider(tmp_path)
    assert loaded.sql == (
        "SELECT animal.name FROM animal JOIN person ON animal.keeper = person.nr WHERE person.name = 'Ann'"
    )
    [key] = loaded.schema.foreign_keys
    assert (key.table, key.column, key.parent_table, key.parent_column) == ("animal", "keeper", "person", "nr")
    assert loaded.values == (ValueMatch("person", "name", "Ann"),)
    assert (loaded.database, loaded.kind, loaded.source) == ("zoo", "join", "spider")


def test_paraphrases_join_where_they_differ_and_are_never_held_out(tmp_path: Path) -> None:
    rows = [SPIDER, SPIDER | {"paraphrase": "WHICH animals does Ann keep?"}]
    write_spider(tmp_path, rows)
    assert [one.question for one in load_spider(tmp_path)] == [SPIDER["question"]] * 2
    assert [one.question for one in load_spider(tmp_path, paraphrases=True)][2:] == [SPIDER["paraphrase"]]
    write_spider(tmp_path, [SPIDER | {"db_id": f"zoo{number}"} for number in range(HELD_OUT_DATABASES + 2)])
    training, held_out = split_spider(load_spider(tmp_path, paraphrases=True))
    assert (len(training), len(held_out)) == (4, HELD_OUT_DATABASES)
    assert not any(one.paraphrased for one in held_out)


def test_one_split_of_wikisql_is_loaded(tmp_path: Path) -> None:
    write_wikisql(tmp_path, [WIKISQL, WIKISQL | {"split": "dev"}])
    [loaded] = load_wikisql(tmp_path, "train")
    assert (loaded.database, loaded.source) == ("t_1_5", "wikisql")
    assert loaded.sql == "SELECT t_1_5.t_1_50 FROM t_1_5 WHERE t_1_5.name = 'ann'"
    assert loaded.values == (ValueMatch("t_1_5", "name", "ann"),)
    with pytest.raises(ValueError, match="split must be 'train' or 'dev', got 'test'"):
        load_wikisql(tmp_path, "test")


def test_tables_of_wikisql_are_drawn_whole_until_there_are_enough_questions(tmp_path: Path) -> None:
    rows = [
        {**WIKISQL, "schema": f"CREATE TABLE t_{n} (name text, b number)", "sql": f"SELECT b FROM t_{n}"}
        for n in range(6)
        for _ in range(3)
    ]
    write_wikisql(tmp_path, rows)
    drawn = load_wikisql(tmp_path, "train", count=4, seed=1)
    assert [len([one for one in drawn if one.database == name]) for name in {one.database for one in drawn}] == [3, 3]
    assert drawn == load_wikisql(tmp_path, "train", count=4, seed=1)
    assert any(drawn != load_wikisql(tmp_path, "train", count=4, seed=seed) for seed in range(2, 6))


def numbered(name: str) -> Example:
    schema = parse_schema(f"CREATE TABLE {name} (a text, {name}0 number)")
    sql = f"SELECT {name}.{name}0 FROM {name} WHERE {name}.a = 'x'"
    return Example(name, schema, "q", sql, "simple", "wikisql", (ValueMatch(name, "a", "x"),))


def test_a_numbered_table_gets_a_neutral_name_in_schema_sql_and_values() -> None:
    renamed = rename_table(numbered("t_1_5"), random.Random(0))
    [table] = renamed.schema.tables
    assert table.name != "t_1_5"
    # Only whole names: a column that begins alike stays.
    assert renamed.sql == f"SELECT {table.name}.t_1_50 FROM {table.name} WHERE {table.name}.a = 'x'"
    assert renamed.values == (ValueMatch(table.name, "a", "x"),)


def test_merged_tables_stand_in_one_schema_that_all_their_questions_share() -> None:
    merged = merge_tables([[numbered("t_1_5")] * 2, [numbered("t_2_7")]], random.Random(3))
    assert len(merged) == 3
    assert len({id(one.schema) for one in merged}) == 1
    names = [table.name for table in merged[0].schema.tables]
    assert len(set(names)) == 2
    assert sorted(one.values[0].table for one in merged) == sorted([names[0], names[0], names[1]])


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


TWO_TABLES = "CREATE TABLE t (a text, b text)\nCREATE TABLE u (c text)"


@pytest.mark.parametrize(
    ("schema", "leaks"),
    [
        (TWO_TABLES, True),
        ("CREATE TABLE V (C text)\nCREATE TABLE w (B text, a number)", True),
        ("CREATE TABLE t (a text, b text)\nCREATE TABLE u (d text)", False),
        ("CREATE TABLE t (a text, b text)", False),
    ],
)
def test_a_renamed_copy_of_a_training_database_is_found(schema: str, leaks: bool) -> None:
    found = leaked_databases([example("known", TWO_TABLES)], [example("other", schema)])
    assert found == (["other"] if leaks else [])


def test_a_database_of_the_same_name_is_found_and_a_tiny_table_alone_is_not() -> None:
    training = [example("known", "CREATE TABLE t (a text, b text)")]
    assert leaked_databases(training, [example("known")]) == ["known"]
    assert leaked_databases(training, [example("other", "CREATE TABLE u (b text, a text)")]) == []
