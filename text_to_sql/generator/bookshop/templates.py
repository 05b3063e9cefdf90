"""Templates of questions with their SQL, in the TOML files beside this, and how a question is drawn from one.

`[a|b|]` in a question is a choice, and `{genre}` a slot, in question and SQL alike; `slots.py` says what fills it. They
were written without a look at the reference set; those of `*_sets.toml` for kinds of query that had failed on it.
"""

import random
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from text_to_sql.data.canonical import canonical_sql
from text_to_sql.data.example import Example
from text_to_sql.data.kind import kind_of
from text_to_sql.execution.read_only_database import ReadOnlyDatabase
from text_to_sql.generator.bookshop.slots import SLOT, draw_fillings, slots_of
from text_to_sql.sample_database import sample_database_path
from text_to_sql.values import ValueIndex

DATABASE = "bookshop"
SOURCE = "template"
_FILES = ("books.toml", "books_composed.toml", "books_sets.toml", "shop.toml", "shop_composed.toml", "shop_sets.toml")
_CHOICE = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class Template:
    """One query with slots, and the wordings that ask for it.

    Raises:
        ValueError: a wording lacks a slot of the query, or has another one.
    """

    sql: str
    questions: tuple[str, ...]

    def __post_init__(self) -> None:
        for question in self.questions:
            if slots_of(question) != slots_of(self.sql):
                raise ValueError(
                    f"{question!r} has the slots {sorted(slots_of(question))}, its SQL {sorted(slots_of(self.sql))}"
                )

    def draw(self, rng: random.Random) -> tuple[str, str]:
        """Returns a question and its SQL."""
        fillings = draw_fillings(self.sql, rng)
        wording = _CHOICE.sub(lambda choice: rng.choice(choice[1].split("|")), rng.choice(self.questions))
        question = _filled(wording, {name: one.shown for name, one in fillings.items()})
        return question.strip(), _filled(self.sql, {name: one.literal for name, one in fillings.items()})


def _filled(text: str, values: dict[str, str]) -> str:
    return SLOT.sub(lambda slot: values[slot[1]], text)


@cache
def load_templates() -> tuple[Template, ...]:
    """Returns all templates.

    Raises:
        ValueError: a file is no TOML, or a template is wrong; the message names the file.
    """
    return tuple(template for name in _FILES for template in _load(name))


def _load(name: str) -> Iterator[Template]:
    try:
        content = tomllib.loads((files(__package__) / name).read_text(encoding="utf-8"))
        for one in content["template"]:
            yield Template(one["sql"], tuple(one["questions"]))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    except KeyError as error:
        raise ValueError(f"{name}: a template has no {error}") from error


def draw_from_templates(count: int, seed: int, questions_per_pack: int = 8) -> list[list[Example]]:
    """Returns `count` examples, at most `questions_per_pack` together; each template once before any comes again.

    Raises:
        ValueError: a number is out of range.
    """
    for name, value in (("count", count), ("questions_per_pack", questions_per_pack)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    with ReadOnlyDatabase(sample_database_path()) as database:
        schema, index = database.schema, ValueIndex(database.sample_texts())
    examples = []
    for question, drawn in _questions(count, random.Random(seed)):
        sql = canonical_sql(drawn, schema)
        values = index.matches(question)
        examples.append(Example(DATABASE, schema, question, sql, kind_of(sql), SOURCE, values))
    return [examples[start : start + questions_per_pack] for start in range(0, count, questions_per_pack)]


def _questions(count: int, rng: random.Random) -> Iterator[tuple[str, str]]:
    order: list[Template] = []
    for _ in range(count):
        if not order:
            order = rng.sample(load_templates(), len(load_templates()))
        yield order.pop().draw(rng)
