"""Particles fit the word before them; the glossary and the tables say what is wrong with them."""

import re
from pathlib import Path

import pytest

from course.korean.glossary import Glossary
from course.korean.table import Entry, read_table, write_table
from course.korean.wording import wording_problems

SOUNDS = {"table": "l", "llm": "consonant", "key": "vowel", "%": "vowel"}

_SOUNDS = '[sounds]\nvowel = ["key"]\nconsonant = ["llm"]\nl = ["table"]'


def wrong(korean: str) -> list[str]:
    return list(wording_problems(korean, SOUNDS))


@pytest.mark.parametrize(
    "text",
    [
        "key는 key가 key를 key와 key로 key나 남습니다.",
        "LLM은 LLM이 LLM을 LLM과 LLM으로 LLM이나 남습니다.",
        "`block_table`은 `block_table`을 `block_table`로 **table**이 남습니다.",
        "API는 SQL은 SQL로 URL이 GB를 TTFT가 N은 남습니다.",
        "2는 3은 5와 6으로 7로 8을 9가 10이 100으로 0.4를 남습니다.",
        "개요: 글 · GPU 필요: 글 · 전보다: 글",
        "90%가 [LLM](a.md)은 남습니다. “LLM”은 남습니까? 남길까요?",
        "“이것은 옛말이다.”라고 적었습니다. 봅시다.",
    ],
)
def test_right_particles_and_sentences(text: str) -> None:
    assert wrong(text) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("key은 남습니다.", "key은 must be key는"),
        ("LLM가 남습니다.", "LLM가 must be LLM이"),
        ("`block_table`으로 갑니다.", "block_table으로 must be block_table로"),
        ("SQL는 남습니다.", "SQL는 must be SQL은"),
        ("6로 나눕니다.", "6로 must be 6으로"),
        ("1은 2을 남깁니다.", "2을 must be 2를"),
        ("[LLM](a.md)는 남습니다.", "LLM는 must be LLM은"),
        ("90%이 남습니다.", "90%이 must be 90%가"),
        ("90 %를 씁니다.", "90 % must be 90%"),
        ("draft는 남습니다.", "glossary.toml does not say yet how 'draft' sounds at its end, before 는"),
        ("첫째입니다. 이것이 남는다.", "a sentence is not in 합니다체: 이것이 남는다"),
        ("(이것이 그것이다).", "a sentence is not in 합니다체: (이것이 그것이다"),
        ("이것이 남아요?", "a sentence is not in 합니다체: 이것이 남아요"),
    ],
)
def test_wrong_ones_are_named(text: str, message: str) -> None:
    assert wrong(text) == [message]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[terms]\n"a" = ["b"]', "the parts must be ['avoided', 'sounds', 'terms'], got ['terms']"),
        ("[terms]\n[avoided]\n[sounds]\nvowel = []", "sounds must be ['consonant', 'l', 'vowel'], got ['vowel']"),
        (f'[terms]\n"a" = "b"\n[avoided]\n{_SOUNDS}', "terms: a must be a list of words, got 'b'"),
        (f'[terms]\n"(a" = ["b"]\n[avoided]\n{_SOUNDS}', "terms: (a must be a pattern: missing )"),
        (f'[terms]\n[avoided]\n"a" = ["b"]\n{_SOUNDS}', "avoided: a must be a text, got ['b']"),
        (f"[terms]\n[avoided]\n{_SOUNDS}".replace('"key"', '"Key"'), "sounds must be in small letters, got 'Key'"),
        (f"[terms]\n[avoided]\n{_SOUNDS}".replace('["table"]', '"table"'), "sounds: l must be a list of words, got 't"),
        ("[terms", "Expected ']'"),
    ],
)
def test_a_broken_glossary_is_refused(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "glossary.toml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape("glossary.toml: ") + ".*" + re.escape(message)):
        Glossary.read(file)


def test_avoided_words_may_end_others() -> None:
    glossary = Glossary(terms={}, avoided={"머지": "병합"}, sounds={})
    assert list(glossary.misuses("", "나머지는 남습니다.")) == []
    assert list(glossary.misuses("", "이제 머지합니다.")) == ["the glossary has 병합 instead of 머지"]


def test_terms_are_whole_words_outside_of_paths_and_code() -> None:
    glossary = Glossary(terms={"merge": ["병합"]}, avoided={}, sounds={})
    assert list(glossary.misuses("See `merge`, merge/README and pre-merge.", "보십시오.")) == []
    assert list(glossary.misuses("Merge them.", "합칩니다.")) == ["the glossary renders /merge/ as 병합"]


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    entries = [Entry("one", "0123456789abcdef", "첫째\n\n- 항목"), Entry("two-b", "new", "둘째")]
    write_table(tmp_path / "table.md", entries)
    assert read_table(tmp_path / "table.md") == entries


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("글\n<!-- unit a of new -->\n글", "must begin with <!-- unit KEY of HASH -->, got '글'"),
        (
            "<!-- unit a of new -->\n글\n\n<!-- unti b of new -->\n글",
            "must have <!-- unit KEY of HASH --> or <!-- verbatim --> here, got '<!-- unti b of new -->'",
        ),
        ("<!-- unit a of new -->\n글\n\n<!-- unit a of new -->\n글", "must have each unit once, got a twice"),
    ],
)
def test_a_broken_table_is_refused(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "table.md"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(message)):
        read_table(file)
