"""Keeps what vLLM's processes log while they start, to find the root cause of a failure.

With several processes vLLM's own error ends in "See root cause above", and the cause is a line in a child's log. vLLM
reads its logging configuration from a file that `VLLM_LOGGING_CONFIG_PATH` names, child processes included; here that
is vLLM's default configuration with a log file beside the usual output.
"""

import copy
import json
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_VARIABLE = "VLLM_LOGGING_CONFIG_PATH"
# The last line of a traceback: an exception's name, perhaps with its module, and its text.
_EXCEPTION = re.compile(r"(?:[\w.]+\.)?(\w+(?:Error|Exception|Interrupt|Exit))(?:: (.+))?")
_CONSEQUENCES = ("Engine core initialization failed", "WorkerProc initialization failed", "See root cause above")


class EngineLog:
    """A log file of one engine's processes, to be kept as long as they live."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="vllm-engine-"))
        self._file = self._folder / "errors.log"
        self._remove = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    @contextmanager
    def configured(self) -> Iterator[None]:
        """Processes that vLLM starts in this context log to the file too.

        A logging configuration of the user's own stays untouched; then there is no root cause to read. The same where
        the user has turned vLLM's logging off: vLLM does not start with both.
        """
        if _VARIABLE in os.environ or os.environ.get("VLLM_CONFIGURE_LOGGING") == "0":
            yield
            return
        configuration = self._folder / "logging.json"
        configuration.write_text(json.dumps(_configuration(self._file)))
        os.environ[_VARIABLE] = str(configuration)
        try:
            yield
        finally:
            del os.environ[_VARIABLE]

    def close(self) -> None:
        """Removes the file; so does the end of the process."""
        self._remove()

    def root_cause(self) -> str | None:
        """Returns the first exception that was logged, as `Kind: text`; None if there is none."""
        return find_root_cause(self._file.read_text(errors="replace")) if self._file.is_file() else None


def find_root_cause(log: str) -> str | None:
    """Returns the first exception in a log that is no mere consequence of another, as `Kind: text`.

    An exception without a text, such as a bare assertion's, gets the line of code that raised it.
    """
    code = ""
    for line in log.splitlines():
        match = _EXCEPTION.fullmatch(line)
        if match and not is_consequence(match[2] or ""):
            return f"{match[1]}: {match[2] or code}"
        if line.strip(" ~^"):
            code = line.strip()
    return None


def is_consequence(text: str) -> bool:
    """Whether an error's text only says that another process failed."""
    return any(phrase in text for phrase in _CONSEQUENCES)


def _configuration(log_file: Path) -> dict[str, object]:
    from vllm.logger import DEFAULT_LOGGING_CONFIG

    configuration = copy.deepcopy(DEFAULT_LOGGING_CONFIG)
    # The file gets bare messages and tracebacks: vLLM's own formatter prefixes every line.
    configuration["formatters"]["bare"] = {"format": "%(message)s"}
    configuration["handlers"]["start"] = {
        "class": "logging.FileHandler",
        "filename": str(log_file),
        "delay": True,
        "formatter": "bare",
        "level": "ERROR",
    }
    configuration["loggers"]["vllm"]["handlers"] = [*configuration["loggers"]["vllm"]["handlers"], "start"]
    return configuration
