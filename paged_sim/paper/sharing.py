"""Memory that the sequences of a request save by sharing blocks: parallel sampling and beam search (Figure 15).

Both are averages over all steps of all requests, as in a system that always runs such requests. All sequences of a
request are as long as its answer: in the paper's experiments the trace sets the length of an answer.
"""

from collections.abc import Callable, Iterable
from itertools import islice, repeat

from paged_sim.checks import require, require_integer
from paged_sim.paper.beams import DROPS, beam_parents
from paged_sim.paper.published import BLOCK_SIZE
from paged_sim.paper.shared_tables import SharedTables

# Number of the request and steps -> for each step, the sequence that each sequence continues.
_ParentModel = Callable[[int, int], Iterable[list[int]]]


def saved_by_parallel_sampling(
    lengths: Iterable[tuple[int, int]], num_samples: int, num_requests: int, block_size: int = BLOCK_SIZE
) -> float:
    """Returns the blocks saved by sharing, in percent of the blocks without sharing (Figure 15a).

    The samples share the full blocks of the prompt, and its last partial block until they write to it.

    Args:
        lengths: of at least `num_requests` requests, (prompt, answer), in tokens.
        num_samples: answers per request, at least 1.
        num_requests: requests to average over, at least 1.
        block_size: tokens per block, at least 1.

    Raises:
        ValueError: a value is out of its range, or there are too few lengths.
    """
    require_integer("num_samples", num_samples, 1)
    themselves = list(range(num_samples))
    return _percent_saved(lengths, num_samples, num_requests, block_size, lambda _, steps: repeat(themselves, steps))


def saved_by_beam_search(
    lengths: Iterable[tuple[int, int]],
    width: int,
    num_requests: int,
    *,
    seed: int = 0,
    block_size: int = BLOCK_SIZE,
    drops: float = DROPS,
) -> float:
    """Returns the blocks saved by sharing, in percent of the blocks without sharing (Figure 15b).

    The beams share the prompt and, up to their common ancestors, the answer. How they descend from each other is the
    assumption of `beam_parents`.

    Args:
        lengths: of at least `num_requests` requests, (prompt, answer), in tokens.
        width: beams per request, at least 1.
        num_requests: requests to average over, at least 1.
        seed: of the beams, an integer of at least 0.
        block_size: tokens per block, at least 1.
        drops: how often beams are dropped, at least 0, see `beam_parents`.

    Raises:
        ValueError: a value is out of its range, or there are too few lengths.
    """
    require_integer("width", width, 1)

    def parents(request: int, steps: int) -> Iterable[list[int]]:
        return beam_parents(width, steps, seed * num_requests + request, drops)

    return _percent_saved(lengths, width, num_requests, block_size, parents)


def _percent_saved(
    lengths: Iterable[tuple[int, int]],
    num_sequences: int,
    num_requests: int,
    block_size: int,
    parents: _ParentModel,
) -> float:
    require_integer("num_requests", num_requests, 1)
    requests = list(islice(lengths, num_requests))
    require(len(requests) == num_requests, "lengths", f"those of {num_requests} requests", len(requests))
    with_sharing = without_sharing = 0
    for request, (prompt, output) in enumerate(requests):
        tables = SharedTables(prompt, num_sequences, block_size)
        for step_parents in parents(request, output):
            with_sharing += tables.num_blocks
            without_sharing += tables.num_blocks_without_sharing
            tables.fork(step_parents)
            tables.append_token()
    return 100 * (1 - with_sharing / without_sharing)
