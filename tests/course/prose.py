"""Numbers in the notebook's texts: which there are, and which are computed somewhere."""

import re
from collections.abc import Iterable

from nbformat import NotebookNode

from course.notebook import code_cells

# 1,000 and 0.5; not the 2 of SmolLM2, v1 or A100, nor a part's number.
_NUMBER = re.compile(r"(?<![\w.,/@-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w@/]*[A-Za-z])")
_NOT_PROSE = re.compile(
    r"```.*?```|`[^`]*`|\$[^$]*\$|\]\([^)]*\)|^#+ .*$|\bParts? [\d., and]+\d|\bExercise \d+|\bSOSP \d+|\bof 20\d\d\b",
    re.DOTALL | re.MULTILINE,
)
# Names of models, devices and versions hold numbers that are no claims.
_NAMES = re.compile(
    r"SmolLM2-[\d.]+[BM]|Llama-[\d.]+-\d+b|Llama-[\d.]+-[\d.]+B|Qwen[\d.]+-\d+B|OPT-\d+B|[\d.]+B architecture"
    r"|vLLM [\d.]+|checkpoint-\d+|A100|H100|Figure \d+\w?|with \d+ GB|\d+ bits?\b|\d+-bit",
    re.IGNORECASE,
)
# So small that a reader counts along: they would be found by chance in any output.
SMALLEST_CLAIM = 13


def numbers_in_prose(text: str) -> list[str]:
    """Returns the numbers of a Markdown cell that claim something, as they are written."""
    prose = _NAMES.sub(" ", _NOT_PROSE.sub(" ", text))
    found = _NUMBER.findall(prose)
    return [number for number in found if "." in number or float(number.replace(",", "")) >= SMALLEST_CLAIM]


def numbers_in_code_and_outputs(cells: Iterable[NotebookNode]) -> set[str]:
    """Returns every number of code cells and of the text that they print, without separators of thousands."""
    texts = []
    for cell in cells:
        texts.append(cell.source)
        for output in cell.outputs:
            texts.append(output.get("text", ""))
            texts += [text for kind, text in output.get("data", {}).items() if kind in ("text/plain", "text/markdown")]
    numbers = re.findall(r"\d+(?:[,_]\d{3})*(?:\.\d+)?", "\n".join(texts))
    return {re.sub("[,_]", "", number) for number in numbers}


def parts(notebook: NotebookNode) -> dict[str, list[NotebookNode]]:
    """Returns the cells of each part by its number, such as "1.5"; those before Part 1 as "0"."""
    found: dict[str, list[NotebookNode]] = {"0": []}
    for cell in notebook.cells:
        title = re.search(r"^# Part ([\d.]+) ", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else None
        if title:
            found[title[1]] = []
        found[list(found)[-1]].append(cell)
    return found


def orphans(notebook: NotebookNode, computed: dict[str, list[str]]) -> list[str]:
    """Returns every number in prose that no cell of its part shows and `computed` does not give, with its cell."""
    lost = []
    for cells in parts(notebook).values():
        known = numbers_in_code_and_outputs(cell for cell in cells if cell.cell_type == "code")
        for cell in cells:
            if cell.cell_type != "markdown":
                continue
            allowed = {number.replace(",", "") for number in computed.get(cell.id, [])} | known
            lost += [
                f"{cell.id}: {number}"
                for number in numbers_in_prose(cell.source)
                if number.replace(",", "") not in allowed
            ]
    return lost


def code_of(notebook: NotebookNode, cell_id: str) -> str:
    """Returns the source of a code cell."""
    return next(cell.source for cell in code_cells(notebook) if cell.id == cell_id)
