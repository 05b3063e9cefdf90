"""Snapshots as a file of JSON lines, one for each, so that a recording can be shipped with a notebook."""

import json
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from paged_sim.checks import require
from paged_sim.drawing.snapshot import BlockTable, Snapshot

_TEXTS = ("waiting", "sentences")
_IDS = ("free_block_ids", "cached_block_ids", "new_block_ids")


def save_snapshots(snapshots: Iterable[Snapshot], path: str | Path) -> None:
    """Writes snapshots to a file.

    Args:
        snapshots: in the order of their steps.
        path: the file to write, in a folder that exists.

    Raises:
        OSError: the file cannot be written.
    """
    lines = [json.dumps(asdict(snapshot), separators=(",", ":"), ensure_ascii=False) + "\n" for snapshot in snapshots]
    Path(path).write_text("".join(lines), encoding="utf-8", newline="\n")


def load_snapshots(path: str | Path) -> list[Snapshot]:
    """Returns the snapshots of a file.

    Args:
        path: a file that `save_snapshots` has written.

    Raises:
        ValueError: a line is no snapshot; the message says which line, which field and why.
        OSError: the file cannot be read.
    """
    snapshots = []
    for number, line in enumerate(Path(path).read_bytes().splitlines(), start=1):
        try:
            snapshots.append(_from_record(_decode(line)))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
    return snapshots


def _decode(line: bytes) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg}, column {error.colno}") from error


def _from_record(record: Any) -> Snapshot:
    require(isinstance(record, dict), "a snapshot", "a JSON object", record)
    known = [field.name for field in fields(Snapshot)]
    rule = f"exactly {', '.join(known)}"
    require(record.keys() == set(known), "fields of a snapshot", rule, sorted(record))
    for field in ("tables", *_TEXTS, *_IDS):
        require(isinstance(record[field], list), field, "a list", record[field])
    read = {field: tuple(_read_text(field, text) for text in record[field]) for field in _TEXTS}
    ids = {field: _read_ids(field, record[field]) for field in _IDS}
    return Snapshot(**record | read | ids | {"tables": tuple(map(_read_table, record["tables"]))})


def _read_table(table: Any) -> BlockTable:
    is_triple = isinstance(table, list) and len(table) == 3 and isinstance(table[1], list) and type(table[2]) is int
    require(is_triple, "a table", "[request id, block ids, number of computed tokens]", table)
    return BlockTable(_read_text("request id of a table", table[0]), _read_ids("blocks of a table", table[1]), table[2])


def _read_ids(field: str, values: list[Any]) -> tuple[int, ...]:
    require(all(type(value) is int for value in values), field, "a list of integers", values)
    return tuple(values)


def _read_text(field: str, value: Any) -> str:
    require(isinstance(value, str), field, "made of texts", value)
    return value
