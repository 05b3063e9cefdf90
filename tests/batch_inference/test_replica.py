"""One replica, without Ray and without a model."""

import os
from dataclasses import asdict, replace

import pytest

from batch_inference.answers import Format
from batch_inference.input_files import scan
from batch_inference.output_folder import OutputFolder
from batch_inference.replica import Outcome, Replica, ReplicaSettings
from batch_inference.rows import RowRules, Task
from inference.errors import MemoryBudgetError
from inference.sampling import SamplingOptions
from tests.batch_inference.fake_engine import ENDS_THE_ENGINE, IS_A_BUG, TOO_LONG, start
from tests.batch_inference.job_files import answers_of, question, write_json_lines
from text_to_sql.sample_database import sample_database_path
from text_to_sql.scoring.predict import AskingOptions


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.delenv("FAKE_ENGINE_STARTS", raising=False)
    (tmp_path / "out").mkdir()
    return ReplicaSettings(
        "no model", {}, {}, RowRules(Task.CHAT, ("sql",), tmp_path), SamplingOptions(), AskingOptions(),
        OutputFolder(tmp_path / "out", Format.JSON_LINES), 0, start,
    )  # fmt: skip


def ask(settings, rows, replica=None) -> Outcome:
    path = write_json_lines(settings.output.path.parent / "in.jsonl", rows)
    [part] = scan("in.jsonl", path, 100).parts
    return Outcome(**(replica or Replica(settings))({"number": 0} | asdict(part)))


def test_every_row_has_an_answer_or_an_error_in_its_place(settings):
    rows = [
        question("one"),
        "no JSON",
        question(f"{TOO_LONG} this", id="mine"),
        question("two", adapter="base"),
        {"id": 9},
    ]
    outcome = ask(settings, rows)
    assert (outcome.number, outcome.rows, outcome.errors, outcome.failure) == (0, 5, 3, "")
    assert outcome.began_s <= outcome.ended_s
    assert outcome.memory_bytes > 2**20
    assert outcome.replica.endswith(f":{os.getpid()}")
    answers = answers_of(settings.output.path)
    assert [answer["id"] for answer in answers] == ["in.jsonl:1", "in.jsonl:2", "mine", "in.jsonl:4", "9"]
    assert [answer["text"] for answer in answers] == ["ONE", None, None, "TWO", None]
    assert [answer["adapter"] for answer in answers] == ["sql", None, None, "base", None]
    assert answers[2]["error"] == "The prompt has 9,999 tokens."
    assert answers[4]["error"].startswith("messages must be a list")


def test_a_part_of_errors_alone_asks_nobody(settings):
    assert ask(settings, [question(TOO_LONG), "no JSON"]).errors == 2


def test_rows_of_one_part_are_one_call(settings):
    replica = Replica(settings)
    ask(settings, [question("one"), question("two", adapter="base")], replica)
    assert replica._llm.calls == [["sql", None]]


def test_an_engine_that_has_ended_is_started_again(settings):
    outcome = ask(settings, [question(ENDS_THE_ENGINE)])
    assert (outcome.rows, outcome.failure) == (1, "")
    assert os.environ["FAKE_ENGINE_STARTS"] == "2"


def test_a_bug_costs_its_part_alone(settings):
    replica = Replica(settings)
    outcome = ask(settings, [question(IS_A_BUG)], replica)
    assert (outcome.rows, outcome.failure, outcome.is_final) == (
        0,
        "in.jsonl from row 1 on: KeyError: 'no such thing'",
        False,
    )
    assert settings.output.done() == set()
    assert ask(settings, [question("one")], replica).rows == 1


def test_a_part_that_ended_its_process_each_time_is_left_out(settings):
    assert [settings.output.count_try(0), settings.output.count_try(0)] == [1, 2]
    outcome = ask(settings, [question("one")])
    assert outcome.failure == (
        "The replica's process ended each of the 2 times that it answered in.jsonl from row 1 on: see Ray's log."
    )
    assert settings.output.done() == set()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MemoryBudgetError("The memory is full."), "The memory is full."),
        (RuntimeError("no driver"), "The engine did not start. RuntimeError: no driver"),
    ],
)
def test_an_engine_that_does_not_start_ends_the_job(settings, error, text):
    def refuse(settings):
        raise error

    outcome = ask(replace(settings, start_engine=refuse), [question("one")])
    assert (outcome.failure, outcome.is_final) == (text, True)


def test_an_engine_that_does_not_start_again_ends_the_job(settings):
    def start_once(settings):
        if "FAKE_ENGINE_STARTS" in os.environ:
            raise MemoryBudgetError("The memory is full.")
        return start(settings)

    replica = Replica(replace(settings, start_engine=start_once))
    outcome = ask(settings, [question(ENDS_THE_ENGINE)], replica)
    assert (outcome.failure, outcome.is_final) == ("The memory is full.", True)


def test_half_a_surrogate_pair_costs_no_other_row_its_answer(settings):
    outcome = ask(settings, ['{"id": "\\ud800", "messages": 5}', question("one")])
    assert (outcome.rows, outcome.errors, outcome.failure) == (2, 1, "")
    assert answers_of(settings.output.path)[0]["id"] == "\\ud800"


def test_a_question_about_no_database_costs_no_other_row_its_answer(settings, tmp_path):
    settings = replace(settings, rules=RowRules(Task.TEXT_TO_SQL, (), tmp_path))
    (tmp_path / "broken.sqlite").write_text("no database")
    rows = [
        {"question": "How many books are there?", "database": str(sample_database_path())},
        {"question": "How many?", "database": "nowhere.sqlite"},
        {"question": "How many?", "database": "broken.sqlite"},
        {"question": f"{TOO_LONG} to ask", "database": str(sample_database_path())},
    ]
    # Its answers are no SQL, which is an error of the row.
    assert ask(settings, rows).errors == 4
    errors = [answer["error"] for answer in answers_of(settings.output.path)]
    assert "There is no" in errors[1] or "does not exist" in errors[1]
    assert "broken.sqlite cannot be opened as a SQLite database" in errors[2]
    assert errors[0] != errors[1]
    assert answers_of(settings.output.path)[0]["sql"]
