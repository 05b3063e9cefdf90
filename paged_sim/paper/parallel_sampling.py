"""Several answers to one prompt, which share its blocks by fork (Figure 8)."""

from collections.abc import Sequence

from paged_sim.checks import require
from paged_sim.paper.forked_sequences import ForkedSequences
from paged_sim.paper.sharing_report import SharingReport
from paged_sim.request import Request


def sample_in_parallel(
    prompt_token_ids: Sequence[int], answers: Sequence[Sequence[int]], block_size: int = 16
) -> SharingReport:
    """Computes a prompt once and continues it with each answer, one token of each per step; returns what sharing saved.

    The last token of an answer is sampled only: its keys and values are never computed, as in vLLM. A sequence frees
    its blocks once nothing of it is left to compute.

    Args:
        prompt_token_ids: its tokens, at least one, numbers in [0, 2**32).
        answers: the tokens of each, at least one.
        block_size: tokens of a block, at least 1.

    Raises:
        ValueError: a value is out of its range.
    """
    require(len(answers) > 0 and all(map(len, answers)), "answers", "at least one, each of at least one token", answers)
    longest = max(map(len, answers))
    samples = [Request(f"sample {i}", [*prompt_token_ids, *answer], longest) for i, answer in enumerate(answers)]
    run = ForkedSequences(prompt_token_ids, len(answers), longest, block_size)
    [prompt] = run.sequences
    run.replace((prompt, sample) for sample in samples)
    for num_sampled in range(1, longest):
        run.drop([sample for sample, answer in zip(samples, answers, strict=True) if len(answer) == num_sampled])
        run.compute()
    return run.report()
