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
    printed = capsys.readouterr()
    assert printed.out.splitlines() == ["Everything is current.", "Everything was current."]
    assert printed.err == "Everything is translated and current.\n"
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
    assert f"The Korean files stay as they are: {1 + len(messages)} to mend." in said


def test_an_old_translation_is_listed_until_it_is_accepted(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(root, "kv-what", "They never change", "None of them ever changes")
    assert main(["--todo"], root) == 1
    printed = capsys.readouterr()
    assert printed.err == "1 for notebook_cells.md:\n"
    assert printed.out.startswith("<!-- unit kv-what of new -->\n## 1.1 ")
    assert "None of them ever changes" in printed.out
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


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (README_TABLE, None, "readme_sections.md"),
        (README_TABLE, "글", "readme_sections.md must begin with <!-- unit KEY of HASH -->, got '글'"),
        (NOTEBOOK_NAMES[0], "{}", "Notebook"),
        (README_NAMES[0], "# A\n\n## B\n\none\n\n## B\n\ntwo\n", "got b twice: rename one"),
    ],
    ids=["missing", "no-table", "no-notebook", "headings-alike"],
)
def test_what_cannot_be_read_is_said_without_a_traceback(
    root: Path, capsys: pytest.CaptureFixture[str], name: str, content: str | None, message: str
) -> None:
    (root / name).unlink()
    if content is not None:
        (root / name).write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit, match="2"):
        main([], root)
    assert message in capsys.readouterr().err


def test_a_section_that_is_not_translated_stops_the_build(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme, table = root / README_NAMES[0], root / README_TABLE
    readme.write_text(readme.read_text(encoding="utf-8") + "\n## Thanks\n\nWe thank everybody.\n", encoding="utf-8")
    assert main(["--todo"], root) == 1
    table.write_text(table.read_text(encoding="utf-8") + "\n" + capsys.readouterr().out, encoding="utf-8")
    assert main([], root) == 1
    said = capsys.readouterr().err
    assert "readme_sections.md, thanks: translates another English text (new, now " in said
    assert "readme_sections.md, thanks: not translated: We thank everybody." in said


def test_other_line_ends_are_mended(root: Path) -> None:
    korean = root / README_NAMES[1]
    before = korean.read_bytes()
    korean.write_bytes(before.replace(b"\n", b"\r\n"))
    assert main(["--check"], root) == 1
    assert main([], root) == 0
    assert korean.read_bytes() == before
