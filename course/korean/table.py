"""The translation tables: Markdown files in which a line before each text says what it translates."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from course.korean.unit import VERBATIM
from inference.json_file import write_text

FOLDER: Final = Path(__file__).resolve().parent
_MARKER = re.compile(r"^<!-- unit (?P<key>[\w-]+) of (?P<hash>[0-9a-f]+|new) -->\s*$", re.MULTILINE)
_COMMENT = re.compile(r"^<!--.*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """A translation.

    Attributes:
        key: of the unit.
        english: hash of the English text; "new" until somebody accepts the translation.
        korean: Markdown.
    """

    key: str
    english: str
    korean: str

    def __str__(self) -> str:
        return f"<!-- unit {self.key} of {self.english} -->\n{self.korean}\n"


def read_table(path: Path) -> list[Entry]:
    """Returns the translations of a file, in their order.

    Raises:
        OSError: it cannot be read.
        ValueError: text stands before the first marker, a comment is no marker, or a key stands twice.
    """
    text = path.read_text(encoding="utf-8")
    for comment in _COMMENT.findall(text):
        if comment != VERBATIM and not _MARKER.fullmatch(comment):
            raise ValueError(f"{path.name} must have <!-- unit KEY of HASH --> or {VERBATIM} here, got {comment!r}")
    head, *rest = _MARKER.split(text)
    if head.strip():
        raise ValueError(f"{path.name} must begin with <!-- unit KEY of HASH -->, got {head.strip().splitlines()[0]!r}")
    entries = [
        Entry(key, english, text.strip()) for key, english, text in zip(rest[::3], rest[1::3], rest[2::3], strict=True)
    ]
    keys = [entry.key for entry in entries]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ValueError(f"{path.name} must have each unit once, got {twice} twice")
    return entries


def write_table(path: Path, entries: Iterable[Entry]) -> None:
    """Writes translations, whole or not at all."""
    write_text(path, "\n".join(map(str, entries)))
