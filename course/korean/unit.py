"""The pieces that are translated one by one: a Markdown cell of the notebook, a section of the README."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from nbformat import NotebookNode

from course.notebook import text_cells

# Stands in a translation where a piece of the English text is taken over as it is.
VERBATIM: Final = "<!-- verbatim -->"
_FIGURES = r"<!-- figures: .*?<!-- end of figures -->"
_FENCED = r"^```[^\n]*\n.*?^```$"
_TAKEN_OVER = re.compile(f"{_FIGURES}|{_FENCED}", re.MULTILINE | re.DOTALL)
_PLACES = re.compile(f"{VERBATIM}|{_FENCED}", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^(?=## )", re.MULTILINE)
_HASH_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of an English text.

    Attributes:
        key: id of the cell, or the heading of the section as an anchor.
        text: Markdown.
    """

    key: str
    text: str

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
    return text.replace(".ko.", ".")


def notebook_units(notebook: NotebookNode) -> list[Unit]:
    """Returns the Markdown cells."""
    return [Unit(cell.id, cell.source) for cell in text_cells(notebook)]


def document_units(text: str) -> list[Unit]:
    """Returns the sections of a document, the first from its beginning to the first heading of level 2."""
    return list(_sections(text))


def _sections(text: str) -> Iterator[Unit]:
    pieces = iter(_TAKEN_OVER.findall(text))
    for section in _SECTION.split(without_code_blocks(text)):
        whole = re.sub(VERBATIM, lambda _: next(pieces), section).strip()
        heading = whole.partition("\n")[0].lstrip("# ").lower()
        yield Unit(re.sub(r"[^a-z0-9]+", "-", heading).strip("-"), whole)
