"""Input in JSON lines: one object a line; empty lines are no rows."""

import hashlib
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from batch_inference.errors import RowError
from batch_inference.parts import InputFile, Part

_CHUNK_BYTES = 1 << 20


def count_lines(path: Path) -> int:
    """Returns the number of line ends, some 5 GB a second."""
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""))


def scan(path: Path, name: str, rows_per_part: int) -> InputFile:
    """Reads a file once, and returns where its parts begin and what its content is known by."""
    digest, offset, rows = hashlib.sha256(), 0, 0
    starts: list[tuple[int, int]] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            digest.update(line)
            if not line.isspace():
                if rows % rows_per_part == 0:
                    starts.append((number, offset))
                rows += 1
            offset += len(line)
    parts = tuple(
        Part(str(path), name, number, min(rows_per_part, rows - index * rows_per_part), offset)
        for index, (number, offset) in enumerate(starts)
    )
    return InputFile(name, rows, digest.hexdigest(), parts)


def read(part: Part) -> Iterator[tuple[int, dict[str, Any] | RowError]]:
    """Yields line number and fields of each row of a part; an error for a line that is no JSON object."""
    with Path(part.path).open("rb") as file:
        file.seek(part.offset)
        lines = ((number, line) for number, line in enumerate(file, part.first_row) if not line.isspace())
        for number, line in islice(lines, part.rows):
            yield number, _fields(line)


def _fields(line: bytes) -> dict[str, Any] | RowError:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        return RowError(f"The line is no JSON: {error}")
    return fields if isinstance(fields, dict) else RowError(f"The line is no JSON object but {type(fields).__name__}")
