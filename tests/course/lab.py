"""JupyterLab and Chromium for the tests that look at a notebook, away from the user's own settings.

Everything that the two write goes to a folder that the caller gives, and both speak to 127.0.0.1 only.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
from playwright.sync_api import BrowserContext, sync_playwright

START_SECONDS = 60.0
STOP_SECONDS = 20.0
# Longest wait for a click and the like.
ACTION_SECONDS = 15.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
VIEWPORT = {"width": 1400, "height": 1000}
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No name is looked up: a page that asks another host for something gets an error, and the test sees it.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
# What a user may set in JupyterLab's settings editor.
LAB_SETTINGS: dict[str, dict[str, Any]] = {
    # Every cell stays attached, so that each can be found in the page; the last one ends it.
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none", "scrollPastEnd": False},
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    # The only thing that saves is the test.
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}


@dataclass(frozen=True)
class LabServer:
    """A JupyterLab that runs.

    Attributes:
        address: where it answers, without the token.
        token: its password.
        root: the folder that it shows.
        log: what it and its kernels print.
    """

    address: str
    token: str
    root: Path
    log: Path

    def url_of(self, notebook: Path) -> str:
        """Returns the address that opens a notebook under `root`, in a workspace without other documents."""
        name = quote(notebook.relative_to(self.root).as_posix())
        return f"{self.address}lab/tree/{name}?token={self.token}&reset"


@contextmanager
def lab_server(folder: Path, *, kernel_folder: Path) -> Iterator[LabServer]:
    """Runs JupyterLab on a free port of 127.0.0.1; its kernel is this interpreter.

    Args:
        folder: empty; takes settings, log, and `root`, where notebooks belong.
        kernel_folder: where the kernels of notebooks directly in `root` run.

    Raises:
        RuntimeError: the server ended or did not answer within a minute; the message carries its log.
    """
    root, log, token = folder / "root", folder / "jupyter.log", secrets.token_hex(16)
    root.mkdir()
    _write_settings(folder)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *_arguments(folder, kernel_folder, token)],
            env=os.environ | _environment(folder),
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield LabServer(_wait_for_address(process, folder), token, root, log)
    finally:
        end_with_descendants(process)


def _write_settings(folder: Path) -> None:
    settings = folder / "settings"
    settings.mkdir()
    (settings / "overrides.json").write_text(json.dumps(LAB_SETTINGS), encoding="utf-8")


def _arguments(folder: Path, kernel_folder: Path, token: str) -> list[str]:
    return [
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        # The system chooses a free one.
        "--ServerApp.port=0",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder / 'root'}",
        f"--MappingKernelManager.root_dir={kernel_folder}",
        f"--LabApp.app_settings_dir={folder / 'settings'}",
        "--LabApp.extension_manager=readonly",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]


def _environment(folder: Path) -> dict[str, str]:
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    # This interpreter's kernel comes before any that the user has installed.
    return {name: str(folder / name.lower()) for name in names} | {"JUPYTER_PREFER_ENV_PATH": "1"}


def _wait_for_address(process: subprocess.Popen[bytes], folder: Path) -> str:
    log = folder / "jupyter.log"

    def address() -> str | None:
        if process.poll() is not None:
            raise RuntimeError(f"JupyterLab ended with code {process.returncode}:\n{log.read_text(errors='replace')}")
        # The server writes it once it listens.
        file = folder / "jupyter_runtime_dir" / f"jpserver-{process.pid}.json"
        return _json_or_none(file).get("url")

    try:
        return wait_for(address, seconds=START_SECONDS, what="JupyterLab's address")
    except TimeoutError as error:
        raise RuntimeError(f"JupyterLab does not answer:\n{log.read_text(errors='replace')}") from error


def _json_or_none(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def wait_for[T](condition: Callable[[], T | None], *, seconds: float, what: str) -> T:
    """Returns the first value of `condition` that counts as true, asking ten times a second.

    Raises:
        TimeoutError: there is none in time; the message names `what`.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.1)
    return value


def end_with_descendants(process: subprocess.Popen[bytes]) -> None:
    """Asks a process of ours to end, and ends by force what is left of it and of all that it has started.

    A kernel is not in the server's process group, and what a kernel has started may be in another again.
    """
    started = _descendants(process)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    for one in started:
        # psutil knows a process by its id and the time of its start: another one with the same id is left alone.
        with suppress(psutil.NoSuchProcess):
            one.kill()
    process.kill()
    process.wait(STOP_SECONDS)
    psutil.wait_procs([one for one in started if _runs(one)], timeout=STOP_SECONDS)


def _descendants(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def find_chromium() -> str | None:
    """Returns the path of the system's Chromium or Chrome, None without one."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@contextmanager
def chromium(executable: str, folder: Path) -> Iterator[BrowserContext]:
    """Runs a browser without a window, with a profile of its own.

    Args:
        executable: of Chromium or Chrome.
        folder: empty; takes the profile and all else that the browser writes.
    """
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder / "profile",
            executable_path=executable,
            headless=True,
            args=list(CHROMIUM_FLAGS),
            env=os.environ | {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")},
            viewport=VIEWPORT,
        )
        context.set_default_timeout(1000 * ACTION_SECONDS)
        try:
            yield context
        finally:
            context.close()
