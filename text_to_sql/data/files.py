"""Reads the files of the data sets: JSON lines, plain or compressed."""

import gzip
import json
import lzma
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

SPIDER_FILE = "spider_train.jsonl.gz"
WIKISQL_FILE = "wikisql.jsonl.xz"

_OPENERS: dict[str, Callable[..., IO[str]]] = {".gz": gzip.open, ".xz": lzma.open}


def read_rows(path: Path) -> Iterator[dict[str, str]]:
    """Yields the JSON objects of a file of JSON lines, plain, `.gz` or `.xz`.

    Raises:
        FileNotFoundError: no such file; the message says where the data comes from.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: pass the folder that holds {SPIDER_FILE} and {WIKISQL_FILE}.")
    with _OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)
