"""The comparison of two runs notices what it must, and nothing else."""

from base64 import b64encode
from io import BytesIO

import nbformat
import pytest
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course.notebook import cleaned
from tests.course.outputs import differences

WIDGET = "application/vnd.jupyter.widget-view+json"


def picture(height: float, *, width: int = 2) -> str:
    figure = Figure(figsize=(width, 1))
    figure.subplots().bar(["a"], [height])
    file = BytesIO()
    figure.savefig(file)
    return b64encode(file.getvalue()).decode()


def shown(text: str, *, tag: str = "", source: str = "x", png: str = "") -> nbformat.NotebookNode:
    data = {"text/plain": text} | ({"image/png": png} if png else {})
    cell = new_code_cell(source, outputs=[new_output("execute_result", data, execution_count=1)], id="one")
    cell.metadata = nbformat.from_dict({"tags": [tag] if tag else []})
    return new_notebook(cells=[cell])


def test_equal_runs_do_not_differ() -> None:
    assert differences(shown("1", png=picture(1)), shown("1", png=picture(1))) == []


@pytest.mark.parametrize(
    ("fresh", "text"),
    [
        (shown("2", png=picture(1)), "one: stored '1', now '2'"),
        (shown("1", png=picture(3)), "one: the picture changed"),
        (shown("1", png=picture(1, width=3)), "one: the picture changed"),
        (shown("1"), "one: stored [['execute_result', 'image/png', 'text/plain']], now"),
        (shown("1", png=picture(1), source="y"), "one: other code"),
    ],
)
def test_what_changed_is_named(fresh: nbformat.NotebookNode, text: str) -> None:
    [found] = differences(shown("1", png=picture(1)), fresh)
    assert found.startswith(text)


def test_a_cell_that_varies_is_held_to_its_kinds_of_output_only() -> None:
    assert differences(shown("1", tag="varies"), shown("2", tag="varies")) == []
    [found] = differences(shown("1", tag="varies"), shown("1", tag="varies", png=picture(1)))
    assert "now [['execute_result', 'image/png', 'text/plain']]" in found


def test_another_processor_may_choose_other_tokens_but_nothing_else() -> None:
    def run(processor: str, answer: str, source: str) -> nbformat.NotebookNode:
        notebook = shown(f"computes on: {processor}\nmemory: 4", tag="varies")
        notebook.cells += shown(answer, source=source).cells
        return notebook

    asks, counts = "# uses llm (cell)\nllm.generate()", "1 + 1"
    assert differences(run("A", "yes", asks), run("B", "no", asks)) == []
    assert differences(run("A", "yes", asks), run("A", "no", asks)) == ["one: stored 'yes', now 'no'"]
    assert differences(run("A", "2", counts), run("B", "3", counts)) == ["one: stored '2', now '3'"]


def test_a_live_widget_goes_and_its_still_picture_stays() -> None:
    still = {"image/png": picture(1), "text/plain": "Stepper(9 steps)"}
    outputs = [
        new_output("display_data", {WIDGET: {"model_id": "1"}, **data}) for data in (still, {"text/plain": "bar"})
    ]
    [cell] = cleaned(new_notebook(cells=[new_code_cell("x", outputs=outputs)])).cells
    assert [set(output.data) for output in cell.outputs] == [{"image/png", "text/plain"}]
