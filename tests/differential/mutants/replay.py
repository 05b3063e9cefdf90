"""Compares the simulator that this process has imported with the recorded runs; a process for each mutant.

    python -m tests.differential.mutants.replay RECORDINGS

Prints the first difference as JSON, or null.
"""

import json
import resource
import sys
from pathlib import Path

from tests.differential.lockstep import first_difference
from tests.differential.mutants.recording import recorded, runs

# A broken free queue may have no end, and a list of it does not either.
MOST_BYTES = 2 * 1024**3
# A fault that does not run at all says nothing about the comparison.
FAULTS_OF_THE_MUTANT = (NameError, ImportError, SyntaxError)


def first_kill(recordings: Path) -> dict[str, str | int] | None:
    """Returns the first run that the simulator fails, and how."""
    for oracle, seed in runs():
        expected = recorded(recordings, oracle, seed)
        try:
            difference = first_difference(oracle.simulator(seed), expected)
        except FAULTS_OF_THE_MUTANT:
            raise
        except Exception as error:
            difference = f"{type(error).__name__}: {error}"
        if difference:
            return {"oracle": oracle.name, "seed": seed, "difference": difference}
    return None


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    print(json.dumps(first_kill(Path(sys.argv[1]))))
