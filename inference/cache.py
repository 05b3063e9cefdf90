"""Where files that can be made again are kept: one folder of the user's cache."""

import json
import os
from pathlib import Path
from typing import Any

CACHE_NAME = "efficient-inference-with-vllm"


def cache_folder() -> Path:
    """Returns this project's cache folder, created if missing: `$XDG_CACHE_HOME` or `~/.cache`, then `CACHE_NAME`.

    As the XDG base directory specification asks, a relative `XDG_CACHE_HOME` is ignored.
    """
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    root = configured if configured.is_absolute() else Path.home() / ".cache"
    folder = root / CACHE_NAME
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def read_json_object(file: Path) -> dict[str, Any]:
    """Returns the object that a JSON file holds; an empty one where the file is missing or broken."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
