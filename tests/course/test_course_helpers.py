"""Lockstep, records, scores and pictures of the notebook."""

from typing import Any

import pytest
from matplotlib.figure import Figure

from benchmarks.stored_results import load
from course.accuracy import accuracy_table, score_questions
from course.lockstep import lockstep, lockstep_table
from course.pictures import draw_bars, draw_probabilities, draw_token_slots
from course.records import show_plot, show_tables
from paged_sim import KVCacheManager, SchedulerConfig
from paged_sim.workload.trace import Segment, TraceRequest
from text_to_sql.answer import Answer
from text_to_sql.reference_set import load_reference_questions

CONFIG = SchedulerConfig(num_blocks=9, block_size=4, max_num_seqs=4, max_num_batched_tokens=64, max_model_len=32)
SYSTEM = Segment("system", 8)
TRACE = [TraceRequest(name, (SYSTEM, Segment(name, 5)), Segment(f"{name}/answer", 6)) for name in "ABC"]


def test_both_schedulers_have_the_same_tables_at_every_step() -> None:
    rows = lockstep(TRACE, CONFIG)
    assert len(rows) == 8
    assert all(row.is_equal for row in rows)
    table = lockstep_table(rows).data.splitlines()
    first = "A: 1 2 3 4 · B: 1 2 5 6 · C: 1 2 7 8"
    assert [cell.strip() for cell in table[2].split("|")[1:-1]] == ["0", "A: 13 · B: 5 · C: 5", first, first, "yes"]
    assert all(line.endswith("| yes     |") for line in table[2:])


def test_another_decision_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = KVCacheManager.block_ids
    monkeypatch.setattr(KVCacheManager, "block_ids", lambda self, request_id: tables(self, request_id)[::-1])
    rows = lockstep(TRACE, CONFIG)
    assert not any(row.is_equal for row in rows)
    assert "yes" not in lockstep_table(rows).data


def test_tables_of_a_record_are_those_of_the_benchmarks() -> None:
    record = load("compare_cpu")
    assert "Output tokens per second, medians of 3 runs" in show_tables(record).data
    assert "Share of the physical limit" in show_tables(record, details=True).data


def test_a_plot_of_a_record() -> None:
    assert show_plot(load("compare_cpu"), "throughput").data.startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="plot must be one of throughput, ratio, latency, memory, lora, got 'speed'"):
        show_plot(load("compare_cpu"), "speed")
    with pytest.raises(
        ValueError, match=r"The record of python -m benchmarks compare.* has no samples for the plot 'lora'"
    ):
        show_plot(load("compare_cpu"), "lora")


class Answering:
    """Answers some questions with their gold, and the others with a query that cannot be run, or is wrong."""

    def __init__(self, sql: dict[str, str]) -> None:
        self.sql = sql

    def ask_all(self, questions: list[str], **_: Any) -> list[Answer]:
        return [Answer(question, self.sql[question]) for question in questions]


def test_questions_are_scored_by_their_rows() -> None:
    right, wrong, broken = load_reference_questions()[:3]
    sql = {right.question: right.sql, wrong.question: "SELECT 1", broken.question: "SELECT nothing FROM books"}
    score = score_questions(Answering(sql), [right, wrong, broken])  # type: ignore[arg-type]
    assert (score.num_right, score.num_executed, score.num_questions) == (1, 2, 3)
    assert score.summary == "1 of 3 right, 33 % (95 % interval: 6 to 79 %); 2 executed"
    assert [question for question, _, _ in score.wrong] == [wrong.question, broken.question]
    assert score.wrong[0][2] == "Another result than the gold's on the database."


def test_the_recorded_accuracies() -> None:
    assert "the course's bookshop" in accuracy_table().data


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_tokens_stand_in_the_slots_that_were_given() -> None:
    figure = draw_token_slots([5, 0, 5, 99, -1], num_blocks=2, block_size=4)
    assert texts(figure) == ["1", "", "", "", "", "0+2", "", "", "block 0", "block 1"]


def test_bars_have_their_values_beside_them_and_an_axis_with_a_unit() -> None:
    figure = draw_bars({"one": 1234.0, "two": 0.5}, "speed (m/s)")
    assert texts(figure) == ["1,234", "0"]
    assert figure.axes[0].get_xlabel() == "speed (m/s)"


def test_distributions_stand_side_by_side() -> None:
    figure = draw_probabilities(["a", "b"], {"cold": [0.9, 0.1], "hot": [0.5, 0.5]})
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == [0.9, 0.1, 0.5, 0.5]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["cold", "hot"]
