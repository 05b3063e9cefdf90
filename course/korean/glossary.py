"""The glossary: how a term is written in Korean, which words are not used, and how Latin words end when spoken."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from course.korean.markup import words
from course.korean.table import FOLDER

_PARTS = {"terms", "avoided", "sounds"}


@dataclass(frozen=True, slots=True)
class Glossary:
    """Words, as `glossary.toml` explains them.

    Attributes:
        terms: English pattern to the renderings, of which one must stand in the Korean text.
        avoided: what is not written to what is written instead.
        sounds: a Latin word in small letters to how it ends: "vowel", "consonant", or "l", which takes 로 as vowels do.
    """

    terms: dict[str, list[str]]
    avoided: dict[str, str]
    sounds: dict[str, str]

    @classmethod
    def read(cls, path: Path = FOLDER / "glossary.toml") -> Self:
        """Reads a glossary.

        Raises:
            OSError: it cannot be read.
            ValueError: it is not TOML, or has other parts or sounds than it may.
        """
        found: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        if set(found) != _PARTS:
            raise ValueError(f"{path.name} must have the parts {sorted(_PARTS)}, got {sorted(found)}")
        endings = found["sounds"]
        if set(endings) != {"vowel", "consonant", "l"}:
            raise ValueError(f"sounds must be vowel, consonant and l, got {sorted(endings)}")
        return cls(found["terms"], found["avoided"], {word: end for end, listed in endings.items() for word in listed})

    def misuses(self, english: str, korean: str) -> Iterator[str]:
        """Yields in words which terms are rendered otherwise, and which avoided words are there."""
        plain, said = words(english), words(korean)
        for term, renderings in self.terms.items():
            if _has(term, plain) and not any(rendering in said for rendering in renderings):
                yield f"the glossary renders /{term}/ as {' or '.join(renderings)}"
        for word, instead in self.avoided.items():
            if re.search(rf"(?<![가-힣]){word}", said):
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
