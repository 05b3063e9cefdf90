"""Prints what became of every mutant: `python -m tests.differential.mutants`."""

import logging
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.differential.mutants import MUTANTS
from tests.differential.mutants.hunt import Kill, hunt
from tests.differential.mutants.mutant import Mutant
from tests.differential.mutants.recording import record


def main() -> int:
    """Hunts all mutants, prints the table, and returns 1 if one survived that should not."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        recordings = Path(folder)
        record(recordings)
        errors = Console(stderr=True)
        kills = [(mutant, hunt(mutant, recordings)) for mutant in track(MUTANTS, "Mutants", console=errors)]
    Console().print(_table(kills))
    num_killed = sum(kill is not None for _, kill in kills)
    num_equivalent = sum(kill is None and mutant.equivalent is not None for mutant, kill in kills)
    survived = len(kills) - num_killed - num_equivalent
    print(f"{num_killed} of {len(kills)} killed, {num_equivalent} equivalent, {survived} survived")
    return min(survived, 1)


def _table(kills: list[tuple[Mutant, Kill | None]]) -> Table:
    table = Table("file", "rule", "comparison", "seed", "what differed")
    for mutant, kill in kills:
        if kill:
            table.add_row(mutant.file, mutant.rule, kill.oracle, str(kill.seed), _short(kill.difference))
        else:
            table.add_row(mutant.file, mutant.rule, "-", "-", mutant.equivalent or "[bold]nothing[/bold]")
    return table


def _short(difference: str) -> str:
    return difference if len(difference) <= 100 else difference[:99] + "…"


if __name__ == "__main__":
    sys.exit(main())
