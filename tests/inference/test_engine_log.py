"""The root cause of a failed start is found in what the processes logged."""

import json
import logging
import os
from pathlib import Path

import pytest

from inference.engine_log import EngineLog, find_root_cause, is_consequence

# Most of these logs are not closed; Python warns of that.
pytestmark = pytest.mark.filterwarnings("ignore:Implicitly cleaning up <TemporaryDirectory:ResourceWarning")

VARIABLE = "VLLM_LOGGING_CONFIG_PATH"

CHAINED = """EngineCore failed to start.
Traceback (most recent call last):
  File "vllm/v1/engine/core.py", line 1, in run_engine_core
    raise OSError
OSError: cannot open shared object file

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "vllm/v1/engine/core.py", line 2, in run_engine_core
RuntimeError: no kernel can be loaded
"""

CONSEQUENCE_FIRST = """Traceback (most recent call last):
  File "vllm/v1/engine/utils.py", line 9, in wait
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
Traceback (most recent call last):
  File "torch/cuda/memory.py", line 3, in f
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.
"""

OF_WORKERS = """Exception: WorkerProc initialization failed due to an exception in a background process.
ValueError: To serve at least one request, 4.0 GiB KV cache is needed
RuntimeError: Engine core initialization failed. See root cause above.
"""

INDENTED = """    raise ValueError("ValueError: inside a source line")
  ValueError: indented, so part of something else
pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig
  Value error, no such quantisation
"""


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        (CHAINED, "OSError: cannot open shared object file"),
        (CONSEQUENCE_FIRST, "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."),
        (OF_WORKERS, "ValueError: To serve at least one request, 4.0 GiB KV cache is needed"),
        (INDENTED, "ValidationError: 1 validation error for ModelConfig"),
        ("huggingface_hub.errors.GatedRepoError: 401 Client Error\n", "GatedRepoError: 401 Client Error"),
        ("KeyboardInterrupt: stopped", "KeyboardInterrupt: stopped"),
        ("SystemExit: 3", "SystemExit: 3"),
    ],
    ids=["chained", "consequence first", "workers", "indented", "hub", "interrupt", "exit"],
)
def test_the_first_exception_that_is_no_consequence_is_the_cause(log: str, cause: str):
    assert find_root_cause(log) == cause


@pytest.mark.parametrize(
    "log",
    [
        "",
        "Loading weights took 3.2 seconds\nAvailable: 3 GiB\n",
        "RuntimeError: Engine core initialization failed. See root cause above.\n",
    ],
)
def test_a_log_without_a_cause_has_none(log: str):
    assert find_root_cause(log) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RuntimeError: Engine core initialization failed. {}", True),
        ("x See root cause above x", True),
        ("oops", False),
    ],
)
def test_consequences_are_known_by_their_phrases(text: str, expected: bool):
    assert is_consequence(text) is expected


def test_the_variable_is_set_in_the_context_and_gone_after_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    log = EngineLog()
    with log.configured():
        file = Path(os.environ[VARIABLE])
        configuration = json.loads(file.read_text())
        assert "start" in configuration["loggers"]["vllm"]["handlers"]
    assert VARIABLE not in os.environ


def test_the_variable_is_gone_after_an_error_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(RuntimeError, match="start failed"), EngineLog().configured():
        raise RuntimeError("start failed")
    assert VARIABLE not in os.environ


def test_a_configuration_of_the_users_own_stays(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(VARIABLE, "/the/users/own.json")
    log = EngineLog()
    with log.configured():
        assert os.environ[VARIABLE] == "/the/users/own.json"
    assert os.environ[VARIABLE] == "/the/users/own.json"
    assert log.root_cause() is None


def test_vllms_own_handlers_are_kept_and_its_default_is_unchanged(monkeypatch: pytest.MonkeyPatch):
    from vllm.logger import DEFAULT_LOGGING_CONFIG

    monkeypatch.delenv(VARIABLE, raising=False)
    own = DEFAULT_LOGGING_CONFIG["loggers"]["vllm"]["handlers"]
    with EngineLog().configured():
        configuration = json.loads(Path(os.environ[VARIABLE]).read_text())
    assert configuration["loggers"]["vllm"]["handlers"] == [*own, "start"]
    assert "start" not in DEFAULT_LOGGING_CONFIG["handlers"]


def test_what_a_process_logs_with_this_configuration_is_found(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    log = EngineLog()
    assert log.root_cause() is None
    with log.configured():
        configuration = json.loads(Path(os.environ[VARIABLE]).read_text())
    # The handler alone, on a logger of its own: vLLM's stay as they are.
    handler = logging.FileHandler(configuration["handlers"]["start"]["filename"])
    handler.setFormatter(logging.Formatter(configuration["formatters"]["bare"]["format"]))
    logger = logging.Logger("a child process")
    logger.addHandler(handler)
    try:
        raise FileNotFoundError("weights are missing")
    except FileNotFoundError:
        logger.exception("EngineCore failed to start.")
    handler.close()
    assert log.root_cause() == "FileNotFoundError: weights are missing"


def test_closing_the_log_removes_its_files(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    log = EngineLog()
    with log.configured():
        folder = Path(os.environ[VARIABLE]).parent
    assert folder.is_dir()
    log.close()
    assert not folder.exists()


def test_an_exception_without_a_text_gets_the_line_that_raised_it():
    log = (
        "Traceback (most recent call last):\n"
        '  File "loader.py", line 7, in load\n'
        "    assert loaded.shape == expected\n"
        "           ^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "AssertionError\n"
        "RuntimeError: Engine core initialization failed. See root cause above.\n"
    )
    assert find_root_cause(log) == "AssertionError: assert loaded.shape == expected"
