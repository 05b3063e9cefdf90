"""What makes a translation differ from its English text is found, and named with both."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.korean.document import Document
from course.korean.glossary import Glossary
from course.korean.table import Entry
from course.korean.unit import VERBATIM, Unit, document_units

ENGLISH = (
    "**Predict.** On an H100 the cache of `llm` holds 16 blocks, see [the paper](https://a.b/c): $x_1$.\n\n"
    "- one item\n- another"
)
KOREAN = (
    "**예측.** H100에서 `llm`의 캐시에는 블록 16개가 들어갑니다. [논문](https://a.b/c) 참고: $x_1$.\n\n- 첫째\n- 둘째"
)
CODE = "```python\nx = 1\n```"
FIGURES = "<!-- figures: rendered -->\n\n| 1 |\n|---|\n\n<!-- end of figures -->"


@pytest.fixture(scope="module")
def glossary() -> Glossary:
    return Glossary.read()


def problems(english: str, korean: str, glossary: Glossary, *, accepted: str | None = None) -> list[str]:
    """Returns what is wrong with a translation."""
    unit = Unit("cell", english)
    entry = Entry("cell", accepted or unit.hash, korean)
    return [str(problem) for problem in Document([unit], Path("cells.md"), [entry]).problems(glossary)]


def test_a_good_translation_has_no_problem(glossary: Glossary) -> None:
    assert problems(ENGLISH, KOREAN, glossary) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("16개", "17개", "numbers differ: only in English 16, only in Korean 17"),
        ("16개가", "여러 개가", "numbers differ: only in English 16, only in Korean none"),
        ("H100", "H200", "names differ: only in English H100, only in Korean H200"),
        ("`llm`", "`lm`", "code spans differ: only in English llm, only in Korean lm"),
        ("https://a.b/c", "https://a.b/d", "links differ: only in English https://a.b/c, only in Korean https://a.b/d"),
        ("$x_1$", "$x_2$", "formulas differ: only in English x_1, only in Korean x_2"),
        ("\n- 둘째", "", "the outline differs at piece 6: list item in English, nothing in Korean"),
        ("- 첫째", "# 첫째\n", "the outline differs at piece 3: list in English, heading of level 1 in Korean"),
        ("**예측.**", "예측.", "the outline differs at piece 2: bold words in English, list in Korean"),
        ("첫째", "*“첫째”*는", "a * is shown as it is: between punctuation and a Korean letter it ends no emphasis"),
        ("첫째", "첫째~", "a ~ strikes out what stands between it and the next one: write –"),
        ("블록", "구역", "the glossary renders /blocks?/ as 블록"),
        ("캐시", "캐쉬", "the glossary has 캐시 instead of 캐쉬"),
        ("`llm`의", "`llm`는", "llm는 must be llm은"),
        ("들어갑니다", "들어간다", "a sentence is not in 합니다체: ** H100에서 `llm`의 캐시에는 블록 16개가 들어간다"),
        ("들어갑니다", "들어가요", "a sentence is not in 합니다체: ** H100에서 `llm`의 캐시에는 블록 16개가 들어가요"),
    ],
    ids=[
        "number",
        "number-left-out",
        "name",
        "code-span",
        "link",
        "formula",
        "item",
        "heading",
        "bold",
        "emphasis",
        "tilde",
        "term",
        "avoided",
        "particle",
        "plain-style",
        "informal-style",
    ],
)
def test_what_differs_is_named_with_both_texts(old: str, new: str, message: str, glossary: Glossary) -> None:
    changed = KOREAN.replace(old, new)
    assert changed != KOREAN
    [problem] = problems(ENGLISH, changed, glossary)
    assert problem.startswith(f"cells.md, cell: {message}")
    assert problem.endswith(f"--- English\n{ENGLISH}\n--- Korean\n{changed}")


def test_a_changed_english_text_makes_its_translation_old(glossary: Glossary) -> None:
    before = Unit("cell", ENGLISH.replace("another", "another one")).hash
    [problem] = problems(ENGLISH, KOREAN, glossary, accepted=before)
    assert f"translates another English text ({before}, now {Unit('cell', ENGLISH).hash})" in problem
    assert "python -m course.korean --accept cell" in problem


def test_what_is_missing_or_left_over_is_named(glossary: Glossary) -> None:
    document = Document([Unit("new", "Text")], Path("cells.md"), [Entry("old", "0", "글")])
    assert [str(problem) for problem in document.problems(glossary)] == [
        "cells.md, old: has no English text any more\n--- Korean\n글",
        "cells.md, new: is not translated yet\n--- English\nText",
    ]


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        ("It has 135 million numbers.", "숫자가 1억 3,500만 개입니다."),
        ("It has 300 million numbers.", "숫자가 3억 개입니다."),
        ("It has 35 million numbers.", "숫자가 3,500만 개입니다."),
        ("It has 20,000 numbers.", "숫자가 2만 개입니다."),
        ("A third of the rest.", "나머지의 3분의 1입니다."),
    ],
)
def test_numbers_are_compared_by_what_they_say(english: str, korean: str, glossary: Glossary) -> None:
    assert problems(english, korean, glossary) == []


def test_other_millions_are_other_numbers(glossary: Glossary) -> None:
    [problem] = problems("It has 135 million numbers.", "숫자가 1억 3,600만 개입니다.", glossary)
    assert "only in English 135,000,000, only in Korean 136,000,000" in problem


def test_a_fraction_in_figures_needs_one_in_english(glossary: Glossary) -> None:
    [problem] = problems("A part of the rest.", "나머지의 3분의 1입니다.", glossary)
    assert "numbers differ: only in English none, only in Korean 3, 1" in problem


def test_code_and_tables_are_taken_over() -> None:
    unit = Unit("cell", f"See\n\n{CODE}\n\n{FIGURES}\n\nend")
    assert unit.prose == f"See\n\n{VERBATIM}\n\n{VERBATIM}\n\nend"
    assert unit.fill(f"처음\n\n{VERBATIM}\n\n{VERBATIM}\n\n끝") == f"처음\n\n{CODE}\n\n{FIGURES}\n\n끝"
    assert Unit("cell", unit.text.replace("x = 1", "x = 2")).hash == unit.hash


@given(st.lists(st.sampled_from(["some text", "## Title", CODE, FIGURES, "- item\n- item", "```\n```"]), max_size=8))
def test_a_text_filled_with_its_own_code_is_itself(pieces: list[str]) -> None:
    unit = Unit("cell", "\n\n".join(pieces))
    assert unit.fill(unit.prose) == unit.text
    assert unit.prose.count(VERBATIM) == sum(piece.startswith(("```", "<!--")) for piece in pieces)


def test_a_code_block_may_name_the_korean_file() -> None:
    assert (
        Unit("cell", "```\nopen vllm.ipynb\n```").fill("```\nopen vllm.ko.ipynb\n```") == "```\nopen vllm.ko.ipynb\n```"
    )


@pytest.mark.parametrize(
    ("translation", "message"),
    [
        ("글", "0 places (<!-- verbatim -->) for 1 code blocks or tables"),
        ("글\n\n```python\nx = 2\n```", "a code block differs: ```python\nx = 2\n```"),
    ],
)
def test_code_cannot_be_lost_or_changed(translation: str, message: str, glossary: Glossary) -> None:
    unit = Unit("cell", f"Text\n\n{CODE}")
    with pytest.raises(ValueError, match=re.escape(message)):
        unit.fill(translation)
    assert any(message in problem for problem in problems(unit.text, translation, glossary))


def test_sections_begin_at_headings_but_not_within_code() -> None:
    text = "# Title\n\nhead\n\n## Two words\n\n```\n## no heading\n```\n\n## Last\n\nend\n"
    sections = document_units(text)
    assert [section.key for section in sections] == ["title", "two-words", "last"]
    assert "\n\n".join(section.text for section in sections) + "\n" == text
