"""How long a step takes: a roofline over bytes and operations.

A step reads all weights and the keys and values of every token that it attends to, and it multiplies. Whichever of the
two takes longer decides; on top come a fixed overhead and a little for each sequence. All constants are whole
picoseconds, so the sum over many steps is exact and can be had in one formula (`decode_run_ps`).
"""

from dataclasses import dataclass, fields
from typing import Self

from paged_sim.checks import require, require_integer, require_number

PS_PER_S = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class CostModel:
    """Picoseconds of each part of a step.

    Attributes:
        step_ps: launches, scheduling and whatever else every step costs.
        seq_ps: sampling and bookkeeping of one sequence.
        weights_ps: reading all weights once.
        kv_token_ps: reading keys and values of one token, all layers.
        token_ps: multiplying one token with all weights.
        pair_ps: one query with one key and value, all layers and heads.

    Raises:
        ValueError: a constant is no integer of at least 0, or all are 0.
    """

    step_ps: int = 0
    seq_ps: int = 0
    weights_ps: int = 0
    kv_token_ps: int = 0
    token_ps: int = 0
    pair_ps: int = 0

    def __post_init__(self) -> None:
        values = {constant.name: getattr(self, constant.name) for constant in fields(self)}
        for name, value in values.items():
            require_integer(name, value, 0)
        moves = self.step_ps + self.weights_ps + self.token_ps > 0
        require(moves, "step_ps, weights_ps and token_ps", "above 0 in sum, or time would stand still", values)

    @classmethod
    def fixed(cls, step_s: float) -> Self:
        """Returns a model in which every step takes the same time, in seconds, above 0."""
        require_number("step_s", step_s, 0.0)
        require(step_s > 0, "step_s", "above 0", step_s)
        return cls(step_ps=max(1, round(step_s * PS_PER_S)))

    def step_time_ps(self, num_tokens: int, num_seqs: int, num_context_tokens: int, num_pairs: int) -> int:
        """Returns how long a step takes.

        Args:
            num_tokens: tokens that go through the model.
            num_seqs: sequences whose next token is sampled.
            num_context_tokens: tokens whose keys and values are read, summed over the requests of the step.
            num_pairs: pairs of a query and a key, summed likewise; a decoding request has as many as context tokens.
        """
        memory = self.weights_ps + num_context_tokens * self.kv_token_ps
        compute = num_tokens * self.token_ps + num_pairs * self.pair_ps
        return self.step_ps + num_seqs * self.seq_ps + max(memory, compute)

    def decode_run_ps(self, num_seqs: int, num_context_tokens: int, num_steps: int) -> int:
        """Returns how long consecutive steps take in which the same sequences decode and nothing else happens.

        Args:
            num_seqs: sequences that decode; each adds a context token in every step.
            num_context_tokens: those of the first of the steps.
            num_steps: at least 0.
        """
        memory = (self.weights_ps + num_context_tokens * self.kv_token_ps, num_seqs * self.kv_token_ps)
        compute = (num_seqs * self.token_ps + num_context_tokens * self.pair_ps, num_seqs * self.pair_ps)
        return num_steps * (self.step_ps + num_seqs * self.seq_ps) + _sum_of_larger(memory, compute, num_steps)


def num_attention_pairs(num_computed_tokens: int, num_new_tokens: int) -> int:
    """Returns how many pairs of a query and a key a request's causal attention has in a step.

    Args:
        num_computed_tokens: tokens before the step; every new one attends to all of them.
        num_new_tokens: tokens of the step; each attends to itself and the new ones before it.
    """
    return num_new_tokens * num_computed_tokens + num_new_tokens * (num_new_tokens + 1) // 2


def _sum_of_larger(first: tuple[int, int], second: tuple[int, int], n: int) -> int:
    """Returns the sum over i in [0, n) of the larger of two lines, each given as (value at 0, slope)."""
    (a, b), (c, d) = (first, second) if first[1] >= second[1] else (second, first)
    # From `crossing` on the steeper line is at least as high.
    crossing = 0 if a >= c else n if b == d else min(n, -((a - c) // (b - d)))
    return _sum_of_line(c, d, crossing) + _sum_of_line(a, b, n) - _sum_of_line(a, b, crossing)


def _sum_of_line(start: int, slope: int, n: int) -> int:
    return n * start + slope * (n * (n - 1) // 2)
