"""Tables of a record of accuracies, on figures that can be counted by hand."""

from typing import Any

import pytest

from text_to_sql.scoring.tables import accuracy_table, aids_table, compare, gain, halves, kinds_table, seconds_for_1000


def run(way: str, correct: str, name: str = "spider", **figures: Any) -> dict[str, Any]:
    return {
        "set": name,
        "way": way,
        "databases": 2,
        "kinds": "ssjjnnss",
        "correct": correct,
        "executes": "11111110",
        "output_tokens": 80,
        "seconds": {"engine_start": 99.0, "generation": 3.0, "scoring": 1.0},
        **figures,
    }


RECORD = {
    "runs": [
        run("template", "10000000"),
        run("untrained base", "00000000"),
        run("greedy", "11000011"),
        run("votes", "11100011", output_tokens=400),
        run("all aids", "11111111", executes="11111111", seconds={"generation": 12.0, "scoring": 4.0}),
        run("template", "00000000", "bookshop"),
        run("untrained base", "00000000", "bookshop"),
        run("greedy", "11110000", "bookshop"),
        run("all aids", "11111110", "bookshop"),
    ]
}


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_each_set_has_a_row_with_shares_and_intervals() -> None:
    header, _, *body = rows(accuracy_table(RECORD))
    assert header == ["", "questions", "databases", "template", "untrained base", "greedy", "all aids"]
    assert body == [
        ["schemas of Spider's kind", "8", "2", "12.5 %", "0.0 %", "50.0 % (22 – 78)", "100.0 % (68 – 100)"],
        ["the course's bookshop", "8", "2", "0.0 %", "0.0 %", "50.0 % (22 – 78)", "87.5 % (53 – 98)"],
    ]


def test_a_way_that_was_not_tried_is_a_dash() -> None:
    partly = {"runs": [one for one in RECORD["runs"] if (one["set"], one["way"]) != ("bookshop", "all aids")]}
    assert rows(accuracy_table(partly))[-1][-2:] == ["50.0 % (22 – 78)", "–"]


def test_kinds_are_told_apart() -> None:
    _, _, *body = rows(kinds_table(RECORD))
    assert body == [
        ["one table", "4", "100.0 %", "75.0 %", "100.0 %", "100.0 %"],
        ["joins", "2", "0.0 %", "100.0 %", "100.0 %", "100.0 %"],
        ["nested, set operations", "2", "0.0 %", "100.0 %", "100.0 %", "100.0 %"],
        ["all", "8", "50.0 %", "87.5 %", "100.0 %", "100.0 %"],
    ]


def test_each_aid_has_its_gain_and_its_cost() -> None:
    _, _, *body = rows(aids_table(RECORD))
    assert body == [
        ["greedy", "50.0 %", "87.5 %", "", "10.0", "500"],
        ["votes", "62.5 %", "87.5 %", "1", "50.0", "500"],
        ["all aids", "100.0 %", "100.0 %", "0.12", "10.0", "2000"],
    ]


def test_two_runs_are_compared_question_by_question() -> None:
    assert compare(run("a", "11110000"), run("b", "00001111")) == 1
    assert compare(run("a", "11111110"), run("b", "00000000")) == pytest.approx(2 / 2**7)
    assert gain(RECORD) == pytest.approx(2 / 2**4)


def test_the_start_of_the_engine_is_left_out_of_the_time() -> None:
    assert seconds_for_1000(RECORD["runs"][0]) == 500


def test_halves_are_every_second_question() -> None:
    record = {"runs": [run("greedy", "10101110", "bookshop"), run("all aids", "00000000", "bookshop")]}
    assert halves(record) == ("100.0 %", "25.0 %")
