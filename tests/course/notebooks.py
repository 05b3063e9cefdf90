"""Notebooks as files: parts of one, ready to be run, and what a run has left in one."""

from collections.abc import Collection
from copy import deepcopy

from nbformat import NotebookNode

from course.notebook import code_cells, tags, without_outputs

# Cells with this tag are meant to fail; JupyterLab goes on after them.
MAY_FAIL = "raises-exception"


def cells_of(notebook: NotebookNode, names: Collection[str]) -> NotebookNode:
    """Returns a copy with the cells whose id or one of whose tags is among `names`, in the notebook's order.

    Raises:
        ValueError: a name is that of no cell.
    """
    unknown = set(names).difference(*map(_names, notebook.cells))
    if unknown:
        raise ValueError(f"no cell has the id or tag {', '.join(sorted(unknown))}")
    part = deepcopy(notebook)
    part.cells = [cell for cell in part.cells if not _names(cell).isdisjoint(names)]
    return part


def never_run(notebook: NotebookNode) -> NotebookNode:
    """Returns a copy without outputs, execution counts and state of widgets, for this interpreter's kernel."""
    fresh = without_outputs(notebook)
    fresh.metadata.pop("widgets", None)
    # Without it, JupyterLab asks the reader which kernel to take.
    fresh.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return fresh


def counted_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Returns the cells that get an execution count: those with code, not empty."""
    return [cell for cell in code_cells(notebook) if cell.source.strip()]


def index_of(notebook: NotebookNode, cell_id: str) -> int:
    """Returns where a cell stands, counted from 0."""
    return [cell.id for cell in notebook.cells].index(cell_id)


def faults_of_run(notebook: NotebookNode, expected: NotebookNode) -> list[str]:
    """Returns what shows that not every cell of `expected` ran to its end, once, in order; empty if all did."""
    cells, sources = counted_cells(notebook), [cell.source for cell in counted_cells(expected)]
    faults = [] if [cell.source for cell in cells] == sources else ["the cells are not those that were to run"]
    for number, cell in enumerate(cells, 1):
        if cell.execution_count != number:
            faults.append(f"{cell.id}: execution count {cell.execution_count}, not {number}")
        errors = [output for output in cell.outputs if output.output_type == "error" and MAY_FAIL not in tags(cell)]
        faults += [f"{cell.id}: {error.ename}: {error.evalue}" for error in errors]
    return faults


def _names(cell: NotebookNode) -> set[str]:
    return {cell.id, *tags(cell)}
