"""The training set of a recipe: Spider, a part of WikiSQL and the generator, each example in a drawn form."""

import random
from dataclasses import replace
from pathlib import Path

from text_to_sql.data.example import Example, sample
from text_to_sql.data.spider import SPLIT_SEED, split_spider
from text_to_sql.data.wikisql import among_other_tables, load_wikisql, rename_table
from text_to_sql.foreign_keys import guessed_keys
from text_to_sql.training.recipe import Recipe
from text_to_sql.training.variation import vary

# Half of WikiSQL's questions stand among one to three other tables.
_AMONG_OTHERS = 0.5


def collect_examples(data: Path, recipe: Recipe) -> tuple[list[Example], list[Example]]:
    """Returns (training, held out); held out are whole databases of Spider.

    Raises:
        FileNotFoundError: the data is missing.
    """
    rng = random.Random(recipe.seed)
    training = _wikisql(data, recipe.wikisql_examples, rng) if recipe.wikisql_examples else []
    spider, _ = split_spider(data, paraphrases=True)
    training += spider * recipe.spider_passes
    _, held_out = split_spider(data)
    # What a database without declared keys would show: its gold joins must not help.
    held_out = [_with_guessed_keys(example) for example in held_out]
    held_out = sample(held_out, recipe.held_out_examples, random.Random(SPLIT_SEED))
    return [vary(example, rng) for example in training], held_out


def _with_guessed_keys(example: Example) -> Example:
    return replace(example, schema=replace(example.schema, foreign_keys=guessed_keys(example.schema.tables)))


def _wikisql(data: Path, count: int, rng: random.Random) -> list[Example]:
    """Draws questions, two thirds of them with two conditions or more: they are the harder third."""
    examples = load_wikisql(data, "train")
    hard = [example for example in examples if " AND " in example.sql]
    chosen = sample(hard, count * 2 // 3, rng)
    chosen += sample(examples, count - len(chosen), rng)
    return [
        among_other_tables(example, rng.sample(examples, rng.randint(1, 3)), rng)
        if rng.random() < _AMONG_OTHERS
        else rename_table(example, rng)
        for example in chosen
    ]
