"""Draws examples: a domain, a database of it, and questions about that database."""

import random
from collections.abc import Iterator, Sequence

from text_to_sql.data.canonical import canonical_sql
from text_to_sql.data.example import Example
from text_to_sql.data.kind import kind_of
from text_to_sql.generator import (
    aggregates,
    chains,
    compared_rows,
    composed,
    composed_groups,
    counted_children,
    counted_rows,
    foremost,
    groups,
    joined_tables,
    named_rows,
    set_operations,
    several_selects,
    single_table,
)
from text_to_sql.generator.database import DrawnDatabase, draw_database
from text_to_sql.generator.domain import Domain, load_domains
from text_to_sql.generator.single_table import Pattern
from text_to_sql.generator.wording import Question, Wording
from text_to_sql.values import ValueIndex

# Shares of questions; what a database has no tables for is drawn again.
_GROUPS: tuple[tuple[Sequence[tuple[Pattern, int]], int], ...] = (
    ((*single_table.PATTERNS, *groups.PATTERNS), 22),
    ((*joined_tables.PATTERNS, *counted_children.PATTERNS, *chains.PATTERNS), 34),
    ((*several_selects.PATTERNS, *set_operations.PATTERNS), 10),
    (named_rows.PATTERNS, 5),
    ((*composed.PATTERNS, *foremost.PATTERNS, *counted_rows.PATTERNS), 22),
    (aggregates.PATTERNS, 5),
    (composed_groups.PATTERNS, 14),
    (compared_rows.PATTERNS, 7),
)


def split_domains() -> tuple[list[Domain], list[Domain]]:
    """Returns (training, held out) domains, without fixed ones."""
    domains = [domain for domain in load_domains() if not domain.fixed]
    return [one for one in domains if not one.held_out], [one for one in domains if one.held_out]


def fixed_domains() -> list[Domain]:
    """Returns the domains of one database each, such as the bookshop of the course."""
    return [domain for domain in load_domains() if domain.fixed]


def generate(count: int, domains: Sequence[Domain], seed: int, questions_per_database: int = 8) -> list[list[Example]]:
    """Returns at least `count` examples, those over one database together.

    Args:
        count: at least 1.
        domains: what databases are drawn from; the caller decides which are for training.
        seed: the same seed gives the same examples.
        questions_per_database: at least 1.

    Raises:
        ValueError: a number is out of range, or there is no domain.
    """
    for name, value in (("count", count), ("questions_per_database", questions_per_database)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if not domains:
        raise ValueError("domains must be one or more, got none")
    rng = random.Random(seed)
    drawn: list[list[Example]] = []
    made = 0
    while made < count:
        # A table of keys alone gives no questions.
        if group := _examples(draw_database(rng.choice(domains), rng), questions_per_database, rng):
            drawn.append(group)
            made += len(group)
    return drawn


def _examples(database: DrawnDatabase, count: int, rng: random.Random) -> list[Example]:
    schema, index = database.schema, ValueIndex(database.texts)
    examples = []
    for question in _questions(database, count, Wording(rng)):
        sql = canonical_sql(question.sql, schema)
        values = index.matches(question.text)
        examples.append(Example(database.domain, schema, question.text, sql, kind_of(sql), "generator", values))
    return examples


def _questions(database: DrawnDatabase, count: int, wording: Wording) -> Iterator[Question]:
    """Yields `count` different questions; fewer if a small database has not as many."""
    seen: set[str] = set()
    shares, weights = zip(*_GROUPS, strict=True)
    for _ in range(10 * count):
        [patterns] = wording.rng.choices(shares, weights)
        question = _draw_question(database, patterns, wording)
        if question and question.sql not in seen:
            seen.add(question.sql)
            yield question
        if len(seen) == count:
            return


def _draw_question(
    database: DrawnDatabase, patterns: Sequence[tuple[Pattern, int]], wording: Wording
) -> Question | None:
    makers, weights = zip(*patterns, strict=True)
    [maker] = wording.rng.choices(makers, weights)
    return maker(database, wording)
