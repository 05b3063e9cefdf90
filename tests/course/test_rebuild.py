"""`python -m course.rebuild`: all or nothing."""

from base64 import b64encode
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course.notebook import NOTEBOOK, code_cells, read_notebook, run_notebook, write_notebook
from course.rebuild import STEPPER_PICTURE, main, stepper_picture


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
