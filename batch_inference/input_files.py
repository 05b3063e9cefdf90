"""Which files are the input, and how each kind of them is read."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from batch_inference import json_lines, parquet_file
from batch_inference.errors import BatchError, RowError
from batch_inference.parts import InputFile, Part

# Place, as `file:row`, and fields; an error for a row that cannot be read.
ReadRow = tuple[str, dict[str, Any] | RowError]
_READERS: dict[str, ModuleType] = {".jsonl": json_lines, ".parquet": parquet_file}


def find_input_files(inputs: Sequence[Path]) -> list[tuple[str, Path]]:
    """Returns name and path of each input file, in the order given; those of a folder by name, subfolders included.

    Raises:
        BatchError: there is no such file or folder, none of a known kind, or two of one name.
    """
    files = [found for path in inputs for found in _files_of(path)]
    twice = [name for name, count in Counter(name for name, _ in files).items() if count > 1]
    if twice:
        raise BatchError(f"Two input files are called {twice[0]!r}, so ids would clash: give the folder above them.")
    return files


def about_how_many_rows(files: Sequence[tuple[str, Path]]) -> int:
    """Returns how many rows the files hold; empty lines count too."""
    return sum(
        json_lines.count_lines(path) if path.suffix == ".jsonl" else parquet_file.count_rows(path) for _, path in files
    )


def scan(name: str, path: Path, rows_per_part: int) -> InputFile:
    """Returns the parts of a file; raises BatchError if it cannot be read."""
    try:
        return _READERS[path.suffix].scan(path, name, rows_per_part)
    except OSError as error:
        raise BatchError(f"{path} cannot be read: {error.strerror}") from error


def read_part(part: Part) -> Iterator[ReadRow]:
    """Yields place, as `file:row`, and fields of each row of a part; an error for a row that cannot be read."""
    for number, fields in _READERS[Path(part.path).suffix].read(part):
        yield f"{part.name}:{number}", fields


def _files_of(path: Path) -> list[tuple[str, Path]]:
    if path.is_dir():
        found = sorted(
            file
            for file in path.rglob("*")
            if file.suffix in _READERS and file.is_file() and not _is_hidden(file, path)
        )
        if not found:
            raise BatchError(f"The folder {path} holds no *.jsonl or *.parquet files.")
        return [(file.relative_to(path).as_posix(), file.resolve()) for file in found]
    if not path.is_file():
        raise BatchError(f"There is no input file or folder {path}.")
    if path.suffix not in _READERS:
        raise BatchError(f"{path} must end in .jsonl (one JSON object a line) or .parquet.")
    return [(path.name, path.resolve())]


def _is_hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)
