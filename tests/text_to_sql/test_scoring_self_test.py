"""The scorer's own test: what it makes of golds, and what it says."""

import json
import random
from pathlib import Path

import pytest

from text_to_sql.schema import parse_schema
from text_to_sql.scoring import self_test
from text_to_sql.scoring.compare import same_result
from text_to_sql.scoring.mutations import mutations
from text_to_sql.scoring.respellings import respellings
from text_to_sql.scoring.synthetic_rows import build_case_database

DDL = """CREATE TABLE city (city_id number, name text, people number)
CREATE TABLE trip (trip_id number, city_id number, price number)"""
SCHEMA = parse_schema(DDL)
GOLDS = [
    "SELECT name, people FROM city WHERE people > 500 AND name <> 'Rome'",
    "SELECT DISTINCT name FROM city AS T1 JOIN trip AS T2 ON T1.city_id = T2.city_id WHERE T2.price >= 40",
    "SELECT name, COUNT(*) FROM city GROUP BY name HAVING COUNT(*) > 2 ORDER BY COUNT(*) DESC",
    "SELECT name FROM city EXCEPT SELECT name FROM city WHERE people = 7",
    "SELECT name FROM city ORDER BY people DESC LIMIT 3",
    "SELECT AVG(price), MAX(price) FROM trip WHERE price < 90 OR price > 400",
]


def changes(sql: str) -> dict[str, str]:
    return dict(mutations(sql, SCHEMA, random.Random(0)))


def test_wrong_neighbours_change_one_thing() -> None:
    found = changes("SELECT name FROM city WHERE people > 500")
    assert found["> for >=, < for <="] == "SELECT name FROM city WHERE people >= 500"
    assert found["comparison reversed"] == "SELECT name FROM city WHERE people < 500"
    assert found["condition dropped"] == "SELECT name FROM city"
    assert found["number off by one"] in [f"SELECT name FROM city WHERE people > {number}" for number in (499, 501)]
    assert found["DISTINCT dropped or added"] == "SELECT DISTINCT name FROM city WHERE people > 500"
    assert found["other column"] in [f"SELECT {name} FROM city WHERE people > 500" for name in ("city_id", "people")]
    assert len(found) == 6


def test_each_clause_has_its_change() -> None:
    found = changes("SELECT name, MAX(people) FROM city GROUP BY name ORDER BY name LIMIT 3")
    assert found["aggregate swapped"] == "SELECT name, MIN(people) FROM city GROUP BY name ORDER BY name LIMIT 3"
    assert found["ORDER BY dropped"] == "SELECT name, MAX(people) FROM city GROUP BY name LIMIT 3"
    assert found["GROUP BY dropped"] == "SELECT name, MAX(people) FROM city ORDER BY name LIMIT 3"
    assert found["order reversed"].startswith("SELECT name, MAX(people) FROM city GROUP BY name ORDER BY name DESC")
    assert found["LIMIT off by one"] == "SELECT name, MAX(people) FROM city GROUP BY name ORDER BY name LIMIT 4"
    assert "DISTINCT dropped or added" not in found
    joined = changes("SELECT name FROM city JOIN trip ON trip.city_id = city.city_id")
    assert joined["LEFT JOIN for JOIN"] == "SELECT name FROM city LEFT JOIN trip ON trip.city_id = city.city_id"
    combined = changes(GOLDS[3])
    assert combined["set operation swapped"] == GOLDS[3].replace("EXCEPT", "INTERSECT")
    counted = changes("SELECT COUNT(DISTINCT name) FROM city WHERE people = 1 AND name = 'a'")
    assert counted["COUNT DISTINCT dropped or added"].startswith("SELECT COUNT(name) FROM")
    assert counted["AND for OR"].endswith("WHERE people = 1 OR name = 'a'")


def test_respellings_are_spelt_otherwise() -> None:
    found = dict(respellings(GOLDS[0], SCHEMA))
    assert found["lower case"] == "select name, people from city where people > 500 and name <> 'Rome'"
    assert found["columns swapped"].startswith("SELECT people, name FROM")
    assert found["every column with its table"].startswith("SELECT city.name AS name, city.people AS people FROM city")
    assert "\n" in found["other white space"]
    assert len(set(found.values())) == 6


@pytest.mark.parametrize(
    "sql", ["SELECT name FROM city", "SELECT * FROM city", "SELECT name, people FROM city ORDER BY 2"]
)
def test_columns_that_cannot_be_swapped_are_not(sql: str) -> None:
    assert "columns swapped" not in dict(respellings(sql, SCHEMA))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    build_case_database(DDL, GOLDS, tmp_path / "travel.sqlite", seed=0)
    lines = [
        {"db_id": "travel", "question": f"How many cities {index}?", "sql": sql} for index, sql in enumerate(GOLDS)
    ]
    (tmp_path / "cases.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return tmp_path


def test_golds_pass_and_wrong_neighbours_do_not(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--cases", str(folder / "cases.jsonl"), "--databases", str(folder)]
    assert self_test.main(arguments) == 0
    lines = {
        line.split("│")[1].strip(): line.split("│")[2:5] for line in capsys.readouterr().out.splitlines() if "│" in line
    }
    assert [cell.strip() for cell in lines["the same text"]] == ["6", "100.0 %", "100.0 %"]
    assert float(lines["all"][2].strip().removesuffix(" %")) < 10
    assert "template" in lines


def test_a_scorer_that_ignores_columns_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def names_count(gold: object, predicted: object, ranks: object = None) -> bool:
        return gold.columns == predicted.columns and same_result(gold, predicted, ranks)

    monkeypatch.setattr("text_to_sql.scoring.score.same_result", names_count)
    arguments = ["--cases", str(folder / "cases.jsonl"), "--databases", str(folder), "--variants", "0", "--show", "1"]
    assert self_test.main(arguments) == 1
    assert "columns swapped\n  SELECT name, people FROM city" in capsys.readouterr().out


def test_missing_cases_are_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert self_test.main(["--cases", str(folder / "none"), "--databases", str(folder)]) == 2
    assert "error: " in capsys.readouterr().err
