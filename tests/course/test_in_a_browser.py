"""The notebook in JupyterLab, in a real browser: it runs, its widgets work, and it can be read in both themes.

COURSE_FULL_BROWSER=1 runs the whole notebook too, in both languages, which takes minutes. COURSE_SCREENSHOTS names the
folder for the pictures of the pages; without it they are among pytest's temporary files.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import BrowserContext

from course.korean.edition import NOTEBOOK_NAMES
from course.notebook import NOTEBOOK, read_notebook, write_notebook
from tests.course.lab import LabServer, chromium, find_chromium, lab_server
from tests.course.lab_page import DARK, LIGHT, LabPage
from tests.course.notebooks import cells_of, faults_of_run, index_of, never_run

# Ids or tags of the cells that the widgets need, and the ids of the widgets' cells.
SETUP = ("setup", "part-1-5-start", "lab-record", "part-2-5-start")
STEPPER = "lab-stepper"
CALCULATOR = "sizing-calculator"
# Labels of controls: each changes the picture; the model last, since the next one in the list does not fit.
STEPPER_SLIDER = "Step"
CALCULATOR_CONTROLS = ("Prompt (tokens)", "Device memory", "Model")
SHORT_SECONDS = 60
FULL_SECONDS = 600

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]
full = pytest.mark.skipif(
    os.environ.get("COURSE_FULL_BROWSER") != "1", reason="takes minutes; COURSE_FULL_BROWSER=1 runs it"
)


@dataclass(frozen=True)
class Course:
    """A notebook that was opened and run.

    Attributes:
        source: before it was opened.
        saved: what JupyterLab saved after the run.
        page: where it is open.
    """

    source: NotebookNode
    saved: NotebookNode
    page: LabPage

    def index(self, cell_id: str) -> int:
        return index_of(self.source, cell_id)


def opened(notebook: NotebookNode, name: str, browser: BrowserContext, server: LabServer) -> LabPage:
    """Opens a notebook as it is in a new tab."""
    write_notebook(notebook, server.root / f"{name}.ipynb")
    return LabPage(browser, server, server.root / f"{name}.ipynb")


def run_in_browser(notebook: NotebookNode, browser: BrowserContext, server: LabServer, *, seconds: float) -> Course:
    """Opens a notebook without its outputs, and runs all cells."""
    source = never_run(notebook)
    page = opened(source, f"notebook-{len(browser.pages)}", browser, server)
    return Course(source, page.run_all(seconds=seconds), page)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    executable = find_chromium()
    if executable is None:
        pytest.skip("neither Chromium nor Chrome is installed")
    with chromium(executable, tmp_path_factory.mktemp("browser")) as context:
        yield context


@pytest.fixture(scope="module")
def server(browser: BrowserContext, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    with lab_server(tmp_path_factory.mktemp("lab"), kernel_folder=NOTEBOOK.parent) as lab:
        yield lab


@pytest.fixture(scope="module")
def course(browser: BrowserContext, server: LabServer) -> Course:
    """The widgets of the notebook, with what they need; no engine."""
    part = cells_of(read_notebook(), {*SETUP, STEPPER, CALCULATOR})
    return run_in_browser(part, browser, server, seconds=SHORT_SECONDS)


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("COURSE_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# The page with the widgets.


def test_the_notebook_opens_and_all_cells_run(course: Course) -> None:
    assert faults_of_run(course.saved, course.source) == []
    assert course.page.problems() == []


def test_the_slider_of_the_stepper_changes_picture_and_text(course: Course) -> None:
    page, index = course.page, course.index(STEPPER)
    before = page.shown(index)
    after = page.shown_after(index, lambda: page.change(index, STEPPER_SLIDER))
    assert before.text != after.text != ""
    assert page.problems() == []


def test_the_buttons_of_the_stepper_go_forth_and_back(course: Course) -> None:
    page, index = course.page, course.index(STEPPER)
    before = page.shown(index)
    page.shown_after(index, lambda: page.press(index, "Next"))
    assert page.shown_after(index, lambda: page.press(index, "Previous")) == before
    assert page.problems() == []


@pytest.mark.parametrize("control", CALCULATOR_CONTROLS)
def test_a_control_of_the_calculator_changes_its_picture_and_text(course: Course, control: str) -> None:
    page, index = course.page, course.index(CALCULATOR)
    before = page.shown(index)
    after = page.shown_after(index, lambda: page.change(index, control))
    assert before.text != after.text != ""
    assert page.problems() == []


@pytest.mark.parametrize("theme", [DARK, LIGHT])
def test_the_widgets_are_shown_in_both_themes(course: Course, theme: str, screenshots: Path) -> None:
    page, name = course.page, theme.rsplit(maxsplit=1)[-1].lower()
    page.set_theme(theme)
    for cell_id in (STEPPER, CALCULATOR):
        page.photograph(course.index(cell_id), screenshots / f"{cell_id}-{name}.png")
        assert page.shown(course.index(cell_id)).width > 300
    page.photograph_pages(screenshots, f"widgets-{name}")
    assert page.problems() == []


# What these tests would notice.


def test_a_cell_that_fails_is_noticed(browser: BrowserContext, server: LabServer) -> None:
    stale = new_code_cell("print(2)", execution_count=2, outputs=[new_output("stream", text="2\n")])
    notebook = new_notebook(cells=[new_code_cell("1 / 0", id="wrong"), stale])
    broken = run_in_browser(notebook, browser, server, seconds=SHORT_SECONDS)
    assert faults_of_run(broken.saved, broken.source) == [
        "wrong: ZeroDivisionError: division by zero",
        f"{stale.id}: execution count None, not 2",
    ]


def test_a_widget_without_its_model_is_noticed(browser: BrowserContext, server: LabServer) -> None:
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "0" * 32, "version_major": 2, "version_minor": 0}}
    notebook = new_notebook(cells=[new_code_cell(f"from IPython.display import display; display({view}, raw=True)")])
    page = run_in_browser(notebook, browser, server, seconds=SHORT_SECONDS).page
    page.cell(0).get_by_text("error").wait_for()
    assert "the page says 'error displaying widget'" in page.problems()


def test_an_error_of_javascript_is_noticed(browser: BrowserContext, server: LabServer) -> None:
    page = opened(never_run(new_notebook(cells=[new_code_cell("pass")])), "javascript", browser, server)
    assert page.problems() == []
    page.page.evaluate("setTimeout(() => { throw new Error('planted') })")
    page.page.evaluate("fetch('http://elsewhere.test/').catch(() => null)")
    assert any("planted" in problem for problem in page.problems())
    assert "asked http://elsewhere.test/" in page.problems()


# The whole notebook.


@full
@pytest.mark.timeout(FULL_SECONDS + 300)
@pytest.mark.parametrize("name", NOTEBOOK_NAMES)
def test_the_whole_notebook_runs_and_is_shown_in_both_themes(
    name: str, browser: BrowserContext, server: LabServer, screenshots: Path
) -> None:
    course = run_in_browser(read_notebook(NOTEBOOK.with_name(name)), browser, server, seconds=FULL_SECONDS)
    for theme in (LIGHT, DARK):
        course.page.set_theme(theme)
        course.page.photograph_pages(screenshots, f"{Path(name).stem}-{theme.rsplit(maxsplit=1)[-1].lower()}")
    assert faults_of_run(course.saved, course.source) == []
    for cell_id, control in ((STEPPER, STEPPER_SLIDER), (CALCULATOR, CALCULATOR_CONTROLS[0])):
        index = course.index(cell_id)
        course.page.shown_after(index, lambda index=index, control=control: course.page.change(index, control))
    assert course.page.problems() == []
