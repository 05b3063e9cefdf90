"""Cases, verdicts, and how sure a share is."""

import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text_to_sql.scoring.cases import Case, CaseError, database_paths, load_cases
from text_to_sql.scoring.score import DatabaseScorer, score
from text_to_sql.scoring.scored_set import batches
from text_to_sql.scoring.statistics import Share, mcnemar_p
from text_to_sql.scoring.variants import make_variants

CASE = {"db_id": "shop", "question": "Which items?", "sql": "SELECT name FROM item WHERE price > 5"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, name text, price number, maker text)")
        items = [(f"item {index % 17}", index, "abc"[index % 3]) for index in range(1, 41)]
        connection.executemany("INSERT INTO item (name, price, maker) VALUES (?, ?, ?)", items)
    return path


@pytest.fixture
def scorer(shop: Path, tmp_path: Path) -> Iterator[DatabaseScorer]:
    golds = ["SELECT name FROM item WHERE price > 5", "SELECT name FROM item ORDER BY price DESC LIMIT 5"]
    with DatabaseScorer([shop, *make_variants(shop, golds, tmp_path, seed=0)]) as opened:
        yield opened


def case(sql: str) -> Case:
    return Case("shop", "q", sql, "cases.jsonl, line 7")


@pytest.mark.parametrize(
    ("gold", "prediction", "executes", "correct"),
    [
        ("SELECT name FROM item WHERE price > 5", "select i.NAME from item i where 5 < i.price", True, True),
        ("SELECT name FROM item WHERE price > 5", "```sql\nSELECT name FROM item WHERE price > 5\n```", True, True),
        ("SELECT name FROM item WHERE price > 5", "SELECT name FROM item WHERE price >= 6", True, True),
        ("SELECT name FROM item WHERE price > 5", "SELECT name FROM item WHERE price >= 5", True, False),
        ("SELECT name FROM item WHERE price > 5", "SELECT DISTINCT name FROM item WHERE price > 5", True, False),
        ("SELECT name, price FROM item", "SELECT price, name FROM item", True, True),
        (
            "SELECT name FROM item ORDER BY price DESC LIMIT 5",
            "SELECT name FROM item ORDER BY price LIMIT 5",
            True,
            False,
        ),
        ("SELECT name FROM item", "SELECT name FROM item ORDER BY name", True, True),
        ("SELECT COUNT(*) FROM item", "SELECT 40", True, False),
        ("SELECT name FROM item", "SELECT absent FROM item", False, False),
        ("SELECT name FROM item", "DROP TABLE item", False, False),
        ("SELECT name FROM item", "I do not know.", False, False),
        ("SELECT name FROM item", "", False, False),
        ("SELECT name FROM item", "SELECT a.name FROM item a, item b, item c", False, False),
        ('SELECT name FROM item WHERE maker = "a"', "SELECT name FROM item WHERE maker = 'a'", True, True),
        ('SELECT name FROM item WHERE maker = "a"', 'SELECT name FROM item WHERE maker = "a"', False, False),
    ],
)
def test_verdicts(scorer: DatabaseScorer, gold: str, prediction: str, executes: bool, correct: bool) -> None:
    verdict = scorer.score(case(gold), prediction)
    assert (verdict.executes, verdict.correct) == (executes, correct), verdict
    assert (verdict.error is None) == correct


def test_a_verdict_says_what_is_wrong(scorer: DatabaseScorer) -> None:
    gold = case("SELECT COUNT(*) FROM item")
    assert scorer.score(gold, "SELECT 40").error is not None
    assert "Another result than the gold's on variant 1." in str(scorer.score(gold, "SELECT 40").error)
    assert scorer.score(gold, "SELECT 41").error == "Another result than the gold's on the database."
    assert "Refused (SELECT only)" in str(scorer.score(gold, "DROP TABLE item").error)
    many = "SELECT a.name FROM item a, item b, item c"
    assert scorer.score(gold, many).error == "The result has more rows than are allowed."


def test_a_query_that_never_ends_is_wrong(shop: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n"
    verdict = score(case("SELECT name FROM item"), endless, [shop])
    assert not verdict.executes
    assert "time limit" in str(verdict.error)


def test_a_variant_on_which_the_gold_is_empty_is_skipped(shop: Path, tmp_path: Path) -> None:
    empty, without = tmp_path / "empty.sqlite", tmp_path / "without.sqlite"
    for path, statement in [(empty, "CREATE TABLE item (name, price)"), (without, "CREATE TABLE other (x)")]:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(statement)
    assert score(case("SELECT name FROM item"), "SELECT name FROM item", [shop, empty, without]).correct
    assert not score(case("SELECT name FROM item"), "SELECT price FROM item", [shop, empty, without]).correct


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (
            "SELECT absent FROM item",
            "cases.jsonl, line 7: the gold cannot be run on shop: SQLite cannot run this: no such",
        ),
        ("SELECT name FROM item WHERE price > 99", "cases.jsonl, line 7: the gold returns no rows on shop, as a wrong"),
        (
            "SELECT a.id FROM item a, item b, item c",
            "cases.jsonl, line 7: the gold returns more than 10,000 rows on shop",
        ),
        ("SELEKT", "cases.jsonl, line 7: the gold cannot be run on shop"),
    ],
)
def test_a_gold_that_nothing_can_be_judged_by_is_an_error(scorer: DatabaseScorer, sql: str, message: str) -> None:
    with pytest.raises(CaseError, match=message):
        scorer.check(case(sql))
    with pytest.raises(CaseError, match=message):
        scorer.score(case(sql), "SELECT name FROM item")


def test_cases_keep_what_else_their_lines_have(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(f"\n{json.dumps(CASE | {'topic': 'prices'})}\n\n{json.dumps(CASE)}\n")
    first, second = load_cases(path)
    assert (first.place, first.extra) == ("cases.jsonl, line 2", {"topic": "prices"})
    assert (second.place, second.key) == ("cases.jsonl, line 4", ("shop", "Which items?"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"cases\.jsonl has no case: each line must be a JSON object with db_id, question, sql\."),
        ("{}\n", r"cases\.jsonl, line 1: db_id must be a text, got null\."),
        (f"{json.dumps(CASE)}\nnot json\n", r"cases\.jsonl, line 2: this is no JSON object: Expecting value"),
        ("[1]\n", r"cases\.jsonl, line 1: expected a JSON object, got \[1\]"),
        (json.dumps(CASE | {"sql": 1}), r"cases\.jsonl, line 1: sql must be a text, got 1\."),
        (json.dumps(CASE | {"question": " "}), r"cases\.jsonl, line 1: question must not be empty\."),
        (
            json.dumps(CASE | {"db_id": "../shop"}),
            r"cases\.jsonl, line 1: db_id must be a plain name, got '\.\./shop'\.",
        ),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(text)
    with pytest.raises(CaseError, match=message):
        load_cases(path)


def test_missing_files_are_named(tmp_path: Path, shop: Path) -> None:
    with pytest.raises(CaseError, match=r"none\.jsonl cannot be read: .*No such file"):
        load_cases(tmp_path / "none.jsonl")
    known, unknown = case("SELECT 1"), Case("bar", "q", "SELECT 1", "cases.jsonl, line 9")
    assert database_paths([known, known], tmp_path) == {"shop": shop}
    with pytest.raises(CaseError, match=r"cases\.jsonl, line 9: there is no database .*bar\.sqlite"):
        database_paths([known, unknown], tmp_path)


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    [(81, 263, 25.53, 36.62), (15, 148, 6.24, 16.05), (0, 20, 0.0, 16.11), (1, 29, 0.61, 17.18), (20, 20, 83.89, 100)],
)
def test_wilson_interval(count: int, total: int, low: float, high: float) -> None:
    assert Share(count, total).interval == pytest.approx((low, high), abs=0.005)


@given(st.integers(1, 2_000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_an_interval_holds_its_share(numbers: tuple[int, int]) -> None:
    share = Share(*numbers)
    low, high = share.interval
    assert 0 <= low <= share.percent + 1e-9
    assert share.percent - 1e-9 <= high <= 100


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 5, 1.0), (0, 6, 2 / 64), (8, 1, 20 / 512), (2, 9, 134 / 2048)],
)
def test_mcnemar_p(first: int, second: int, expected: float) -> None:
    assert mcnemar_p(first, second) == pytest.approx(expected)
    assert mcnemar_p(second, first) == mcnemar_p(first, second)


def test_mcnemar_p_of_many_questions_is_near_the_normal_approximation() -> None:
    statistic = (abs(300 - 220) - 1) / math.sqrt(520)
    assert mcnemar_p(300, 220) == pytest.approx(math.erfc(statistic / math.sqrt(2)), rel=0.05)


@pytest.mark.parametrize(
    ("count", "total", "message"), [(0, 0, "total must be at least 1"), (3, 2, "in .0, 2., got 3")]
)
def test_shares_of_nothing_or_of_more_than_all_are_refused(count: int, total: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Share(count, total)


def test_mcnemar_refuses_negative_counts() -> None:
    with pytest.raises(ValueError, match="counts must be at least 0, got -1 and 2"):
        mcnemar_p(-1, 2)


@given(
    db_ids=st.lists(st.sampled_from("abcdef"), max_size=40),
    most_cases=st.integers(1, 9),
    most_databases=st.integers(1, 4),
)
def test_batches_hold_every_case_once_and_close_only_when_full(
    db_ids: list[str], most_cases: int, most_databases: int
) -> None:
    cases = [Case(db_id, f"{number}?", "SELECT 1") for number, db_id in enumerate(db_ids)]
    found = list(batches(cases, most_cases, most_databases))
    assert [case for batch in found for case in batch] == sorted(cases, key=lambda case: db_ids.index(case.db_id))
    sizes = [(len(batch), len({case.db_id for case in batch})) for batch in found]
    assert all(1 <= count <= most_cases and 1 <= names <= most_databases for count, names in sizes)
    for (count, names), after, batch in zip(sizes, found[1:], found, strict=False):
        assert count == most_cases or (names == most_databases and after[0].db_id != batch[-1].db_id)
