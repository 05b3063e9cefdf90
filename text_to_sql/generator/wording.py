"""The words of a question: nouns, columns, conditions and what is asked for, in many turns of phrase."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import inflect

from text_to_sql.generator.database import DrawnColumn, DrawnTable

SPELT_NUMBERS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
SHOWN_ROLES = ("name", "category", "measure", "year", "date", "text", "flag")


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the SQL that answers it."""

    text: str
    sql: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on rows, in words and in SQL.

    Attributes:
        text: stands after a plural noun.
        sql: stands in WHERE.
        before: whether the words stand before the noun instead, as in `cancelled orders`.
    """

    text: str
    sql: str
    before: bool = False

    def of(self, noun: str) -> str:
        """Returns the noun with the words."""
        return f"{self.text} {noun}" if self.before else f"{noun} {self.text}"


@cache
def in_plural(phrase: str) -> str:
    """Returns `dates of birth` for `date of birth`."""
    plural = inflect.engine().plural_noun(phrase) or phrase
    # A phrase such as `loyalty points` is in plural already.
    if plural == f"{phrase}s" and phrase.endswith("s"):
        return phrase
    # Of `year it came out`, the first word alone.
    head, clause, rest = phrase.partition(" it ")
    return f"{inflect.engine().plural_noun(head)}{clause}{rest}" if clause else plural


def with_article(noun: str) -> str:
    """Returns `an order` for `order`."""
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def capital(text: str) -> str:
    """Returns the text with a capital in front; the rest keeps its own."""
    return text[:1].upper() + text[1:]


class Wording:
    """Draws turns of phrase.

    Args:
        rng: what all is drawn from.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def pick(self, *choices: str) -> str:
        """Returns one of the texts."""
        return self.rng.choice(choices)

    def chance(self, probability: float) -> bool:
        """Returns True with a probability."""
        return self.rng.random() < probability

    def plural(self, table: DrawnTable) -> str:
        """Returns what several rows are called."""
        return self._nouns(table)[1]

    def singular(self, table: DrawnTable) -> str:
        """Returns what one row is called."""
        return self._nouns(table)[0]

    def _nouns(self, table: DrawnTable) -> tuple[str, str]:
        nouns = table.words.nouns
        return nouns[0] if self.chance(0.7) else self.rng.choice(nouns)

    def phrase(self, column: DrawnColumn, table: DrawnTable | None = None) -> str:
        """Returns what a column is called; of a key, an id of its table."""
        words = column.words
        if words.role in ("key", "reference"):
            noun = self.singular(table) if table and self.chance(0.4) else ""
            return f"{noun} {'code' if column.type == 'text' else self.pick('id', 'id', 'identifier')}".strip()
        return words.phrases[0] if self.chance(0.55) else self.rng.choice(words.phrases)

    def listing(self, columns: Sequence[DrawnColumn], table: DrawnTable) -> str:
        """Returns `name, age and country`."""
        return self.join([self.phrase(column, table) for column in columns])

    def listings(self, columns: Sequence[DrawnColumn], table: DrawnTable) -> str:
        """Returns `names, ages and countries`, most often."""
        phrases = [self.phrase(column, table) for column in columns]
        return self.join([in_plural(phrase) for phrase in phrases] if self.chance(0.75) else phrases)

    def join(self, parts: Sequence[str]) -> str:
        """Joins texts with commas and `and`."""
        if len(parts) == 1:
            return parts[0]
        comma = "," if len(parts) > 2 and self.chance(0.4) else ""
        return f"{', '.join(parts[:-1])}{comma} and {parts[-1]}"

    def shown(self, table: DrawnTable, most: int = 3) -> list[DrawnColumn]:
        """Draws columns to show, most often the name."""
        columns = table.with_role(*SHOWN_ROLES)
        names = table.with_role("name")
        if names and self.chance(0.5):
            return names[:1]
        if table.key and self.chance(0.12):
            columns = [*columns, table.key]
        count = min(len(columns), self.rng.choices(range(1, most + 1), (6, 3, 1)[:most])[0])
        return self.rng.sample(columns, count)

    def ask(self, what: str, whom: str, *, one: bool = False) -> str:
        """Returns a request for columns (`name and age`) of rows (`horses that …`); `one` for a single number."""
        is_ = "is" if one else "are"
        of = self.pick("of", "of", "of", "for")
        each = self.pick("all ", "all ", "the ", "all the ", "")
        # Some of these begin with what is asked about, which may be a number of rows.
        if self.chance(0.2) and whom[0].isalpha():
            return self.pick(
                f"Which {whom}? List their {what}.",
                f"For all {whom}, show the {what}.",
                f"Find all {whom} and give their {what}.",
                f"Find the {whom}, and list their {what}.",
                f"{capital(whom)}: {what}",
                f"{capital(whom)}, {what} only",
                f"Which {whom} are there? {capital(what)}, please.",
                f"Which {whom} do we have? Only the {what}.",
            )
        if self.chance(0.15):
            return self.pick(
                f"{capital(what)} of {whom}", f"{capital(what)} of all {whom}", f"Name the {what} of {whom}"
            )
        return self.pick(
            f"What {is_} the {what} {of} {each}{whom}?",
            f"What {is_} the {what} {of} {each}{whom}?",
            f"List the {what} {of} {each}{whom}.",
            f"Show the {what} {of} {each}{whom}.",
            f"Show me the {what} {of} {each}{whom}.",
            f"Give the {what} {of} {each}{whom}.",
            f"Find the {what} {of} {each}{whom}.",
            f"Return the {what} {of} {each}{whom}.",
            f"Give me the {what} {of} {each}{whom}",
            f"Tell me the {what} {of} {each}{whom}.",
            f"I want the {what} {of} {each}{whom}.",
        )

    def ask_number(self, whom: str) -> str:
        """Returns a request for the number of rows."""
        return self.pick(
            f"How many {whom} are there?",
            f"How many {whom} do we have?",
            f"Count the number of {whom}.",
            f"What is the number of {whom}?",
            f"Find the number of {whom}.",
            f"What is the total number of {whom}?",
            f"Return the number of {whom}.",
            f"Count the {whom}.",
            f"How many {whom}?",
            f"Number of {whom}",
        )

    def literal(self, value: str) -> str:
        """Returns a text in the question, quoted now and then."""
        if self.chance(0.06):
            # Whoever types a name, often does so in lower case.
            return value.lower()
        return self.pick(value, value, value, f'"{value}"', f"'{value}'")

    def amount(self, number: int) -> str:
        """Returns `three` or `3`."""
        spelt = number < len(SPELT_NUMBERS) and self.chance(0.5)
        return SPELT_NUMBERS[number] if spelt else str(number)

    def number_of(self, column: DrawnColumn) -> float | int:
        """Draws a number within a column's range."""
        low, high = column.words.range
        if isinstance(low, float) or isinstance(high, float):
            return round(self.rng.uniform(low, high), 1)
        value = self.rng.randint(low, high)
        # People ask for round numbers.
        return round(value, -1) if high - low > 100 and self.chance(0.6) else value

    def day_of(self, column: DrawnColumn) -> str:
        """Draws a day within a column's range, as ISO text."""
        first, last = (date.fromisoformat(str(day)) for day in column.words.range)
        return (first + timedelta(days=self.rng.randint(0, (last - first).days))).isoformat()
