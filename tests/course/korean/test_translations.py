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
        ("첫째", "First one.", "not translated: First one."),
        ("16개", "16 GB", "units differ: only in English none, only in Korean GB"),
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
        "untranslated",
        "unit",
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
        "cells.md, old: has no English text any more: delete it, or give it the key of the text that it translates now"
        "\n--- Korean\n글",
        "cells.md, new: is not translated yet\n--- English\nText",
    ]


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        ("It has 135 million numbers.", "숫자가 1억 3,500만 개입니다."),
        ("It has 300 million numbers.", "숫자가 3억 개입니다."),
        ("It has 35 million numbers.", "숫자가 3,500만 개입니다."),
        ("It has 20,000 numbers.", "숫자가 2만 개입니다."),
        ("It has 20000 numbers.", "숫자가 20,000개입니다."),
        ("It has 1.5 million numbers.", "숫자가 150만 개입니다."),
        ("It has 7 billion numbers.", "숫자가 70억 개입니다."),
        ("It has 35,000 numbers.", "숫자가 3.5만 개입니다."),
        ("Only the H100 has 80 GB.", "H100만 80 GB입니다."),
        ("Version 0.32.0 is better.", "0.32.0이 더 좋습니다."),
        ("A third of the rest.", "나머지의 3분의 1입니다."),
    ],
)
def test_numbers_are_compared_by_what_they_say(english: str, korean: str, glossary: Glossary) -> None:
    assert problems(english, korean, glossary) == []


def test_other_millions_are_other_numbers(glossary: Glossary) -> None:
    [problem] = problems("It has 135 million numbers.", "숫자가 1억 3,600만 개입니다.", glossary)
    assert "only in English 135000000, only in Korean 136000000" in problem


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


def test_headings_and_cell_ids_are_unique() -> None:
    with pytest.raises(ValueError, match=r"English headings and cell ids must differ, got requirements twice: rename"):
        Document.read(document_units("# A\n\n## Requirements\n\none\n\n## Requirements\n\ntwo\n"), Path("none.md"))


def test_an_english_text_cannot_hold_the_mark() -> None:
    with pytest.raises(ValueError, match=f"cell must not contain {VERBATIM}"):
        Unit("cell", f"Text {VERBATIM}")


@pytest.mark.parametrize(
    ("english", "korean", "message"),
    [
        ("Text\n\n$$x^2$$", "글입니다.\n\n$$x^3$$", "formulas differ: only in English x^2, only in Korean x^3"),
        ("Text\n\n    run 5", "글입니다.\n\n    run 6", "code blocks differ: only in English run 5"),
        ("- Text\n\n  ```\n  run\n  ```", "- 글입니다.", "code blocks differ: only in English run"),
        ("1. Text", "- 글입니다.", "the outline differs at piece 1: numbered list in English, list in Korean"),
        ("> Text", "글입니다.", "the outline differs at piece 1: quotation in English, paragraph in Korean"),
        ('<img src="a.png">', '<img src="b.png">', "links differ: only in English a.png, only in Korean b.png"),
        ("[it](a/README.md)", "[글](a/README.ko.md)", "links differ: only in English a/README.md, only in Korean a/R"),
        ("![On an H100](a.png)", "![H200](a.png)", "names differ: only in English H100, only in Korean H200"),
        ("It takes 5 GB.", "5 MB입니다.", "units differ: only in English GB, only in Korean MB"),
        ("It takes 5 %.", "5배입니다.", "units differ: only in English %, only in Korean none"),
    ],
)
def test_every_kind_of_piece_is_compared(english: str, korean: str, message: str, glossary: Glossary) -> None:
    assert any(f"cells.md, cell: {message}" in problem for problem in problems(english, korean, glossary))


def test_signs_that_english_shows_may_be_shown(glossary: Glossary) -> None:
    assert problems(r"Here \* and \~ stand.", r"\*와 \~가 있습니다.", glossary) == []


def test_emphasis_within_a_term_does_not_hide_it(glossary: Glossary) -> None:
    assert problems("The prefix cache *stays*.", "prefix *캐시*가 남습니다.", glossary) == []


def test_what_is_to_do_counts_as_new() -> None:
    document = Document([Unit("cell", ENGLISH)], Path("cells.md"), [])
    assert document.todo() == [Entry("cell", "new", ENGLISH)]
