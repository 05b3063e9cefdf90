"""`python -m course.korean` on a copy of both editions: what an English change makes it say, and do."""

import shutil
from pathlib import Path

import pytest

from course.korean.__main__ import main
from course.korean.edition import NOTEBOOK_NAMES, NOTEBOOK_TABLE, README_NAMES, README_TABLE, ROOT
from course.korean.table import read_table
from course.notebook import read_notebook, write_notebook

KOREAN_NOTEBOOK, KOREAN_README = NOTEBOOK_NAMES[1], README_NAMES[1]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / NOTEBOOK_TABLE).parent.mkdir(parents=True)
    for name in (*NOTEBOOK_NAMES, *README_NAMES, NOTEBOOK_TABLE, README_TABLE):
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def change(root: Path, cell_id: str, old: str, new: str) -> None:
    """Changes a cell of the English notebook."""
    notebook = read_notebook(root / NOTEBOOK_NAMES[0])
    cell = next(cell for cell in notebook.cells if cell.id == cell_id)
    assert old in cell.source
    cell.source = cell.source.replace(old, new)
    write_notebook(notebook, root / NOTEBOOK_NAMES[0])


def contents(root: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file()]


def test_what_is_committed_is_current(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(root)
    assert main(["--check"], root) == 0
    assert main([], root) == 0
    assert main(["--todo"], root) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Everything is current.",
        "Everything was current.",
        "Everything is translated and current.",
    ]
    assert contents(root) == before


def test_both_files_are_built_again(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / KOREAN_NOTEBOOK).unlink()
    (root / KOREAN_README).write_text("old", encoding="utf-8")
    assert main(["--check"], root) == 1
    assert main([], root) == 0
    assert capsys.readouterr().out.splitlines() == [
        "vllm.ko.ipynb is not what python -m course.korean writes: run it.",
        "README.ko.md is not what python -m course.korean writes: run it.",
        "vllm.ko.ipynb is written.",
        "README.ko.md is written.",
    ]
    for name in (KOREAN_NOTEBOOK, KOREAN_README):
        assert (root / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.parametrize(
    ("cell_id", "old", "new", "messages"),
    [
        ("kv-what", "They never change, so they are kept", "They never change and are kept", []),
        ("gqa-read", "512 KiB", "640 KiB", ["numbers differ: only in English 640, only in Korean 512"]),
        ("end", "2309.06180", "2309.06181", ["only in English https://arxiv.org/abs/2309.06181, only in Korean"]),
    ],
    ids=["sentence", "number", "link"],
)
def test_an_english_change_stops_the_build(
    root: Path, capsys: pytest.CaptureFixture[str], cell_id: str, old: str, new: str, messages: list[str]
) -> None:
    change(root, cell_id, old, new)
    before = contents(root)
    assert main([], root) == 1
    assert contents(root) == before
    said = capsys.readouterr().err
    assert f"notebook_cells.md, {cell_id}: translates another English text" in said
    assert "--- English\n" in said
    assert "--- Korean\n" in said
    for message in messages:
        assert message in said
    assert f"Nothing was written: {1 + len(messages)} to mend." in said


def test_an_old_translation_is_listed_until_it_is_accepted(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(root, "kv-what", "They never change", "None of them ever changes")
    assert main(["--todo"], root) == 1
    todo = capsys.readouterr().out
    assert todo.startswith("In notebook_cells.md:\n\n<!-- unit kv-what of ")
    assert "None of them ever changes" in todo
    others = [entry for entry in read_table(root / NOTEBOOK_TABLE) if entry.key != "kv-what"]
    assert main(["--accept", "kv-what"], root) == 0
    assert [entry for entry in read_table(root / NOTEBOOK_TABLE) if entry.key != "kv-what"] == others
    assert main(["--check"], root) == 0


def test_only_translations_can_be_accepted(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(root)
    with pytest.raises(SystemExit, match="2"):
        main(["--accept", "kv-what", "kv-waht"], root)
    assert "--accept must name translated texts, got kv-waht" in capsys.readouterr().err
    assert contents(root) == before


def test_a_missing_file_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / README_TABLE).unlink()
    with pytest.raises(SystemExit, match="2"):
        main([], root)
    assert "readme_sections.md" in capsys.readouterr().err
