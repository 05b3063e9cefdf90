"""The data sets as their hubs have them, in the form that training reads."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from text_to_sql.data import download
from text_to_sql.data.download import spider_rows, wikisql_rows
from text_to_sql.data.spider import load_spider
from text_to_sql.data.wikisql import load_wikisql

TABLES = [
    {
        "db_id": "zoo",
        "table_names_original": ["animal", "Keeper List"],
        "column_names_original": [[-1, "*"], [0, "Name"], [0, "age"], [1, "id"]],
        "column_types": ["text", "text", "number", "number"],
    }
]
QUESTIONS = [
    {"db_id": "zoo", "question": "Who is  called Leo?", "query": 'SELECT age FROM animal AS T1 WHERE T1.name = "Leo"'},
    {"db_id": "zoo", "question": "Broken?", "query": "SELECT missing FROM animal"},
    {"db_id": "zoo", "question": "Worse?", "query": "SELECT FROM"},
]
WIKISQL = [
    {
        "question": "Which player scored over 3?",
        "table": {
            "id": "1-10-2",
            "header": ["Player", "Points (2005)", "2nd", "Player"],
            "types": ["text", "real", "text", "text"],
        },
        "sql": {
            "sel": 0,
            "agg": 3,
            "conds": {"column_index": [1, 2], "operator_index": [1, 0], "condition": ["3", "it's"]},
        },
    }
]


def test_spider_gets_a_schema_canonical_sql_and_single_quotes() -> None:
    [row] = spider_rows(QUESTIONS, TABLES)
    assert row == {
        "db_id": "zoo",
        "schema": 'CREATE TABLE animal (Name text, age number)\nCREATE TABLE "Keeper List" (id number)',
        "question": "Who is called Leo?",
        "paraphrase": "Who is called Leo?",
        "sql": "SELECT animal.age FROM animal WHERE animal.Name = 'Leo'",
        "kind": "simple",
    }


def test_wikisql_gets_plain_names_and_a_query() -> None:
    [row] = wikisql_rows(WIKISQL, "dev")
    assert row == {
        "split": "dev",
        "schema": "CREATE TABLE t_1_10_2 (player text, points_2005 number, c_2nd text, player_3 text)",
        "question": "Which player scored over 3?",
        "sql": "SELECT COUNT(t_1_10_2.player) FROM t_1_10_2 "
        "WHERE t_1_10_2.points_2005 > 3 AND t_1_10_2.c_2nd = 'it''s'",
    }


def test_the_files_are_those_that_training_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    def load_dataset(name: str, **options: Any) -> Any:
        asked.append((name, options))
        return QUESTIONS if name == "xlangai/spider" else {"train": WIKISQL, "validation": WIKISQL}

    tables = tmp_path / "tables.json"
    tables.write_text(json.dumps(TABLES))
    with patch("datasets.load_dataset", load_dataset):
        assert download.main(["--output", str(tmp_path / "data"), "--spider-tables", str(tables)]) == 0
    assert asked == [
        ("xlangai/spider", {"split": "train"}),
        ("Salesforce/wikisql", {"revision": "refs/convert/parquet"}),
    ]
    assert len(load_spider(tmp_path / "data")) == 1
    assert len(load_wikisql(tmp_path / "data", "dev")) == 1
    assert capsys.readouterr().out == "1 questions of Spider\n2 questions of WikiSQL\n"


def test_a_missing_file_is_named_before_anything_is_fetched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert download.main(["--output", str(tmp_path), "--spider-tables", str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err
