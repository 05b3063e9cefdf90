"""What is found out before any engine starts."""

from pathlib import Path

import pytest

from batch_inference.errors import BatchError
from batch_inference.job import BatchJob
from batch_inference.plan import plan
from batch_inference.rows import Task
from inference.sampling import SamplingOptions
from tests.batch_inference.job_files import question, write_json_lines
from text_to_sql.sample_database import sample_database_path


def job_of(tmp_path: Path, rows, **options) -> BatchJob:
    return BatchJob((write_json_lines(tmp_path / "in.jsonl", rows),), tmp_path / "out", **options)


def test_the_first_row_tells_the_task(tmp_path):
    assert plan(job_of(tmp_path, [question("Hello")]), 1).rules.task is Task.CHAT
    rows = [{"question": "How many?"}]
    assert plan(job_of(tmp_path, rows, database=sample_database_path()), 1).rules.task is Task.TEXT_TO_SQL


@pytest.mark.parametrize(
    ("rows", "replicas", "given", "expected"),
    [(500, 2, None, 63), (500, 1, None, 125), (3, 2, None, 1), (9_000, 2, None, 1_000), (500, 2, 7, 7)],
)
def test_a_part_is_a_quarter_of_a_replicas_share(tmp_path, rows, replicas, given, expected):
    job = job_of(tmp_path, [question("Hello")] * rows, rows_per_part=given)
    planned = plan(job, replicas)
    assert planned.rows_per_part == expected
    assert planned.num_rows == rows == sum(part.rows for part in planned.parts)


def test_parts_of_questions_are_smaller(tmp_path):
    job = job_of(tmp_path, [{"question": "How many?"}] * 9_000, database=sample_database_path())
    assert plan(job, 1).rows_per_part == 256


def test_a_job_that_goes_on_keeps_its_parts(tmp_path):
    job = job_of(tmp_path, [question("Hello")] * 500)
    assert plan(job, 4, begun_with=63).rows_per_part == 63


def test_some_rows_may_be_wrong(tmp_path):
    planned = plan(job_of(tmp_path, ["no JSON", {"x": 1}, question("Hello")], task=Task.CHAT), 1)
    assert planned.num_rows == 3


@pytest.mark.parametrize(
    ("rows", "options", "text"),
    [
        ([], {}, r"The input holds no rows\."),
        (["no JSON"], {}, r"in\.jsonl:1: The line is no JSON: Expecting value"),
        ([{"text": "a", "n": 1}], {}, r"in\.jsonl:1 has the fields text, n: a row needs 'messages' \(a conversation\)"),
        ([{}], {}, r"in\.jsonl:1 has the fields none: a row needs"),
        (
            [question("a", adapter="sql")] * 200,
            {},
            r"None of the first rows can be asked \(100 were looked at\)\. in\.jsonl:1: adapter must be one of",
        ),
        (
            [{"question": "How many?", "database": "nowhere.sqlite"}],
            {},
            r"can be asked .*\. in\.jsonl:1: There is no database /.*nowhere\.sqlite; --databases gives the folder",
        ),
        (
            [{"question": "How many?"}],
            {"database": Path("nowhere.sqlite")},
            r"There is no database /.*nowhere\.sqlite\.",
        ),
        ([question("a")], {"task": Task.TEXT_TO_SQL}, r"None of the first rows .* question must be a text, got None"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path, rows, options, text):
    with pytest.raises(BatchError, match=text):
        plan(job_of(tmp_path, rows, **options), 1)


def test_a_file_of_wrong_rows_beside_a_right_one_is_no_reason_to_stop(tmp_path):
    write_json_lines(tmp_path / "in" / "a.jsonl", [question("Hello")])
    write_json_lines(tmp_path / "in" / "b.jsonl", ["no JSON"])
    assert plan(BatchJob((tmp_path / "in",), tmp_path / "out"), 1).num_rows == 2


def test_an_empty_input_is_refused_whatever_the_task(tmp_path):
    with pytest.raises(BatchError, match="The input holds no rows"):
        plan(job_of(tmp_path, [], task=Task.CHAT), 1)


def test_what_changes_answers_is_described_and_machines_are_not(tmp_path):
    job = job_of(tmp_path, [question("Hello")], sampling=SamplingOptions(max_tokens=7), engine={"dtype": "float16"})
    described = plan(job, 1).describe(job, {})
    assert described["sampling"]["max_tokens"] == 7
    assert described["engine"] == {"dtype": "float16"}
    assert described["inputs"][0]["rows"] == 1
    assert "asking" not in described
    assert described == plan(job, 1, begun_with=1).describe(job, {})
    asked = job_of(tmp_path, [{"question": "How many?"}], database=sample_database_path())
    described = plan(asked, 1).describe(asked, {})
    assert described["asking"] == {"grammar": True, "votes": 1, "max_repairs": 1}
    assert described["database"] == str(sample_database_path())
    assert "sampling" not in described
