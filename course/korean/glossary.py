"""The glossary: how a term is written in Korean, which words are not used, and how Latin words end when spoken."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from course.korean.markup import words
from course.korean.table import FOLDER

_PARTS: Final = {"terms", "avoided", "sounds"}
_ENDINGS: Final = {"vowel", "consonant", "l"}


@dataclass(frozen=True, slots=True)
class Glossary:
    """Words, as `glossary.toml` explains them.

    Attributes:
        terms: English pattern to the renderings, of which one must stand in the Korean text.
        avoided: what is not written to what is written instead.
        sounds: a Latin word in small letters to how it ends: "vowel", "consonant", or "l", which takes 로 as vowels do.

    Raises:
        ValueError: a value has another type, or a term is no pattern.
    """

    terms: Mapping[str, list[str]]
    avoided: Mapping[str, str]
    sounds: Mapping[str, str]

    def __post_init__(self) -> None:
        for term, renderings in self.terms.items():
            _check_list(f"terms: {term}", renderings)
            _check_pattern(term)
        for word, instead in self.avoided.items():
            if not isinstance(instead, str):
                raise ValueError(f"avoided: {word} must be a text, got {instead!r}")
        for word in self.sounds:
            if word != word.lower():
                raise ValueError(f"sounds must be in small letters, got {word!r}")

    @classmethod
    def read(cls, path: Path = FOLDER / "glossary.toml") -> Self:
        """Reads a glossary.

        Raises:
            OSError: it cannot be read.
            ValueError: it is not TOML, has other parts or sounds than it may, or values of other types.
        """
        try:
            return cls._of(tomllib.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error

    @classmethod
    def _of(cls, found: dict[str, Any]) -> Self:
        if set(found) != _PARTS:
            raise ValueError(f"the parts must be {sorted(_PARTS)}, got {sorted(found)}")
        endings = found["sounds"]
        if set(endings) != _ENDINGS:
            raise ValueError(f"sounds must be {sorted(_ENDINGS)}, got {sorted(endings)}")
        for ending, listed in endings.items():
            _check_list(f"sounds: {ending}", listed)
        return cls(found["terms"], found["avoided"], {word: end for end, listed in endings.items() for word in listed})

    def misuses(self, english: str, korean: str) -> Iterator[str]:
        """Yields in words which terms are rendered otherwise, and which avoided words are there."""
        plain, said = words(english), words(korean)
        for term, renderings in self.terms.items():
            if _has(term, plain) and not any(rendering in said for rendering in renderings):
                yield f"the glossary renders /{term}/ as {' or '.join(renderings)}"
        for word, instead in self.avoided.items():
            if re.search(rf"(?<![가-힣]){re.escape(word)}", said):
                yield f"the glossary has {instead} instead of {word}"

    def without_figures(self, english: str, korean: str) -> str:
        """Returns the Korean text without renderings in figures of English words: 3분의 1 for a third."""
        for term, renderings in self.terms.items():
            for rendering in renderings:
                if re.search(r"\d", rendering) and not re.search(r"\d", term) and _has(term, words(english)):
                    korean = korean.replace(rendering, " ")
        return korean


def _has(term: str, text: str) -> bool:
    return re.search(rf"(?<![\w/-])(?:{term})(?![\w/-])", text, re.IGNORECASE) is not None


def _check_list(what: str, found: object) -> None:
    if not (isinstance(found, list) and found and all(isinstance(word, str) and word for word in found)):
        raise ValueError(f"{what} must be a list of words, got {found!r}")


def _check_pattern(term: str) -> None:
    try:
        re.compile(term)
    except re.error as error:
        raise ValueError(f"terms: {term} must be a pattern: {error}") from error
