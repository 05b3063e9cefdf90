"""README.md and the model card show what the code prints and what the records hold."""

import pytest

from benchmarks import report
from text_to_sql import model_card
from text_to_sql.command_line import SAMPLE_QUESTIONS, build_parser


def test_the_readme_shows_the_tables_of_the_records() -> None:
    text = report.README.read_text(encoding="utf-8")
    assert report.render() in text
    assert report.with_figures(text) == text


def test_the_readme_shows_the_help_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert build_parser().format_help().strip() in report.README.read_text(encoding="utf-8")


def test_the_readme_shows_the_sample_questions() -> None:
    text = report.README.read_text(encoding="utf-8")
    assert all(question in text for question in SAMPLE_QUESTIONS)


def test_the_model_card_shows_the_records() -> None:
    assert model_card.CARD.read_text(encoding="utf-8") == model_card.render(*model_card.load_records())
    assert (model_card.CARD.parent / model_card.LOSS_CURVE).is_file()
