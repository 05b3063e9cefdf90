"""Beam search on forked sequences: survivors fork, losers free their blocks (Figure 9)."""

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from paged_sim.checks import require, require_integer
from paged_sim.paper.forked_sequences import ForkedSequences
from paged_sim.paper.sharing_report import SharingReport
from paged_sim.request import Request


class Beam(NamedTuple):
    """An answer, and the sum of its tokens' log-probabilities."""

    token_ids: tuple[int, ...]
    score: float


@dataclass(frozen=True, slots=True)
class BeamSearchResult:
    """What a beam search found, and the blocks that it took.

    Attributes:
        beams: the best one first.
        report: what sharing saved. The last tokens are chosen only: their keys and values are never computed.
    """

    beams: tuple[Beam, ...]
    report: SharingReport


class _Continuation(NamedTuple):
    parent: int
    token_id: int
    score: float


def beam_search(
    prompt_token_ids: Sequence[int],
    width: int,
    num_tokens: int,
    log_probabilities: Callable[[Sequence[int]], Mapping[int, float]],
    block_size: int = 16,
) -> BeamSearchResult:
    """Searches for likely answers: in each step, the best continuations of all beams go on; returns the last ones.

    Args:
        prompt_token_ids: its tokens, at least one, numbers in [0, 2**32).
        width: how many go on, at least 1. Of equally likely ones, those of the better beam, then the lower tokens.
        num_tokens: length of the answers, at least 1.
        log_probabilities: returns the tokens that may follow the given ones, prompt included.
        block_size: tokens of a block, at least 1.

    Raises:
        ValueError: a value is out of its range, or no token may follow.
    """
    require_integer("width", width, 1)
    require_integer("num_tokens", num_tokens, 1)
    run = ForkedSequences(prompt_token_ids, width, num_tokens, block_size)
    scores = [0.0]
    for step in range(num_tokens):
        if step > 0:
            run.compute()
        chosen = _best(width, scores, [log_probabilities(beam.all_token_ids) for beam in run.sequences])
        parents = [run.sequences[continuation.parent] for continuation in chosen]
        tokens = [[*parent.all_token_ids, best.token_id] for parent, best in zip(parents, chosen, strict=True)]
        children = [Request(f"beam {step}.{rank}", beam, num_tokens) for rank, beam in enumerate(tokens)]
        run.replace(zip(parents, children, strict=True))
        scores = [continuation.score for continuation in chosen]
    answers = [tuple(beam.all_token_ids[len(prompt_token_ids) :]) for beam in run.sequences]
    return BeamSearchResult(tuple(map(Beam, answers, scores)), run.report())


def _best(width: int, scores: list[float], log_probabilities: list[Mapping[int, float]]) -> list[_Continuation]:
    continuations = [
        _Continuation(parent, token_id, scores[parent] + log_probability)
        for parent, following in enumerate(log_probabilities)
        for token_id, log_probability in following.items()
    ]
    require(bool(continuations), "log_probabilities", "at least one token that may follow", log_probabilities)
    return heapq.nsmallest(width, continuations, key=lambda best: (-best.score, best.parent, best.token_id))
