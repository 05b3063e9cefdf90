"""How the same tables are named in different databases: `birth_date`, `BirthDate`, `birthdate`, `BIRTH_DATE`."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

_ABBREVIATIONS = {
    "number": "num",
    "department": "dept",
    "address": "addr",
    "average": "avg",
    "description": "desc",
    "quantity": "qty",
    "amount": "amt",
    "organization": "org",
    "category": "cat",
    "maximum": "max",
    "minimum": "min",
}


def _snake(words: list[str]) -> str:
    return "_".join(words)


def _capital_snake(words: list[str]) -> str:
    return "_".join(word.capitalize() if word != "id" else "ID" for word in words)


def _camel(words: list[str]) -> str:
    return "".join(word.capitalize() for word in words)


def _lower_camel(words: list[str]) -> str:
    return words[0] + _camel(words[1:])


def _joined(words: list[str]) -> str:
    return "".join(words)


_STYLES: tuple[tuple[Callable[[list[str]], str], int], ...] = (
    (_snake, 10),
    (_capital_snake, 5),
    (_camel, 4),
    (_lower_camel, 2),
    (_joined, 1),
)


@dataclass(frozen=True, slots=True)
class Naming:
    """One database's way of naming.

    Attributes:
        table_style: makes a table's name of words.
        column_style: makes a column's name of words.
        plural_tables: whether tables are named by the plural of what they hold.
        prefixed: whether plain columns begin with their table's name, such as `horse_name`.
        abbreviated: whether long words are cut.
        bare_keys: whether the key of each table is `id`, or `code`, and only references name the table.
        prefixed_references: whether references begin with their table's name, such as `horse_stable_id`.
    """

    table_style: Callable[[list[str]], str]
    column_style: Callable[[list[str]], str]
    plural_tables: bool
    prefixed: bool
    abbreviated: bool
    bare_keys: bool
    prefixed_references: bool

    def table(self, singular: str, plural: str) -> str:
        """Returns the name of a table of these nouns."""
        return self.table_style(_words(plural if self.plural_tables else singular))

    def key(self, name: str) -> str:
        """Returns the name of a key that is called so in references, such as `horse_id`."""
        return self.column_style(_words(name)[-1:] if self.bare_keys else _words(name))

    def reference(self, name: str, table: str) -> str:
        """Returns the name of a reference in a table of this noun."""
        return self.column_style([*(_words(table) if self.prefixed_references else []), *_words(name)])

    def column(self, name: str, table: str) -> str:
        """Returns the name of a plain column.

        Args:
            name: in words joined by `_`.
            table: the table's noun in singular.
        """
        words = _words(name)
        if self.prefixed and words[: len(_words(table))] != _words(table):
            words = [*_words(table), *words]
        if self.abbreviated:
            words = [_ABBREVIATIONS.get(word, word) for word in words]
        return self.column_style(words)


def draw_naming(rng: random.Random) -> Naming:
    """Draws a way of naming; snake case is the most common, and most databases name tables and columns alike."""
    styles, weights = zip(*_STYLES, strict=True)
    [columns] = rng.choices(styles, weights)
    tables = columns if rng.random() < 0.7 else rng.choices(styles, weights)[0]
    chances = (0.45, 0.25, 0.15, 0.2, 0.12)
    return Naming(tables, columns, *(rng.random() < chance for chance in chances))


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", name.lower())
