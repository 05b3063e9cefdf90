"""A notebook as a reader sees it: one page of JupyterLab, worked with mouse and keyboard."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from nbformat import NotebookNode
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request, Response
from playwright.sync_api import Error as PlaywrightError

from course.notebook import read_notebook
from tests.course.lab import VIEWPORT, LabServer

OPEN_SECONDS = 60.0
CHANGE_SECONDS = 30.0
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"
# What JupyterLab and ipywidgets write where a widget should be.
WIDGET_ERRORS = ("error displaying widget", "model not found", "error creating widget", "loading widget")
WIDGETS = ".jupyter-widgets"
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
CELL = f"{PANEL} .jp-Notebook .jp-Cell"
# The status bar tells of the kernel of the notebook that is open.
READY = ".jp-StatusBar-TextItem:text-matches('^Python 3 .*Idle$')"
# JupyterLab marks all cells with a star at once, and takes it from those that come after one that fails.
RUN_ENDED = """cell => {
    const prompts = [...document.querySelectorAll(`${cell} .jp-InputArea-prompt`)].map(prompt => prompt.textContent);
    return prompts.some(text => /\\[\\d+\\]/.test(text)) && !prompts.some(text => text.includes("*"));
}"""
WHAT_IMAGE_SHOWS = """async image => {
    await image.decode();
    const bytes = await (await fetch(image.src)).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return [[...digest].map(byte => byte.toString(16).padStart(2, "0")).join(""), image.naturalWidth];
}"""


@dataclass(frozen=True)
class Shown:
    """What widgets in the output of a cell show.

    Attributes:
        picture: a digest of the image's bytes.
        width: of the image, in pixels of its own.
        text: of all HTML widgets.
    """

    picture: str
    width: int
    text: str


class LabPage:
    """An open notebook.

    Args:
        browser: shows it, in a new tab.
        server: of JupyterLab.
        notebook: a file under the server's root.

    Raises:
        playwright.sync_api.TimeoutError: the notebook or its kernel is not there within a minute.
    """

    def __init__(self, browser: BrowserContext, server: LabServer, notebook: Path) -> None:
        self.file = notebook
        self.page: Page = browser.new_page()
        self._address = urlsplit(server.address).netloc
        self._noted: list[str] = []
        self.page.on("pageerror", lambda error: self._noted.append(f"JavaScript error: {error}"))
        self.page.on("console", self._note_console)
        self.page.on("request", self._note_request)
        with self._evidence():
            self.page.goto(server.url_of(notebook))
            for part in (CELL, READY):
                self.page.locator(part).first.wait_for(timeout=1000 * OPEN_SECONDS)

    def choose(self, menu: str, command: str, *, submenu: str | None = None, text: str | None = None) -> None:
        """Chooses an item of the menu bar.

        Args:
            menu: as the bar shows it.
            command: that the item carries out.
            submenu: that holds the item.
            text: the item's label, where several items have the same command.
        """
        item = self.page.locator(f".lm-Menu-item[data-command='{command}']")
        with self._evidence():
            self.page.locator(".lm-MenuBar-item").get_by_text(menu, exact=True).click()
            if submenu is not None:
                self.page.locator(".lm-Menu-item[data-type='submenu']").get_by_text(submenu, exact=True).click()
            (item if text is None else item.get_by_text(text, exact=True)).click()

    def run_all(self, *, seconds: float) -> NotebookNode:
        """Runs all cells until the last has ended or one has failed, saves, and returns the saved notebook.

        Raises:
            playwright.sync_api.TimeoutError: they still run after so many seconds.
        """
        self.choose("Run", "runmenu:run-all")
        with self._evidence():
            self.page.wait_for_function(RUN_ENDED, arg=CELL, timeout=1000 * seconds, polling=500)
        return self.saved()

    def saved(self) -> NotebookNode:
        """Saves the notebook in the page, and returns what is in its file then."""
        with self.page.expect_response(self._is_saving) as answer:
            self.choose("File", "docmanager:save")
        if not answer.value.ok:
            raise RuntimeError(f"JupyterLab did not save {self.file.name}: {answer.value.status_text}")
        return read_notebook(self.file)

    def cell(self, index: int) -> Locator:
        """Returns a cell, counted from 0, scrolled into view."""
        cell = self.page.locator(CELL).nth(index)
        cell.scroll_into_view_if_needed()
        return cell

    def shown(self, index: int) -> Shown:
        """Returns what the widgets of a cell show; there is one image among them."""
        cell = self.cell(index)
        with self._evidence():
            picture, width = cell.locator("img.widget-image").evaluate(WHAT_IMAGE_SHOWS)
            return Shown(picture, width, "\n".join(cell.locator(".widget-html-content").all_inner_texts()))

    def shown_after(self, index: int, action: Callable[[], None]) -> Shown:
        """Returns what the widgets of a cell show once an action has changed their picture.

        Raises:
            AssertionError: the picture stays the same.
        """
        before = self.shown(index)
        action()
        # A wait within Playwright lets the page's messages come in.
        for _ in range(round(CHANGE_SECONDS / 0.1)):
            if (after := self.shown(index)).picture != before.picture:
                return after
            self.page.wait_for_timeout(100)
        raise AssertionError(f"the picture of cell {index} is the same after {CHANGE_SECONDS:g} s")

    def press(self, index: int, button: str) -> None:
        """Clicks a button widget."""
        with self._evidence():
            self.cell(index).locator(f"button.widget-button:text-is('{button}')").click()

    def change(self, index: int, label: str) -> None:
        """Gives a control another value: a slider the next, a list the next entry, a number twice as much.

        Args:
            index: of the cell.
            label: stands before the control.
        """
        name = self.page.locator(".widget-label").get_by_text(label, exact=True)
        control = self.cell(index).locator(".widget-inline-hbox").filter(has=name)
        handle, choices, number = (control.locator(kind) for kind in ("[role='slider']", "select", "input"))
        with self._evidence():
            control.wait_for()
            if handle.count():
                at_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
                handle.press("ArrowLeft" if at_end else "ArrowRight")
            elif choices.count():
                choices.select_option(index=choices.evaluate("list => (list.selectedIndex + 1) % list.options.length"))
            else:
                number.fill(str(2 * int(number.input_value())))
                number.press("Enter")

    def set_theme(self, theme: str) -> None:
        """Chooses a theme, such as LIGHT."""
        self.choose("Settings", "apputils:change-theme", submenu="Theme", text=theme)
        with self._evidence():
            self.page.locator(f"body[data-jp-theme-name='{theme}']").wait_for(state="attached")
            # While it loads, a splash dims the page.
            self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def photograph(self, index: int, file: Path) -> None:
        """Writes a picture of a cell, however high."""
        height = self.cell(index).evaluate("cell => cell.getBoundingClientRect().height")
        # Bars above and below the notebook take less than 200 pixels.
        self.page.set_viewport_size({**VIEWPORT, "height": max(VIEWPORT["height"], round(height) + 200)})
        self.cell(index).screenshot(path=file)
        self.page.set_viewport_size(VIEWPORT)

    def photograph_pages(self, folder: Path, name: str) -> None:
        """Writes pictures of the whole notebook, as much as the window shows on each."""
        panel = self.page.locator(f"{PANEL} .jp-WindowedPanel-outer")
        num_pages = panel.evaluate("panel => Math.ceil(panel.scrollHeight / panel.clientHeight)")
        for number in range(num_pages):
            panel.evaluate("(panel, number) => panel.scrollTo(0, number * panel.clientHeight)", number)
            self.page.screenshot(path=folder / f"{name}-{number + 1:02}.png")

    def problems(self) -> list[str]:
        """Returns what went wrong in the page so far: JavaScript errors, missing widgets, requests to other hosts."""
        text = "\n".join(self.page.locator(WIDGETS).all_inner_texts()).lower()
        return [*self._noted, *(f"the page says {words!r}" for words in WIDGET_ERRORS if words in text)]

    def _is_saving(self, answer: Response) -> bool:
        return answer.request.method == "PUT" and urlsplit(answer.url).path.endswith(f"/contents/{self.file.name}")

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._noted.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _note_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"http", "https", "ws", "wss"} and address.netloc != self._address:
            self._noted.append(f"asked {request.url}")

    @contextmanager
    def _evidence(self) -> Iterator[None]:
        """Adds to an error of the browser what the page looked like, and what had gone wrong before."""
        try:
            yield
        except PlaywrightError as error:
            picture = self.file.with_suffix(".failure.png")
            self.page.screenshot(path=picture)
            error.add_note(f"the page: {picture}; before: {self._noted}")
            raise
