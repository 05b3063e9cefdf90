"""The Korean edition is what its command builds, and says the same as the English one."""

import json

import pytest

from course.korean.edition import NOTEBOOK_NAMES, README_NAMES, ROOT, Edition
from course.korean.glossary import Glossary
from course.notebook import read_notebook


@pytest.fixture(scope="module")
def edition() -> Edition:
    return Edition.read()


def test_every_text_is_translated_current_and_as_the_glossary_says(edition: Edition) -> None:
    problems = edition.problems(Glossary.read())
    # A comparison of lists would cut the texts.
    assert not problems, "\n\n".join(map(str, problems))


def test_the_files_are_byte_for_byte_what_the_command_builds(edition: Edition) -> None:
    for file, text in edition.files().items():
        assert file.read_bytes() == text.encode(), f"{file.name} is old: run python -m course.korean"


def test_code_outputs_and_ids_are_those_of_the_english_notebook() -> None:
    english, korean = (json.loads((ROOT / name).read_text(encoding="utf-8")) for name in NOTEBOOK_NAMES)
    assert [cell["id"] for cell in korean["cells"]] == [cell["id"] for cell in english["cells"]]
    for ours, theirs in zip(english["cells"], korean["cells"], strict=True):
        if ours["cell_type"] == "code":
            assert ours == theirs
        else:
            assert ours["source"] != theirs["source"], f"{ours['id']} is not translated"
    assert {key: korean[key] for key in korean if key != "cells"} == {
        key: english[key] for key in english if key != "cells"
    }


def test_both_languages_name_each_other_at_the_top() -> None:
    for here, there in (README_NAMES, README_NAMES[::-1]):
        assert f"]({there})" in "\n".join((ROOT / here).read_text(encoding="utf-8").splitlines()[:4])
    for here, there in (NOTEBOOK_NAMES, NOTEBOOK_NAMES[::-1]):
        assert f"]({there})" in read_notebook(ROOT / here).cells[0].source
