"""Input files of tests, and what a job has written."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def question(text: str, **fields: Any) -> dict[str, Any]:
    """A row with one message."""
    return {"messages": [{"role": "user", "content": text}], **fields}


def write_json_lines(path: Path, rows: Iterable[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


def write_parquet(path: Path, rows: Sequence[dict[str, Any]], rows_per_group: int = 4) -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=rows_per_group)
    return path


def answers_of(output: Path) -> list[dict[str, Any]]:
    """All answers in JSON lines, in the order of the files' names."""
    return [json.loads(line) for part in sorted(output.glob("part-*")) for line in part.read_text().splitlines()]
