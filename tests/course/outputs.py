"""Whether two runs of the notebook show the same."""

from base64 import b64decode
from io import BytesIO

import numpy as np
from matplotlib.image import imread
from nbformat import NotebookNode

from course.notebook import VARIES, code_cells, tags

# Of the brightness of a pixel, 0 to 1, on average: fonts may be drawn a shade apart on another processor.
MOST_DIFFERENCE = 0.002


def differences(stored: NotebookNode, fresh: NotebookNode) -> list[str]:
    """Returns what differs between the outputs of two runs, a line for each, with the cell's id.

    Of a cell that is tagged `varies`, only the kinds of its outputs are compared; on another processor, so it is of
    cells that use the model: where two tokens are nearly as likely, it may choose the other one.
    """
    found, same_processor = [], processor(stored) == processor(fresh)
    for one, other in zip(code_cells(stored), code_cells(fresh), strict=True):
        if one.source != other.source:
            found.append(f"{one.id}: other code")
        elif kinds(one) != kinds(other):
            found.append(f"{one.id}: stored {kinds(one)}, now {kinds(other)}")
        elif VARIES not in tags(one) and (same_processor or "# uses llm" not in one.source):
            found += [f"{one.id}: {text}" for text in _changes(one, other)]
    return found


def processor(notebook: NotebookNode) -> str:
    """Returns what the set-up cell says of the machine that computes; empty without that cell."""
    texts = [
        output.data["text/plain"]
        for cell in code_cells(notebook)
        for output in cell.outputs
        if "computes on: " in output.get("data", {}).get("text/plain", "")
    ]
    return texts[0].splitlines()[0] if texts else ""


def kinds(cell: NotebookNode) -> list[list[str]]:
    """Returns of each output its kind and its formats."""
    return [[output.output_type, *sorted(output.get("data", {}))] for output in cell.outputs]


def _changes(one: NotebookNode, other: NotebookNode) -> list[str]:
    found = []
    for stored, fresh in zip(one.outputs, other.outputs, strict=True):
        if stored.get("text") != fresh.get("text"):
            found.append(f"stored {stored.text!r}, now {fresh.text!r}")
        for kind, value in stored.get("data", {}).items():
            if kind == "image/png":
                found += [] if same_picture(value, fresh.data[kind]) else ["the picture changed"]
            elif value != fresh.data[kind]:
                found.append(f"stored {value!r}, now {fresh.data[kind]!r}")
    return found


def same_picture(one: str, other: str) -> bool:
    """Whether two PNG images, in base64, have the same size and look alike."""
    first, second = (imread(BytesIO(b64decode(text))) for text in (one, other))
    return first.shape == second.shape and float(np.abs(first - second).mean()) <= MOST_DIFFERENCE
