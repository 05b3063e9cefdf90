"""Greedy generation, with and without a KV cache: the loop is the same, and only the cache's life differs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paged_sim.checks import require, require_integer
from paged_sim.kv_cache_effect.numpy_model import TinyDecoder
from paged_sim.kv_cache_effect.work import Work
from paged_sim.kv_cache_effect.work_counter import WorkCounter


@dataclass(frozen=True, slots=True)
class Generation:
    """An answer and what it took.

    Attributes:
        token_ids: the generated tokens.
        token_works: the work of each of them, as counted while the model ran.
    """

    token_ids: tuple[int, ...]
    token_works: tuple[Work, ...]

    @property
    def work(self) -> Work:
        """The work of all tokens."""
        return sum(self.token_works, Work())


def generate(model: TinyDecoder, prompt_token_ids: Sequence[int], new_tokens: int, use_cache: bool) -> Generation:
    """Returns the likeliest next token, again and again.

    Args:
        model: computes the logits.
        prompt_token_ids: at least one token.
        new_tokens: how many to generate, at least 1.
        use_cache: whether keys and values are kept from step to step, or forgotten after each.

    Raises:
        ValueError: a value is out of its range.
    """
    require(len(prompt_token_ids) > 0, "prompt_token_ids", "at least one token", prompt_token_ids)
    require_integer("new_tokens", new_tokens, 1)
    tokens, works = list(prompt_token_ids), []
    cache = model.new_cache(len(tokens) + new_tokens)
    for _ in range(new_tokens):
        if not use_cache:
            cache = model.new_cache(len(tokens))
        counter = WorkCounter()
        logits = model.forward(tokens[cache.num_tokens :], cache, counter)
        tokens.append(int(np.argmax(logits)))
        works.append(counter.work)
    return Generation(tuple(tokens[len(prompt_token_ids) :]), tuple(works))
