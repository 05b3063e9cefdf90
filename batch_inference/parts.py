"""The unit of work: some consecutive rows of one input file, whose answers are one file of the output."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """Some consecutive rows of an input file.

    Attributes:
        path: the file.
        name: what ids call it: its path below the folder that was given.
        first_row: number of the first row, from 1; in JSON lines the line's.
        rows: how many.
        offset: where the first row begins, in bytes; JSON lines only.
    """

    path: str
    name: str
    first_row: int
    rows: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class InputFile:
    """An input file, as it was scanned.

    Attributes:
        name: what ids call it.
        rows: how many it holds.
        fingerprint: SHA-256 of its content; for Parquet, of its footer.
        parts: its rows in their order.
    """

    name: str
    rows: int
    fingerprint: str
    parts: tuple[Part, ...]
