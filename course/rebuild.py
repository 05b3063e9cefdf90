"""Runs vllm.ipynb from the first cell to the last in a new kernel, and stores what came out.

python -m course.rebuild [--output FILE]

Nothing is written unless every cell ran; then the picture of the stepper in README.md and the Korean edition are
renewed too. Run it on a quiet machine: the notebook shows times.
"""

import argparse
import sys
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path

from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode, ValidationError
from tqdm import tqdm

from course.korean.__main__ import main as write_korean_edition
from course.notebook import NOTEBOOK, code_cells, read_notebook, run_notebook, write_notebook
from inference.json_file import write_bytes

COMMAND = "python -m course.rebuild"
STEPPER_CELL = "lab-preempt-stepper"
STEPPER_PICTURE = NOTEBOOK.parent / "course" / "stepper.png"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs and writes the notebook; returns the exit code: 0 written, 1 failed or in part, 2 bad usage."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.splitlines()[0])
    parser.add_argument("--notebook", type=Path, default=NOTEBOOK, metavar="FILE", help="what is run (vllm.ipynb)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where it is written (the same file)")
    options = parser.parse_args(arguments)
    try:
        notebook = read_notebook(options.notebook)
    except (OSError, ValueError, ValidationError) as error:
        parser.error(f"--notebook must be a notebook: {error}")
    fresh = _run(notebook)
    if fresh is None:
        return 1
    target = options.output or options.notebook
    write_notebook(fresh, target)
    print(f"{target} is written.")
    if target.resolve() != NOTEBOOK:
        return 0
    write_bytes(STEPPER_PICTURE, stepper_picture(fresh))
    return write_korean_edition([])


def _run(notebook: NotebookNode) -> NotebookNode | None:
    running = ""

    def show(cell: NotebookNode) -> None:
        nonlocal running
        running = cell.id
        bar.set_description(running)
        bar.update()

    with tqdm(total=len(code_cells(notebook)), unit="cell") as bar:
        try:
            return run_notebook(notebook, on_cell=show)
        except (CellExecutionError, DeadKernelError, RuntimeError) as error:
            reason = f"{error.ename}: {error.evalue}" if isinstance(error, CellExecutionError) else error
            print(f"\nNothing was written: the cell {running} failed: {reason}", file=sys.stderr)
            return None


def stepper_picture(notebook: NotebookNode) -> bytes:
    """Returns the still picture of the stepper that README.md shows, as the notebook's run has it."""
    [output] = next(cell.outputs for cell in code_cells(notebook) if cell.id == STEPPER_CELL)
    return b64decode(output.data["image/png"])


if __name__ == "__main__":
    sys.exit(main())
