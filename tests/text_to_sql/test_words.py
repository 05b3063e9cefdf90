"""Stems of words and names."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from snowballstemmer.english_stemmer import EnglishStemmer

from text_to_sql.words import stems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Opened in which years?", ("open", "in", "which", "year")),
        ("OpeningYear", ("open", "year")),
        ("HTTPServer2", ("http", "server", "2")),
        ("net_worth-USD", ("net", "worth", "usd")),
        ("Größe der café", ("größe", "der", "café")),
        ("가수의 이름", ("가수의", "이름")),
        ("!?", ()),
    ],
)
def test_names_and_sentences_have_the_same_stems(text: str, expected: tuple[str, ...]) -> None:
    assert stems(text) == expected


def test_threads_do_not_disturb_each_other() -> None:
    words = [f"{letter}{'nation' * 40}ally" for letter in "bcdfghjklmnpqrstvwxz"]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(stems, words))
    finally:
        sys.setswitchinterval(interval)
    assert found == [(EnglishStemmer().stemWord(word),) for word in words]
