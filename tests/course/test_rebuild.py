"""`python -m course.rebuild`: all or nothing."""

from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course import rebuild
from course.notebook import NOTEBOOK, code_cells, read_notebook, run_notebook, write_notebook
from course.rebuild import STEPPER_PICTURE, main, stepper_picture

# One pixel.
_PNG = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


def test_a_run_is_stored_with_its_counts(tmp_path: Path) -> None:
    file = tmp_path / "small.ipynb"
    cells = [new_code_cell("print(6 * 7)", id="first", execution_count=9), new_code_cell("1 + 1", id="second")]
    write_notebook(new_notebook(cells=cells), file)
    assert main(["--notebook", str(file)]) == 0
    first, second = code_cells(read_notebook(file))
    assert (first.execution_count, first.outputs[0].text) == (1, "42\n")
    assert second.outputs[0].data == {"text/plain": "2"}


def test_a_kernel_that_dies_writes_nothing_either(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "small.ipynb"
    write_notebook(new_notebook(cells=[new_code_cell("import os; os._exit(1)", id="deadly")]), file)
    before = file.read_bytes()
    assert main(["--notebook", str(file)]) == 1
    assert file.read_bytes() == before
    assert "Nothing was written: the cell deadly failed: Kernel died" in capsys.readouterr().err


def test_it_runs_from_any_folder_and_leaves_nothing_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    before = set(NOTEBOOK.parent.iterdir())
    fresh = run_notebook(new_notebook(cells=[new_code_cell("import course; course.__name__", id="one")]))
    assert code_cells(fresh)[0].outputs[0].data == {"text/plain": "'course'"}
    assert list(elsewhere.iterdir()) == []
    assert set(NOTEBOOK.parent.iterdir()) == before


def test_nothing_is_written_when_a_cell_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "small.ipynb"
    write_notebook(new_notebook(cells=[new_code_cell("1 / 0", id="wrong")]), file)
    before = file.read_bytes()
    assert main(["--notebook", str(file)]) == 1
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]
    text = "Nothing was written: the cell wrong failed: ZeroDivisionError: division by zero"
    assert text in capsys.readouterr().err


def test_the_picture_in_the_readme_is_that_of_the_notebook() -> None:
    assert STEPPER_PICTURE.read_bytes() == stepper_picture(read_notebook())


def test_the_picture_is_found_by_its_cell() -> None:
    data = {"image/png": b64encode(b"picture").decode()}
    cell = new_code_cell("x", id="lab-preempt-stepper", outputs=[new_output("display_data", data)])
    assert stepper_picture(new_notebook(cells=[cell])) == b"picture"


def test_the_korean_edition_and_the_picture_follow_the_course_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, picture, called = tmp_path / "small.ipynb", tmp_path / "stepper.png", []
    source = f"from IPython.display import Image\nImage({_PNG!r})"
    write_notebook(new_notebook(cells=[new_code_cell(source, id="lab-preempt-stepper")]), file)
    monkeypatch.setattr(rebuild, "NOTEBOOK", file)
    monkeypatch.setattr(rebuild, "STEPPER_PICTURE", picture)
    monkeypatch.setattr(rebuild, "write_korean_edition", lambda arguments: called.append(arguments) or 1)
    assert main(["--notebook", str(file), "--output", str(tmp_path / "other.ipynb")]) == 0
    assert (called, picture.exists()) == ([], False)
    monkeypatch.chdir(tmp_path)
    assert main(["--notebook", file.name]) == 1
    assert (called, picture.read_bytes()) == ([[]], _PNG)


def test_a_missing_notebook_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--notebook", str(tmp_path / "none.ipynb")])
    assert "--notebook must be a notebook" in capsys.readouterr().err
