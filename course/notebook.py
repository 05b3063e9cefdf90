"""vllm.ipynb as data: read, run, cleaned of what differs from run to run, and written."""

from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

from inference.json_file import write_text

NOTEBOOK: Final = Path(__file__).resolve().parent.parent / "vllm.ipynb"
# Longer than any cell takes on two cores; the longest is the live benchmark.
CELL_TIMEOUT_S: Final = 600
# A cell with this tag shows times, memory or this machine: its output differs from run to run.
VARIES: Final = "varies"
# Widgets live in the running kernel; the still pictures beside them are kept.
_WIDGET = "application/vnd.jupyter.widget-view+json"


def read_notebook(path: Path = NOTEBOOK) -> NotebookNode:
    """Returns a notebook of format 4.

    Raises:
        OSError: there is no such file.
        nbformat.ValidationError: it is no valid notebook.
    """
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def write_notebook(notebook: NotebookNode, path: Path = NOTEBOOK) -> None:
    """Writes a notebook, whole or not at all."""
    write_text(path, notebook_text(notebook))


def notebook_text(notebook: NotebookNode) -> str:
    """Returns a notebook as it is stored."""
    return nbformat.writes(notebook) + "\n"


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Returns the code cells, in their order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Returns the Markdown cells, in their order."""
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def tags(cell: NotebookNode) -> list[str]:
    """Returns the tags of a cell."""
    return cell.metadata.get("tags", [])


def without_outputs(notebook: NotebookNode) -> NotebookNode:
    """Returns a copy in which nothing has run."""
    copy = nbformat.from_dict(notebook)
    for cell in code_cells(copy):
        cell.outputs, cell.execution_count = [], None
    return copy


def run_notebook(
    notebook: NotebookNode, *, folder: Path = NOTEBOOK.parent, on_cell: Callable[[NotebookNode], None] | None = None
) -> NotebookNode:
    """Returns the notebook with the outputs of a new kernel, run from the first cell to the last.

    Args:
        notebook: is left as it is.
        folder: where the kernel runs.
        on_cell: is called before each code cell.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised, which has not the tag `raises-exception`.
    """
    fresh = without_outputs(notebook)
    with TemporaryDirectory(prefix="kernel-") as sockets:
        client = NotebookClient(
            fresh,
            timeout=CELL_TIMEOUT_S,
            kernel_name="python3",
            # Over TCP the kernel warns that it is not encrypted.
            config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}),
            resources={"metadata": {"path": str(folder)}},
            record_timing=False,
            store_widget_state=False,
            on_cell_execute=lambda cell, cell_index: on_cell(cell) if on_cell else None,
        )
        client.execute()
    return cleaned(fresh)


def cleaned(notebook: NotebookNode) -> NotebookNode:
    """Returns a copy without widgets that live in a kernel only, and without what says when and where it ran."""
    copy = nbformat.from_dict(notebook)
    copy.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
        }
    )
    for cell in code_cells(copy):
        cell.metadata = nbformat.from_dict({"tags": tags(cell)} if tags(cell) else {})
        cell.outputs = list(_cleaned_outputs(cell.outputs))
    return copy


def _cleaned_outputs(outputs: Iterable[NotebookNode]) -> Iterable[NotebookNode]:
    for output in outputs:
        if "data" in output:
            _drop_widget(output.data)
            if not output.data:
                continue
        yield output


def _drop_widget(data: dict[str, Any]) -> None:
    """Removes a widget, and the text that stands for it if nothing else does, such as that of a progress bar."""
    if _WIDGET in data:
        del data[_WIDGET]
        if set(data) == {"text/plain"}:
            data.clear()
