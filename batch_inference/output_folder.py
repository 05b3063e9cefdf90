"""The folder of the answers: what job it belongs to, which parts are there, and that one process writes."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from batch_inference.answers import Format
from batch_inference.errors import BatchError
from inference.json_file import read_json_object, write_json_object

JOB_FILE = "job.json"
_PREFIX = "part-"
_LONGEST_SHOWN = 200
# Hidden files: of tries, and of processes that were killed while they wrote.
_LEFTOVERS = f".{_PREFIX}*"


@dataclass(frozen=True, slots=True)
class OutputFolder:
    """Answers of one job: `job.json`, and a file for each part that is done; in the order of names, that of the input.

    Attributes:
        path: the folder.
        format: of the answers.
    """

    path: Path
    format: Format

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the folder, and keeps other jobs out while the block runs.

        Raises:
            BatchError: it cannot be made, it holds other files, or another process writes into it.
        """
        self._make()
        lock = FileLock(self.path / ".lock")
        try:
            with lock.acquire(timeout=0):
                for left in self.path.glob(_LEFTOVERS):
                    # A replica of a killed job may still be at it.
                    left.unlink(missing_ok=True)
                yield
        except Timeout as error:
            raise BatchError(
                f"Another job is writing into {self.path}. Wait for it, or choose another output."
            ) from error

    def _make(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BatchError(f"The output folder {self.path} cannot be made: {error.strerror}.") from error
        others = [file.name for file in self.path.iterdir() if not file.name.startswith(".")]
        if others and JOB_FILE not in others:
            raise BatchError(
                f"The output folder {self.path} holds other files, such as {others[0]}: choose an empty one."
            )

    @property
    def description(self) -> dict[str, Any]:
        """What `job.json` says; empty where no part is there yet, so that settings which did not work can be changed.

        Raises:
            BatchError: there are parts, but what job they belong to cannot be read.
        """
        if not self.done():
            return {}
        begun = read_json_object(self.path / JOB_FILE)
        if not begun:
            raise BatchError(f"{self.path / JOB_FILE} cannot be read, so the job cannot go on: choose another output.")
        return begun

    def claim(self, description: Mapping[str, Any]) -> None:
        """Writes `job.json`; or compares, where a job was begun.

        Raises:
            BatchError: what was begun is another job; the message names the first difference.
        """
        begun, given = self.description, json.loads(json.dumps(description))
        for name in given if begun else ():
            if begun.get(name) != given[name]:
                raise BatchError(
                    f"{self.path} holds answers of another job: {name} was {_shown(begun.get(name))} and is "
                    f"{_shown(given[name])}. Choose another output, or the settings of then."
                )
        if not begun:
            write_json_object(self.path / JOB_FILE, description)

    def part(self, number: int) -> Path:
        """Returns the file of a part's answers, by the part's number from 0."""
        return self.path / f"{_PREFIX}{number:08}.{self.format}"

    def count_try(self, number: int) -> int:
        """Returns how often a part was begun since the job was last started, this time counted in."""
        with self._tries(number).open("ab") as file:
            file.write(b"x")
        return self._tries(number).stat().st_size

    def forget_tries(self, number: int) -> None:
        """Removes what `count_try` has counted."""
        self._tries(number).unlink(missing_ok=True)

    def _tries(self, number: int) -> Path:
        return self.path / f".{_PREFIX}{number:08}.tries"

    def done(self) -> set[int]:
        """Returns the numbers of the parts that are there."""
        return {int(file.stem.removeprefix(_PREFIX)) for file in self.path.glob(f"{_PREFIX}*.{self.format}")}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]} …"
