"""Input in Parquet: row counts stand in the file's footer, so planning reads nothing else."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyarrow.lib import ArrowException

from batch_inference.errors import BatchError
from batch_inference.parts import InputFile, Part

# The last eight bytes of a file: length of the footer before them, and the letters PAR1.
_TAIL_BYTES = 8


def count_rows(path: Path) -> int:
    """Returns the number of rows; raises BatchError for what is no Parquet file."""
    with _opened(path) as file:
        return file.metadata.num_rows


def scan(path: Path, name: str, rows_per_part: int) -> InputFile:
    """Returns where a file's parts begin and what its content is known by: its footer, with sizes and statistics."""
    rows = count_rows(path)
    parts = tuple(
        Part(str(path), name, first + 1, min(rows_per_part, rows - first)) for first in range(0, rows, rows_per_part)
    )
    return InputFile(name, rows, _footer_hash(path), parts)


def read(part: Part) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields row number and fields of each row of a part; whole row groups are read."""
    begin = part.first_row - 1
    with _opened(Path(part.path)) as file:
        groups, first = _row_groups(file, begin, begin + part.rows)
        table = file.read_row_groups(groups).slice(begin - first, part.rows)
    yield from enumerate(table.to_pylist(), part.first_row)


def _row_groups(file: pq.ParquetFile, begin: int, end: int) -> tuple[list[int], int]:
    """Returns the row groups that hold rows from `begin` to `end`, and the first row of these groups."""
    groups, starts, row = [], [], 0
    for group in range(file.metadata.num_row_groups):
        length = file.metadata.row_group(group).num_rows
        if row < end and row + length > begin:
            groups.append(group)
            starts.append(row)
        row += length
    return groups, min(starts, default=0)


def _opened(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except ArrowException as error:
        raise BatchError(f"{path} is no Parquet file: {error}") from error


def _footer_hash(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(-_TAIL_BYTES, 2)
        length = int.from_bytes(file.read(4), "little")
        file.seek(-_TAIL_BYTES - length, 2)
        return hashlib.sha256(file.read(length)).hexdigest()
