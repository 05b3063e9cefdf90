"""What an answer is worth."""

import pytest

from text_to_sql.data import Example
from text_to_sql.executable_rate import Verdict, judge_all, percentages

EXAMPLE = Example(
    "zoo", 'CREATE TABLE animal (name text, "Home Town" text)', "q", "SELECT name FROM animal", "simple", "x"
)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("SELECT name FROM animal", Verdict(parses=True, executes=True, exact=True)),
        ('SELECT "Home Town" FROM animal', Verdict(parses=True, executes=True, exact=False)),
        ("SELECT age FROM animal", Verdict(parses=True, executes=False, exact=False)),
        ("DROP TABLE animal", Verdict(parses=False, executes=False, exact=False)),
        ("There are 3 animals.", Verdict(parses=False, executes=False, exact=False)),
    ],
)
def test_an_answer_is_judged_on_an_empty_database(answer: str, verdict: Verdict) -> None:
    assert judge_all([answer], [EXAMPLE]) == [verdict]


def test_percentages_are_over_all_answers() -> None:
    verdicts = judge_all(["SELECT name FROM animal", "SELECT 1", "x", ""], [EXAMPLE] * 4)
    assert percentages(verdicts) == {"parses": 50.0, "executes": 50.0, "exact": 25.0}
