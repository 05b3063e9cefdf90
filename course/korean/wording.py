"""Korean as it should be: particles that fit the word before them, and polite sentences."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

# After a consonant, after a vowel.
_PARTICLES: Final = {"은": "는", "이": "가", "을": "를", "과": "와", "으로": "로", "이나": "나"}
_AFTER_VOWEL = {vowel: consonant for consonant, vowel in _PARTICLES.items()}
_FORMS = "|".join(sorted([*_PARTICLES, *_AFTER_VOWEL], key=len, reverse=True))
_AFTER_LATIN = re.compile(
    rf"(?P<word>[A-Za-z0-9%.,_+]*[A-Za-z0-9%])(?:[`*”\"]|\]\([^)]*\))*(?P<particle>{_FORMS})(?![가-힣])"
)
_QUOTED = re.compile(r"“[^”\n]*”")
# 합니다체 ends in 니다, 시다 and 십시오; a question may also end in 까요.
_PLAIN = re.compile(r"[^\n.!?]*(?:(?<![니시])다(?=\)?[.!])|(?<!까)요(?=\)?[.!?]))")
_DETACHED_PERCENT = re.compile(r"\d+ %")
# Digits are read 영 일 이 삼 사 오 육 칠 팔 구; zeros at the end of a number 십 백 천 만.
_DIGITS = {**dict.fromkeys("2459", "vowel"), **dict.fromkeys("178", "l"), **dict.fromkeys("036", "consonant")}
# Abbreviations are spelt; 엘 and 알 end in ㄹ, 엠 and 엔 in a consonant.
_LETTERS = {"L": "l", "R": "l", "M": "consonant", "N": "consonant"}


def wording_problems(korean: str, sounds: Mapping[str, str]) -> Iterator[str]:
    """Yields in words what is wrong with a text.

    Args:
        korean: Markdown.
        sounds: how Latin words end, as in `Glossary`.
    """
    for found in _AFTER_LATIN.finditer(korean):
        yield from _particle_problem(found["word"], found["particle"], sounds)
    for found in _DETACHED_PERCENT.finditer(korean):
        yield f"{found[0]} must be {found[0].replace(' ', '')}"
    for found in _PLAIN.finditer(_QUOTED.sub("", korean)):
        yield f"a sentence is not in 합니다체: {found[0].strip()}"


def ending(word: str, sounds: Mapping[str, str]) -> str | None:
    """Returns how a word of Latin letters or digits ends when it is read aloud; None if nobody has said so yet."""
    if word[-1] in _DIGITS:
        return _DIGITS[word[-1]]
    last = re.split(r"[^A-Za-z%]", word)[-1]
    if last.lower() in sounds:
        return sounds[last.lower()]
    return _LETTERS.get(last[-1].upper(), "vowel") if last.isupper() or len(last) == 1 else None


def _particle_problem(word: str, particle: str, sounds: Mapping[str, str]) -> Iterator[str]:
    end = ending(word, sounds)
    if end is None:
        yield f"glossary.toml does not say yet how {word!r} sounds at its end, before {particle}"
        return
    fits_vowel = end == "vowel" or (end == "l" and particle in ("으로", "로"))
    right = _PARTICLES.get(particle, particle) if fits_vowel else _AFTER_VOWEL.get(particle, particle)
    if particle != right:
        yield f"{word}{particle} must be {word}{right}"
