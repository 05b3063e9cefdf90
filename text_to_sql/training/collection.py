"""The training set of a recipe: questions over one schema form a pack, and each pack shows it in a drawn form."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from text_to_sql.data.example import Example, sample
from text_to_sql.data.leakage import leaked_databases
from text_to_sql.data.spider import SPLIT_SEED, load_spider, split_spider
from text_to_sql.data.wikisql import load_wikisql, merge_tables
from text_to_sql.foreign_keys import guessed_keys
from text_to_sql.generator.bookshop.templates import draw_from_templates
from text_to_sql.generator.generate import fixed_domains, generate, split_domains
from text_to_sql.reference_set import is_reference_question
from text_to_sql.training.mistakes import with_mistake
from text_to_sql.training.recipe import Recipe
from text_to_sql.training.shown_joins import join_as_shown
from text_to_sql.training.variation import vary

MOST_WIKISQL_TABLES = 4

Pack = list[Example]


def collect_packs(data: Path, recipe: Recipe) -> tuple[list[Pack], list[Pack]]:
    """Returns (training, held out); held out are whole databases of Spider, with the keys that their names suggest.

    Raises:
        FileNotFoundError: the data is missing.
    """
    rng = random.Random(recipe.seed)
    training, held_out = split_spider(load_spider(data, paraphrases=True))
    held_out = sample(held_out, recipe.held_out_examples, random.Random(SPLIT_SEED))
    held_out = [_with_guessed_keys(example) for example in held_out]
    packs = [pack for _ in range(recipe.spider_passes) for pack in packs_by_database(training, recipe.pack_size, rng)]
    if recipe.wikisql_examples:
        packs += _wikisql_packs(load_wikisql(data, "train", recipe.wikisql_examples, recipe.seed), recipe, rng)
    if recipe.generated_examples:
        packs += generate(recipe.generated_examples, split_domains()[0], recipe.seed, recipe.pack_size)
    if recipe.bookshop_examples:
        packs += generate(recipe.bookshop_examples, fixed_domains(), recipe.seed, recipe.pack_size)
    if recipe.template_examples:
        packs += draw_from_templates(recipe.template_examples, recipe.seed, recipe.pack_size)
    packs = [kept for pack in packs if (kept := [one for one in pack if not is_reference_question(one.question)])]
    if leaked := leaked_databases((example for pack in packs for example in pack), held_out):
        raise ValueError(f"held-out databases are among those to train on: {', '.join(leaked)}")
    shown = [
        [_now_and_then_mistaken(join_as_shown(example), recipe, rng) for example in vary(pack, rng)] for pack in packs
    ]
    # Every recipe is judged by the same questions, in the same order.
    return shown, packs_by_database(held_out, recipe.pack_size, random.Random(SPLIT_SEED))


def _now_and_then_mistaken(example: Example, recipe: Recipe, rng: random.Random) -> Example:
    return with_mistake(example, rng) if rng.random() < recipe.mistakes else example


def packs_by_database(examples: Iterable[Example], size: int, rng: random.Random) -> list[Pack]:
    """Groups examples by database, in random order, at most `size` a pack."""
    databases = defaultdict(list)
    for example in examples:
        databases[example.database].append(example)
    packs = []
    for group in databases.values():
        rng.shuffle(group)
        packs += [group[start : start + size] for start in range(0, len(group), size)]
    return packs


def _with_guessed_keys(example: Example) -> Example:
    return replace(example, schema=replace(example.schema, foreign_keys=guessed_keys(example.schema.tables)))


def _wikisql_packs(examples: Sequence[Example], recipe: Recipe, rng: random.Random) -> list[Pack]:
    """Puts one to four tables with their questions into one schema."""
    tables = packs_by_database(examples, recipe.pack_size, rng)
    rng.shuffle(tables)
    packs: list[Pack] = []
    while tables:
        chosen = [tables.pop() for _ in range(min(len(tables), rng.randint(1, MOST_WIKISQL_TABLES)))]
        packs.append(merge_tables(chosen, rng)[: recipe.pack_size])
    return packs
