"""The words of a question: nouns, columns, conditions and what is asked for, in many turns of phrase."""

import random
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import inflect

from text_to_sql.generator.database import DrawnColumn, DrawnTable
from text_to_sql.generator.people import FIRST, LAST

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
# Shares of requests for a name, of those for both names of a person where they stand in two columns, and for a key.
_NAME_SHOWN = 0.5
_BOTH_NAMES = 0.6
_KEY_SHOWN = 0.14
# What begins the rest of a phrase, as in `years of service`, `minutes to arrive`, `year it began`, `copies sold`.
_AFTER_HEAD = frozenset(
    "of in per to a for above from at it they paid claimed worked driven spent won sold scored served needed "  # noqa: SIM905
    "built".split()
)
_WITHOUT_PLURAL = frozenset(
    "money pay stock rainfall rain mileage experience bitterness hardness energy fuel terrain damage".split()  # noqa: SIM905
)
# In plural as they are, or in singular although they end like a plural.
_ENDS_IN_PLURAL = re.compile(r"(?<![iu]s)(?<!ss)(?<=s)$|\b(people|species|staff)$")
_FIXED = re.compile(r"(?:^| AND )(\S+) (?:= |IS NULL)")
# `horses that were sold`, of which `How many horses were sold?` is made; two words at most, so that the verb is theirs.
_OWN_VERB = re.compile(r"((?:[\w-]+ )?[\w-]+) (?:that|who) ((?:are|were|have|had|won|took|cost|work|allow|live) .+)")
_SECOND_CONDITION = re.compile(r" (?:and|or|that|who|whose|where|with) ")


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

    @property
    def fixed(self) -> frozenset[str]:
        """The columns, as SQL names them, that are the same in all rows: nobody asks to see them, or sorts by them."""
        if self.sql.startswith("NOT ") or " OR " in self.sql:
            return frozenset()
        return frozenset(_FIXED.findall(self.sql))

    @property
    def alone(self) -> str:
        """What stands in WHERE if there is no other condition."""
        return self.sql[1:-1] if self.sql.startswith("(") else self.sql


@cache
def in_plural(phrase: str) -> str:
    """Returns `dates of birth` for `date of birth`, and `years of service` for itself."""
    head, rest = _head(phrase)
    if is_plural(phrase) or head.split()[-1] in _WITHOUT_PLURAL:
        return phrase
    return f"{inflect.engine().plural_noun(head)}{rest}"


def is_plural(phrase: str) -> bool:
    """Whether a phrase such as `platforms` or `years of service` is in plural."""
    head, _ = _head(phrase)
    return bool(_ENDS_IN_PLURAL.search(head))


def is_or_are(phrase: str) -> str:
    """Returns the verb that agrees with a phrase."""
    return "are" if is_plural(phrase) else "is"


def is_single(listing: str) -> bool:
    """Whether `is` agrees with the words of columns: a single one in singular."""
    return not re.search(r",| and ", listing) and not is_plural(listing)


def _head(phrase: str) -> tuple[str, str]:
    """Splits a phrase into the words that carry its number, and the rest with a space in front."""
    words = phrase.split()
    end = next((place for place, word in enumerate(words) if place and word in _AFTER_HEAD), len(words))
    return " ".join(words[:end]), "".join(f" {word}" for word in words[end:])


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
        return self.join(self._phrases(columns, table))

    def listings(self, columns: Sequence[DrawnColumn], table: DrawnTable) -> str:
        """Returns `names, ages and countries`, most often."""
        phrases = self._phrases(columns, table)
        return self.join([in_plural(phrase) for phrase in phrases] if self.chance(0.85) else phrases)

    def _phrases(self, columns: Sequence[DrawnColumn], table: DrawnTable) -> list[str]:
        """Returns what columns are called; a first and a last name in a row most often together, as `full name`."""
        phrases = [self.phrase(column, table) for column in columns]
        names = [column.words.name for column in columns]
        for place in range(len(names) - 1):
            if names[place : place + 2] == [FIRST, LAST] and self.chance(0.85):
                whole = self.pick("full name", "first and last name", "first and last name", "name")
                return [*phrases[:place], whole, *phrases[place + 2 :]]
        return phrases

    def join(self, parts: Sequence[str]) -> str:
        """Joins texts with commas and `and`."""
        if len(parts) == 1:
            return parts[0]
        comma = "," if len(parts) > 2 and self.chance(0.4) else ""
        return f"{', '.join(parts[:-1])}{comma} and {parts[-1]}"

    def names(self, table: DrawnTable) -> list[DrawnColumn]:
        """Returns the columns by which rows are known: the name, of people in two columns both, or none."""
        names = table.with_role("name")
        of_people = [column for column in names if column.words.name in (FIRST, LAST)]
        return of_people if len(of_people) > 1 else names[:1]

    def shown(self, table: DrawnTable, most: int = 3, but: Collection[str] = ()) -> list[DrawnColumn]:
        """Draws columns to show, most often the name.

        Args:
            table: has the columns.
            most: number of columns; a first and a last name count as one, and a name beside a key not at all.
            but: columns that are not drawn, as SQL names them; the result may then be empty.
        """

        def left(columns: Sequence[DrawnColumn]) -> list[DrawnColumn]:
            return [column for column in columns if table.sql(column) not in but]

        names = left(self.names(table) if self.chance(_BOTH_NAMES) else table.with_role("name")[:1])
        if (keys := left(table.with_role("key"))) and self.chance(_KEY_SHOWN):
            return [*keys, *names] if most > 1 and self.chance(0.6) else keys
        if names and self.chance(_NAME_SHOWN):
            return names
        rest = [column for column in left(table.with_role(*SHOWN_ROLES)) if column not in names]
        units = [*([names] if names else []), *([column] for column in rest)]
        count = min(len(units), self.rng.choices(range(1, most + 1), (6, 3, 1)[:most])[0])
        return [column for unit in self.rng.sample(units, count) for column in unit]

    def ask(self, what: str, whom: str, *, one: bool = False, numbers: bool = False, order: str = "") -> str:
        """Returns a request for columns (`name and age`) of rows (`horses that …`).

        Args:
            what: the columns.
            whom: the rows.
            one: whether the answer is a single number.
            numbers: whether the columns are aggregates, of all the rows together.
            order: how the rows are sorted, such as `in order of age`.
        """
        # Some of these begin with what is asked about, which may be a number of rows. A single number is of no row.
        if not one and not numbers and whom[0].isalpha() and self.chance(0.2):
            return self._ask_of_rows(what, whom, f" {order}" if order else "")
        is_ = "is" if one or is_single(what) else "are"
        of = self.pick("of", "of", "of", "for")
        each = self.pick("all ", "all ", "the ", "all the ", "")
        sorted_ = f" {order}" if order else ""
        if self.chance(0.1):
            return f"{capital(what)} of {self.pick('', 'all ')}{whom}{sorted_}"
        verb = self.pick("List", "Show", "Show me", "Give", "Find", "Return", "Give me", "Tell me", "I want")
        if self.chance(0.2):
            return f"What {is_} the {what} {of} {each}{whom}{sorted_}?"
        return f"{verb} the {what} {of} {each}{whom}{sorted_}{self.pick('.', '.', '.', '')}"

    def _ask_of_rows(self, what: str, whom: str, order: str) -> str:
        """Begins with the rows; an order stands last, where nothing cuts it off from what it orders."""
        texts = [
            f"For all {whom}, show the {what}{order}.",
            f"Find all {whom} and give their {what}{order}.",
            f"Find the {whom}, and list their {what}{order}.",
            f"{capital(whom)}: {what}{order}",
        ]
        if not order:
            texts += [
                f"{capital(whom)}, {what} only",
                f"Which {whom} are there? {capital(what)}, please.",
                f"Which {whom} do we have? Only the {what}.",
            ]
        return self.pick(*texts)

    def ask_number(self, whom: str) -> str:
        """Returns a request for the number of rows."""
        own_verb = _OWN_VERB.fullmatch(whom)
        if own_verb and not _SECOND_CONDITION.search(f" {own_verb[2]}") and self.chance(0.3):
            return f"How many {own_verb[1]} {own_verb[2]}?"
        return self.pick(
            f"How many {whom} are there?",
            f"How many {whom} are there?",
            f"How many {whom} do we have?",
            f"Count the number of {whom}.",
            f"What is the number of {whom}?",
            f"Find the number of {whom}.",
            f"What is the total number of {whom}?",
            f"Return the number of {whom}.",
            f"Count the {whom}.",
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
