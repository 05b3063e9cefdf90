"""The records that this repository keeps, in `benchmarks/results`."""

import json
from pathlib import Path
from typing import Any

from benchmarks.comparison.record import SCHEMA_VERSION

RESULTS = Path(__file__).resolve().parent / "results"


def load(name: str) -> dict[str, Any]:
    """Returns a record by its file's name without `.json`."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def comparison_records() -> list[Path]:
    """Returns the files of the comparisons, in alphabetical order."""
    return [file for file in sorted(RESULTS.glob("*.json")) if load(file.stem).get("schema_version") == SCHEMA_VERSION]
