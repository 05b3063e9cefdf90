"""What JupyterLab has started ends with it, and it tells why it did not start."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.course.lab import end_with_descendants, lab_server

STARTS_A_DEAF_CHILD = """
import subprocess, sys
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


def test_a_child_in_another_session_that_ignores_signals_ends_too() -> None:
    command = [sys.executable, "-c", STARTS_A_DEAF_CHILD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        child = psutil.Process(int(process.stdout.readline()))
        end_with_descendants(process)
    assert process.returncode is not None
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_server_that_does_not_start_shows_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.course.lab._arguments", lambda *_: ["--no-such-option"])
    with pytest.raises(RuntimeError, match=r"JupyterLab ended with code \d+:(.|\n)*no-such-option"):
        lab_server(tmp_path, kernel_folder=tmp_path).__enter__()
