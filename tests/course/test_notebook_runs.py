"""vllm.ipynb in a real kernel: from the first cell to the last, and after a restart in the middle of Part 4."""

import re
from collections.abc import Iterable

import nbformat
import pytest
from nbformat import NotebookNode

from course.notebook import code_cells, read_notebook, run_notebook
from inference.bundled_model import bundled_model_path
from tests.course.outputs import differences
from tests.course.prose import parts

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module", autouse=True)
def converted_model() -> None:
    """The first use of the bundled model says that it is converted once, and the notebook was stored after that."""
    bundled_model_path()


def only(notebook: NotebookNode, cells: Iterable[NotebookNode]) -> NotebookNode:
    """Returns a notebook of some cells, copies of them."""
    part = nbformat.from_dict(notebook)
    part.cells = [nbformat.from_dict(cell) for cell in cells]
    return part


def test_the_whole_notebook_runs_and_shows_what_is_stored() -> None:
    stored = read_notebook()
    assert differences(stored, run_notebook(stored)) == []


def test_after_a_restart_in_part_4_a_cell_says_what_to_rerun_and_then_the_part_runs() -> None:
    stored = read_notebook()
    part = parts(stored)["4"]
    restarted = nbformat.from_dict(next(cell for cell in part if cell.id == "several-batch"))
    restarted.id, restarted.metadata = "restarted", nbformat.from_dict({"tags": ["raises-exception"]})
    # It says which processor computes.
    setup = [cell for cell in stored.cells if cell.id == "setup"]
    fresh = run_notebook(only(stored, [restarted, *setup, *part]))
    failed, *rest = code_cells(fresh)
    [error] = failed.outputs
    assert (error.ename, error.evalue) == ("NameError", "name 'llm' is not defined")
    assert 'uses llm (cell "Start of Part 4")' in re.sub(r"\x1b\[[\d;]*m", "", "\n".join(error.traceback))
    assert rest[1].source.startswith("# Start of Part 4\n")
    assert differences(only(stored, [*setup, *part]), only(stored, rest)) == []
