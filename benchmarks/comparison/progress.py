"""How far a comparison is, on the terminal."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

# Once a second: drawing must not take time from what is measured.
REFRESH_PER_S = 1


class TerminalProgress:
    """A bar over all runs, with what is being done beside it; plain lines where there is no terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._is_terminal = console.is_terminal
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            refresh_per_second=REFRESH_PER_S,
            disable=not self._is_terminal,
        )
        self._task = self._bar.add_task("preparing", total=None)

    def begin(self, num_runs: int) -> None:
        """See `Progress.begin`."""
        self._bar.update(self._task, total=num_runs)

    def says(self, text: str) -> None:
        """See `Progress.says`."""
        self._bar.update(self._task, description=text)
        if not self._is_terminal:
            print(text, file=sys.stderr, flush=True)

    def ran(self, text: str) -> None:
        """See `Progress.ran`."""
        self.says(text)
        self._bar.advance(self._task)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()
