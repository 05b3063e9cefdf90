"""Plants a mutant and looks for the first run in which it differs from vLLM."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.differential.mutants.mutant import ROOT, Mutant

# All runs together take about two seconds; a mutant that takes longer goes round in circles.
LONGEST_S = 30


@dataclass(frozen=True, slots=True)
class Kill:
    """What gave a mutant away.

    Attributes:
        oracle: the kind of comparison.
        seed: of the first run that differed.
        difference: what differed, or how the mutant crashed.
    """

    oracle: str
    seed: int | None
    difference: str


def hunt(mutant: Mutant, recordings: Path, longest_s: float = LONGEST_S) -> Kill | None:
    """Returns the first difference of a mutant, or None if it survives all runs.

    Args:
        mutant: what to plant.
        recordings: folder with vLLM's runs.
        longest_s: what takes longer has no end, in seconds.

    Raises:
        ValueError: the mutant does not fit the source any more.
        RuntimeError: the mutant is no program.
    """
    with tempfile.TemporaryDirectory() as folder:
        mutant.plant(Path(folder))
        command = [sys.executable, "-m", "tests.differential.mutants.replay", str(recordings)]
        # The working directory comes first among the places that modules are imported from.
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            replay = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=longest_s, check=False
            )
        except subprocess.TimeoutExpired:
            return Kill("time", None, f"no end after {longest_s} s")
    if replay.returncode != 0:
        raise RuntimeError(f"mutant {mutant.rule!r} does not run:\n{replay.stderr}")
    kill = json.loads(replay.stdout)
    return Kill(**kill) if kill else None
