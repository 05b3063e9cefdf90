"""Parallel sampling and beam search on forked sequences."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paged_sim.paper.beam_search import Beam, beam_search
from paged_sim.paper.forking import BlockUse
from paged_sim.paper.parallel_sampling import sample_in_parallel
from paged_sim.paper.shared_tables import SharedTables
from paged_sim.paper.sharing_report import SharingReport

VOCABULARY = 6


def log_probabilities(token_ids: Sequence[int]) -> dict[int, float]:
    """Returns scores that depend on all tokens; few of them are equal."""
    return {token: -hashlib.sha256(bytes([*token_ids, token])).digest()[0] / 64 for token in range(VOCABULARY)}


def test_samples_share_the_prompt() -> None:
    # A prompt of 1.5 blocks. The third answer has ended when the other two part in the second block: one copy.
    report = sample_in_parallel(range(6), [[1, 2, 3, 4], [5, 6, 7, 8], [9]], block_size=4)
    assert report.num_copies == 1
    # The prompt; one token each, the third sequence having ended; two blocks each; the first of a third block.
    assert report.steps == (BlockUse(2, 6), BlockUse(3, 4), BlockUse(3, 4), BlockUse(5, 6))
    assert report.peak == BlockUse(5, 6)
    assert report.saved == pytest.approx(1 - 13 / 20)


def test_the_peak_is_passed_when_answers_end() -> None:
    # Two of three answers end after their second token; the third goes on alone.
    report = sample_in_parallel(range(6), [[1, 2], [3, 4], [5, 6, 7, 8]], block_size=4)
    assert report.num_copies == 2
    assert report.steps == (BlockUse(2, 6), BlockUse(4, 6), BlockUse(2, 2), BlockUse(3, 3))
    assert report.peak == BlockUse(4, 6)
    assert report.saved == pytest.approx(1 - 11 / 17)


def test_of_several_peaks_the_first_counts() -> None:
    report = SharingReport((BlockUse(2, 6), BlockUse(4, 5), BlockUse(4, 8), BlockUse(3, 9)), num_copies=0)
    assert report.peak == BlockUse(4, 5)


def test_one_sample_shares_nothing() -> None:
    report = sample_in_parallel(range(6), [[1, 2, 3, 4]], block_size=4)
    assert (report.num_copies, report.saved) == (0, 0)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 20), st.integers(1, 5), st.integers(1, 12), st.integers(1, 5))
def test_samples_take_the_blocks_that_a_counting_model_says(prompt: int, n: int, answer: int, block_size: int) -> None:
    report = sample_in_parallel(range(prompt), [[sample] * answer for sample in range(n)], block_size)
    tables = SharedTables(prompt, n, block_size)
    expected = []
    for _ in range(answer):
        expected.append(BlockUse(tables.num_blocks, tables.num_blocks_without_sharing))
        tables.append_token()
    assert list(report.steps) == expected


def search_without_blocks(prompt: list[int], width: int, num_tokens: int) -> tuple[list[Beam], list[list[int]]]:
    """Returns the beams, and for each step the beams that were continued."""
    beams, parents = [Beam((), 0.0)], []
    for _ in range(num_tokens):
        choices = [
            (-(beam.score + score), index, token)
            for index, beam in enumerate(beams)
            for token, score in log_probabilities([*prompt, *beam.token_ids]).items()
        ]
        best = sorted(choices)[:width]
        beams = [Beam((*beams[index].token_ids, token), -score) for score, index, token in best]
        parents.append([index for _, index, _ in best])
    return beams, parents


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=9),
    st.integers(1, VOCABULARY),
    st.integers(1, 14),
    st.integers(1, 5),
)
def test_beams_are_the_best_and_take_the_blocks_that_a_counting_model_says(
    prompt: list[int], width: int, num_tokens: int, block_size: int
) -> None:
    result = beam_search(prompt, width, num_tokens, log_probabilities, block_size)
    beams, parents = search_without_blocks(prompt, width, num_tokens)
    assert [beam.token_ids for beam in result.beams] == [beam.token_ids for beam in beams]
    assert [beam.score for beam in result.beams] == pytest.approx([beam.score for beam in beams])
    tables = SharedTables(len(prompt), width, block_size)
    expected = []
    for step_parents in parents:
        expected.append(BlockUse(tables.num_blocks, tables.num_blocks_without_sharing))
        tables.fork(step_parents)
        tables.append_token()
    assert list(result.report.steps) == expected


def test_beam_search_finds_what_a_greedy_search_misses() -> None:
    # The likelier first token leads to unlikely second ones.
    scores = {(9,): {1: -0.1, 2: -0.2}, (9, 1): {3: -5.0}, (9, 2): {4: -0.3}}
    greedy = beam_search([9], 1, 2, lambda tokens: scores[tuple(tokens)])
    assert greedy.beams == (Beam((1, 3), -5.1),)
    both = beam_search([9], 2, 2, lambda tokens: scores[tuple(tokens)])
    assert [beam.token_ids for beam in both.beams] == [(2, 4), (1, 3)]
    assert both.beams[0].score == pytest.approx(-0.5)


def test_fewer_continuations_than_the_width_are_all_kept() -> None:
    result = beam_search([1], 4, 2, lambda _: {5: -1.0, 6: -2.0})
    assert [beam.token_ids for beam in result.beams] == [(5, 5), (5, 6), (6, 5), (6, 6)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [[1]], 4), "prompt_token_ids must be at least one token"),
        (([1], [], 4), "answers must be at least one, each of at least one token"),
        (([1], [[1], []], 4), "answers must be at least one, each of at least one token"),
        (([1], [[-1]], 4), r"prompt_token_ids must be numbers in \[0, 2\*\*32\), got -1"),
        (([1], [[1]], 0), "block_size must be an integer of at least 1, got 0"),
    ],
)
def test_bad_samples_are_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sample_in_parallel(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 1, 1, log_probabilities), "prompt_token_ids must be at least one token"),
        (([1], 0, 1, log_probabilities), "width must be an integer of at least 1, got 0"),
        (([1], 1, 0, log_probabilities), "num_tokens must be an integer of at least 1, got 0"),
        (([1], 1, 1, log_probabilities, 0), "block_size must be an integer of at least 1, got 0"),
        (([1], 1, 1, lambda _: {}), "log_probabilities must be at least one token that may follow"),
    ],
)
def test_bad_beams_are_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        beam_search(*arguments)
