"""Part 2: which tokens sampling may choose."""

from collections.abc import Callable
from functools import partial
from operator import ge, gt

import numpy as np

from course.exercise import Exercise


def kept_tokens(probabilities: list[float], top_k: int, top_p: float) -> list[int]:
    """What vLLM's sampler leaves, the likeliest token first."""
    import torch
    from vllm.v1.sample.ops.topk_topp_sampler import apply_top_k_top_p_pytorch

    logits = torch.tensor([probabilities], dtype=torch.float64).log()
    left = apply_top_k_top_p_pytorch(logits.clone(), torch.tensor([top_k]), torch.tensor([top_p], dtype=torch.float64))
    order = torch.argsort(logits[0], descending=True).tolist()
    return [token for token in order if left[0, token] > float("-inf")]


def _top_k_only(probabilities: list[float], top_k: int, top_p: float) -> list[int]:
    return sorted(range(len(probabilities)), key=lambda token: -probabilities[token])[:top_k]


def _without_renormalising(probabilities: list[float], top_k: int, top_p: float) -> list[int]:
    kept, total = [], 0.0
    for token in _top_k_only(probabilities, top_k, top_p):
        kept.append(token)
        total += probabilities[token]
        if total >= top_p:
            break
    return kept


def _stopped_before(
    probabilities: list[float], top_k: int, top_p: float, is_enough: Callable[[float, float], bool]
) -> list[int]:
    order = _top_k_only(probabilities, top_k, top_p)
    total, kept, reached = sum(probabilities[token] for token in order), [], 0.0
    for token in order:
        reached += probabilities[token] / total
        if is_enough(reached, top_p):
            break
        kept.append(token)
    return kept


def _cases() -> list[tuple[list[float], int, float]]:
    chance = np.random.default_rng(6)
    cases = [([0.5, 0.3, 0.15, 0.05], 4, 0.7), ([0.05, 0.15, 0.3, 0.5], 2, 1.0), ([0.4, 0.3, 0.2, 0.1], 2, 0.5)]
    for k, p in [(3, 0.9), (5, 0.6), (8, 0.95), (1, 0.5), (4, 0.8)]:
        cases.append((chance.dirichlet(np.full(8, 0.7)).tolist(), k, p))
    return cases


EXERCISES = {
    "kept_tokens": Exercise(
        oracle=kept_tokens,
        source="vLLM's sampler",
        cases=_cases,
        mistakes={
            "top_p is not applied.": _top_k_only,
            "After top_k the probabilities are scaled to add up to 1 again; top_p looks at those.": (
                _without_renormalising
            ),
            "The token that reaches top_p is kept too: keep it, then stop.": partial(_stopped_before, is_enough=ge),
            "The token that exceeds top_p is kept too: keep it, then stop.": partial(_stopped_before, is_enough=gt),
            "Return the ids of the tokens, not their probabilities.": lambda probabilities, top_k, top_p: [
                probabilities[token] for token in kept_tokens(probabilities, top_k, top_p)
            ],
            "The likeliest first: keep the order of the probabilities.": lambda probabilities, top_k, top_p: sorted(
                kept_tokens(probabilities, top_k, top_p)
            ),
            "top_p is a share of the sum: add up from the likeliest token on.": lambda probabilities, top_k, top_p: [
                token for token in _top_k_only(probabilities, top_k, top_p) if probabilities[token] >= top_p
            ],
        },
    ),
}
