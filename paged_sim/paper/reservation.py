"""How many slots the paper's Orca baselines reserve for a request at admission (section 6.1).

A contiguous cache cannot grow a request's memory, so it reserves the prompt and the whole answer before the first
token. The three baselines differ in what they know of the answer's length.
"""

from collections.abc import Callable

from paged_sim.paper.buddy_allocator import power_of_two_at_least
from paged_sim.paper.published import ORCA_MAX, ORCA_ORACLE, ORCA_POW2

# Prompt tokens, true answer tokens and the longest sequence of the model -> slots to reserve.
ReservationRule = Callable[[int, int, int], int]


def reserve_max(_prompt: int, _output: int, max_model_len: int) -> int:
    """Returns the longest sequence of the model: nothing is known of the answer."""
    return max_model_len


def reserve_pow2(prompt: int, output: int, max_model_len: int) -> int:
    """Returns the prompt and an answer over-estimated by less than 2 times: 32 slots for 25 tokens."""
    return min(prompt + power_of_two_at_least(output), max_model_len)


def reserve_oracle(prompt: int, output: int, _max_model_len: int) -> int:
    """Returns the true final length, which no real system knows."""
    return prompt + output


RESERVATION_RULES: dict[str, ReservationRule] = {
    ORCA_MAX: reserve_max,
    ORCA_POW2: reserve_pow2,
    ORCA_ORACLE: reserve_oracle,
}
