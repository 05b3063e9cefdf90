"""JSON files: read where they may be missing or broken, written whole or not at all."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read_json_object(file: Path) -> dict[str, Any]:
    """Returns the object that a JSON file holds; an empty one where the file is missing or broken."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json_object(file: Path, content: Mapping[str, Any]) -> None:
    """Writes an object as JSON; the file appears complete or not at all, and an earlier one stays until then."""
    write_text(file, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write_text(file: Path, text: str) -> None:
    """Writes a text file in UTF-8, which appears complete or not at all; an earlier one stays until then."""
    write_bytes(file, text.encode())


def write_bytes(file: Path, content: bytes) -> None:
    """Writes a file, which appears complete or not at all; an earlier one stays until then."""
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)
