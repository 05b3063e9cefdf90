"""Whose folder it is, which parts are there, and that one process writes."""

import json

import pytest

from batch_inference.answers import Format
from batch_inference.errors import BatchError
from batch_inference.output_folder import OutputFolder

DESCRIPTION = {"task": "chat", "rows_per_part": 5, "base_model": "one"}


@pytest.fixture
def output(tmp_path):
    return OutputFolder(tmp_path / "new" / "answers", Format.JSON_LINES)


def refuse(output, text):
    with pytest.raises(BatchError, match=text), output.locked():
        pass


def test_a_job_that_goes_on_finds_its_description_and_its_parts(output):
    with output.locked():
        assert output.description == {}
        output.claim(DESCRIPTION)
        output.part(3).touch()
        output.part(12).touch()
    with output.locked():
        output.claim(DESCRIPTION)
        assert output.description == DESCRIPTION
        assert output.done() == {3, 12}
    assert output.part(3).name == "part-00000003.jsonl"


def test_another_job_is_refused_by_the_first_difference(output):
    with output.locked():
        output.claim(DESCRIPTION)
        output.part(0).touch()
        text = (
            r"holds answers of another job: base_model was 'one' and is 'two'\. Choose another output, or the settings"
        )
        with pytest.raises(BatchError, match=text):
            output.claim({**DESCRIPTION, "base_model": "two"})
    assert json.loads((output.path / "job.json").read_text()) == DESCRIPTION


def test_settings_that_gave_no_part_can_be_changed(output):
    with output.locked():
        output.claim({**DESCRIPTION, "engine": {"max_model_len": 999_999}})
        output.claim({**DESCRIPTION, "engine": {"stop": ("END",)}})
        output.part(0).touch()
        output.claim({**DESCRIPTION, "engine": {"stop": ["END"]}})


def test_parts_of_a_job_that_cannot_be_read_are_left_alone(output):
    with output.locked():
        output.claim(DESCRIPTION)
        output.part(0).touch()
        (output.path / "job.json").write_text("")
        with pytest.raises(
            BatchError, match=r"job\.json cannot be read, so the job cannot go on: choose another output"
        ):
            output.claim(DESCRIPTION)


def test_two_jobs_cannot_write_at_once(output):
    with output.locked():
        refuse(OutputFolder(output.path, output.format), r"Another job is writing into .*answers\. Wait for it")
    with output.locked():
        pass


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "precious.txt").touch()
    refuse(
        OutputFolder(tmp_path, Format.JSON_LINES), r"holds other files, such as precious\.txt: choose an empty one\."
    )


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    text = r"The output folder .*file/answers cannot be made: Not a directory\."
    refuse(OutputFolder(tmp_path / "file" / "answers", Format.JSON_LINES), text)


def test_what_a_killed_process_left_is_no_part_and_goes(output):
    with output.locked():
        left = output.path / ".part-00000001.jsonl.4711"
        left.touch()
        assert output.done() == set()
    with output.locked():
        assert not left.exists()


def test_tries_are_counted_until_the_part_is_there_or_the_job_starts_again(output):
    with output.locked():
        assert [output.count_try(4), output.count_try(4), output.count_try(5)] == [1, 2, 1]
        output.forget_tries(4)
        assert output.count_try(4) == 1
    with output.locked():
        assert output.count_try(5) == 1
