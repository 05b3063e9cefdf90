"""The parts of the notebook that the browser gets, and what is read from a notebook that has run."""

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.course.notebooks import MAY_FAIL, cells_of, counted_cells, faults_of_run, index_of, never_run


def small_notebook() -> NotebookNode:
    """Returns a notebook with a cell that is found by its tag, and one that is found by its id."""
    cells = [
        new_markdown_cell("# Title", id="title"),
        new_code_cell("import sys", id="imports", metadata={"tags": ["setup"]}),
        new_code_cell("1", id="other"),
        new_code_cell("2", id="stepper"),
    ]
    return new_notebook(cells=cells)


def failed(*, tags: tuple[str, ...] = ()) -> NotebookNode:
    """Returns a notebook whose one cell has run and failed."""
    error = new_output("error", ename="ValueError", evalue="no", traceback=[])
    cell = new_code_cell("int('x')", id="wrong", execution_count=1, outputs=[error], metadata={"tags": list(tags)})
    return new_notebook(cells=[cell])


def test_cells_are_chosen_by_id_or_tag_in_their_own_order() -> None:
    part = cells_of(small_notebook(), ("stepper", "setup"))
    assert [cell.id for cell in part.cells] == ["imports", "stepper"]
    assert index_of(part, "stepper") == 1


def test_a_name_of_no_cell_is_an_error() -> None:
    with pytest.raises(ValueError, match="no cell has the id or tag nowhere"):
        cells_of(small_notebook(), ("setup", "nowhere"))


def test_stored_outputs_and_counts_are_gone() -> None:
    notebook = failed()
    notebook.metadata["widgets"] = {"state": {}}
    fresh = never_run(notebook)
    assert (fresh.cells[0].outputs, fresh.cells[0].execution_count) == ([], None)
    assert "widgets" not in fresh.metadata
    assert fresh.metadata.kernelspec.name == "python3"
    assert faults_of_run(fresh, notebook) == ["wrong: execution count None, not 1"]


def test_an_error_is_a_fault_unless_the_cell_may_fail() -> None:
    assert faults_of_run(failed(), failed()) == ["wrong: ValueError: no"]
    assert faults_of_run(failed(tags=(MAY_FAIL,)), failed()) == []


def test_another_notebook_than_expected_is_a_fault() -> None:
    assert faults_of_run(new_notebook(), failed()) == ["the cells are not those that were to run"]


def test_only_cells_with_code_are_counted() -> None:
    cells = [new_markdown_cell("text"), new_code_cell(" \n"), new_code_cell("1", execution_count=1)]
    assert counted_cells(new_notebook(cells=cells)) == cells[2:]
