"""A document in two languages: its English units, and the table of their translations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from course.korean.comparison import differences
from course.korean.glossary import Glossary
from course.korean.table import Entry, read_table, write_table
from course.korean.unit import Unit, without_code_blocks
from course.korean.wording import wording_problems

_LEFT_OVER = "has no English text any more: delete it, or give it the key of the text that it translates now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a document cannot be built.

    Attributes:
        table: file of the translations.
        key: of the unit.
        what: is wrong, in words.
        english: the English text, without what is taken over; empty if there is none any more.
        korean: its translation; empty if there is none yet.
    """

    table: str
    key: str
    what: str
    english: str = ""
    korean: str = ""

    def __str__(self) -> str:
        texts = (f"--- {name}\n{text}" for name, text in (("English", self.english), ("Korean", self.korean)) if text)
        return "\n".join([f"{self.table}, {self.key}: {self.what}", *texts])


@dataclass(frozen=True, slots=True)
class Document:
    """English units and their translations.

    Attributes:
        units: in the order of the document.
        table: file of the translations.
        entries: what the file says.
    """

    units: Sequence[Unit]
    table: Path
    entries: Sequence[Entry]

    @classmethod
    def read(cls, units: Sequence[Unit], table: Path) -> Self:
        """Reads the translations of these units.

        Raises:
            OSError: the table cannot be read.
            ValueError: it is no table, or two units have the same key.
        """
        keys = [unit.key for unit in units]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise ValueError(f"English headings and cell ids must differ, got {twice} twice: rename one")
        return cls(units, table, read_table(table))

    def problems(self, glossary: Glossary) -> list[Problem]:
        """Returns what is missing, no longer current, or differs from the English text or the glossary."""
        entries = {entry.key: entry for entry in self.entries}
        left_over = set(entries) - {unit.key for unit in self.units}
        return [
            *(self._problem(key, _LEFT_OVER, korean=entries[key].korean) for key in entries if key in left_over),
            *(problem for unit in self.units for problem in self._problems_of(unit, entries.get(unit.key), glossary)),
        ]

    def korean(self) -> dict[str, str]:
        """Returns the Korean texts by their units' keys, complete with what is taken over.

        Raises:
            KeyError: a unit has no translation.
            ValueError: a code block of the English text has no place, or another text.
        """
        entries = {entry.key: entry.korean for entry in self.entries}
        return {unit.key: unit.fill(entries[unit.key]) for unit in self.units}

    @property
    def translated(self) -> list[str]:
        """Keys of the units that have a translation, current or not."""
        keys = {unit.key for unit in self.units}
        return [entry.key for entry in self.entries if entry.key in keys]

    def todo(self) -> list[Entry]:
        """Returns English texts as entries to be translated, where the translation is missing or no longer current."""
        current = {(entry.key, entry.english) for entry in self.entries}
        return [Entry(unit.key, "new", unit.prose) for unit in self.units if (unit.key, unit.hash) not in current]

    def accept(self, keys: Sequence[str]) -> None:
        """Notes in the table that the translations of these units are those of today's English texts."""
        hashes = {unit.key: unit.hash for unit in self.units}
        entries = (
            Entry(entry.key, hashes.get(entry.key, entry.english) if entry.key in keys else entry.english, entry.korean)
            for entry in self.entries
        )
        write_table(self.table, entries)

    def _problems_of(self, unit: Unit, entry: Entry | None, glossary: Glossary) -> list[Problem]:
        if entry is None:
            return [self._problem(unit.key, "is not translated yet", unit.prose)]
        faults = _faults(unit, entry, glossary)
        return [self._problem(unit.key, fault, unit.prose, entry.korean) for fault in faults]

    def _problem(self, key: str, what: str, english: str = "", korean: str = "") -> Problem:
        return Problem(table=self.table.name, key=key, what=what, english=english, korean=korean)


def _faults(unit: Unit, entry: Entry, glossary: Glossary) -> Iterator[str]:
    if entry.english != unit.hash:
        yield (
            f"translates another English text ({entry.english}, now {unit.hash}): "
            f"bring it up to date, then python -m course.korean --accept {unit.key}"
        )
    try:
        unit.fill(entry.korean)
    except ValueError as error:
        yield str(error)
    korean = without_code_blocks(entry.korean)
    yield from differences(unit.prose, glossary.without_figures(unit.prose, korean))
    yield from glossary.misuses(unit.prose, korean)
    yield from wording_problems(korean, glossary.sounds)
