"""The pieces that are translated one by one: a Markdown cell of the notebook, a section of the README."""

import re
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Final

from nbformat import NotebookNode

from course.notebook import text_cells

# Stands in a translation where a piece of the English text is taken over as it is.
VERBATIM: Final = "<!-- verbatim -->"
_FIGURES = r"<!-- figures: .*?<!-- end of figures -->"
_FENCED = r"^```[^\n]*\n.*?^```$"
_TAKEN_OVER = re.compile(f"{_FIGURES}|{_FENCED}", re.MULTILINE | re.DOTALL)
_PLACES = re.compile(f"{VERBATIM}|{_FENCED}", re.MULTILINE | re.DOTALL)
# checkpoint-100/README.md has no Korean edition.
_KOREAN_FILE = re.compile(r"(?<!/)\b(vllm|README)\.ko\.(ipynb|md)\b")
_SECTION = re.compile(r"^(?=## )", re.MULTILINE)
_HASH_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of an English text.

    Attributes:
        key: id of the cell, or the heading of the section as an anchor.
        text: Markdown.

    Raises:
        ValueError: the text holds the mark that stands for what is taken over.
    """

    key: str
    text: str

    def __post_init__(self) -> None:
        if VERBATIM in self.text:
            raise ValueError(f"{self.key} must not contain {VERBATIM}, which stands in translations for code blocks")

    @property
    def prose(self) -> str:
        """The text that is translated: what is taken over is left out of it, and changes without a new translation."""
        return without_code_blocks(self.text)

    @property
    def hash(self) -> str:
        """Tells whether a translation is that of this text."""
        return sha256(self.prose.encode()).hexdigest()[:_HASH_LENGTH]

    def fill(self, translation: str) -> str:
        """Returns a translation with what is taken over in its places.

        Raises:
            ValueError: there are more or fewer places, or a code block is neither a place nor equal to the English one
                but for names of Korean files.
        """
        pieces = _TAKEN_OVER.findall(self.text)
        places = _PLACES.findall(translation)
        if len(places) != len(pieces):
            raise ValueError(f"{len(places)} places ({VERBATIM}) for {len(pieces)} code blocks or tables")
        for place, piece in zip(places, pieces, strict=True):
            if place != VERBATIM and english_names(place) != piece:
                raise ValueError(f"a code block differs: {place}")
        filled = iter(pieces)
        return _PLACES.sub(lambda place: _piece(place[0], next(filled)), translation)


def _piece(place: str, english: str) -> str:
    return english if place == VERBATIM else place


def without_code_blocks(text: str) -> str:
    """Returns a text with a mark in place of each code block and generated table."""
    return _TAKEN_OVER.sub(VERBATIM, text)


def english_names(text: str) -> str:
    """Returns a text with the names of the English files: `vllm.ko.ipynb` becomes `vllm.ipynb`."""
    return _KOREAN_FILE.sub(r"\1.\2", text)


def notebook_units(notebook: NotebookNode) -> list[Unit]:
    """Returns the Markdown cells."""
    return [Unit(cell.id, cell.source) for cell in text_cells(notebook)]


def document_units(text: str) -> list[Unit]:
    """Returns the sections of a document, the first from its beginning to the first heading of level 2."""
    without_code = _TAKEN_OVER.sub(lambda piece: " " * len(piece[0]), text)
    starts = [0, *(found.start() for found in _SECTION.finditer(without_code) if found.start()), len(text)]
    sections = (text[start:end].strip() for start, end in pairwise(starts))
    return [Unit(_anchor(section.partition("\n")[0]), section) for section in sections]


def _anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")
