"""Which cells of a database a question names: `Germany` is a value of `authors.country`.

A small model cannot know in which column a word of the question stands, nor how the cell is spelt; the database does.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from text_to_sql.words import lower_words, words

MOST_MATCHES = 6
# Cells such as these stand in questions without being meant.
_STOP_WORDS = frozenset(
    "a all an and any are as at average be by count do each for from has have how i id in is it least list maximum me "  # noqa: SIM905
    "minimum more most name no not number of on one or other show than that the their them there to total type was "
    "what when where which who with year yes".split()
)
_LONGEST_VALUE_WORDS = 12


@dataclass(frozen=True, slots=True)
class ValueMatch:
    """A cell that a question names.

    Attributes:
        table: name of its table.
        column: name of its column.
        value: the cell, as the database spells it.
    """

    table: str
    column: str
    value: str


class ValueIndex:
    """Finds the texts of a database that occur in a question, whatever their case.

    Args:
        texts: the texts of each (table, column).
    """

    def __init__(self, texts: Mapping[tuple[str, str], Iterable[str]]) -> None:
        self._matches: dict[tuple[str, ...], list[ValueMatch]] = defaultdict(list)
        for (table, column), values in texts.items():
            for value in values:
                spelt = lower_words(value)
                if 0 < len(spelt) <= _LONGEST_VALUE_WORDS and value.isprintable():
                    self._matches[spelt].append(ValueMatch(table, column, value))
        self._longest = max(map(len, self._matches), default=0)

    def matches(self, question: str) -> tuple[ValueMatch, ...]:
        """Returns the cells that the question names, in its order; of overlapping ones the longest.

        At most `MOST_MATCHES`; the same text may stand in several columns.
        """
        asked = words(question)
        found: dict[ValueMatch, None] = {}
        start = 0
        while start < len(asked):
            length, matches = self._longest_from(asked, start)
            found.update(dict.fromkeys(matches))
            start += max(1, length)
        return tuple(found)[:MOST_MATCHES]

    def _longest_from(self, asked: list[str], start: int) -> tuple[int, list[ValueMatch]]:
        for length in range(min(self._longest, len(asked) - start), 0, -1):
            spelt = asked[start : start + length]
            matches = self._matches.get(tuple(word.lower() for word in spelt))
            if matches and (length > 1 or _is_telling(spelt[0], matches)):
                return length, _as_spelt(spelt, matches)
        return 0, []


def _is_telling(word: str, matches: list[ValueMatch]) -> bool:
    """Whether a single word is likely meant as a cell; one letter only in the cell's own case."""
    if len(word) == 1:
        return word.isalpha() and word not in {"a", "I"} and any(match.value == word for match in matches)
    return word.lower() not in _STOP_WORDS


def _as_spelt(asked: list[str], matches: list[ValueMatch]) -> list[ValueMatch]:
    """Leaves out `CUMIN` where the question has `cumin` and the column holds both."""
    same_case = [match for match in matches if words(match.value) == asked]
    columns = {(match.table, match.column) for match in same_case}
    return [match for match in matches if match in same_case or (match.table, match.column) not in columns]
