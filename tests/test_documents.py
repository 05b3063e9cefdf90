"""README.md and the model card show what the code prints and what the records hold."""

import re
from pathlib import Path

import pytest

from benchmarks import readme_figures as figures
from benchmarks.stored_results import RESULTS, comparison_records, load
from text_to_sql import model_card
from text_to_sql.command_line import SAMPLE_QUESTIONS, build_parser
from text_to_sql.generator.bookshop.templates import load_templates

PACKAGE_README = figures.README.parent / "text_to_sql" / "README.md"


@pytest.mark.parametrize("page", figures.FIGURES, ids=lambda page: page.parent.name)
def test_pages_show_the_tables_of_the_records(page: Path) -> None:
    text, tables = page.read_text(encoding="utf-8"), figures.FIGURES[page]()
    assert tables in text
    assert figures.with_figures(text, tables) == text


def test_every_comparison_has_its_plots() -> None:
    for file in comparison_records():
        assert list(RESULTS.glob(f"{file.stem}-*.svg")), file.name


def test_the_readme_shows_the_help_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert build_parser().format_help().strip() in figures.README.read_text(encoding="utf-8")


def test_the_readme_shows_the_sample_questions() -> None:
    text = figures.README.read_text(encoding="utf-8")
    assert all(question in text for question in SAMPLE_QUESTIONS)


def test_the_model_card_shows_the_records() -> None:
    assert model_card.CARD.read_text(encoding="utf-8") == model_card.render(*model_card.load_records())
    assert (model_card.CARD.parent / model_card.LOSS_CURVE).is_file()


def test_the_packages_readme_shows_the_runs_and_the_templates() -> None:
    text = " ".join(PACKAGE_README.read_text(encoding="utf-8").split())
    right = {run["name"]: run["accuracies"]["spider"] for run in load("training_pilots")["runs"]}
    shares = [f"{right[name]:.1f}" for name in ("G", "G + names", "G + FROM clause")]
    sentence = "{} % without columns and tables, {} % where they are listed, {} % where the tables are joined"
    assert sentence.format(*shares) in text
    assert re.search(rf"\b{len(load_templates()):,} templates more", text)
