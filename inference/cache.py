"""Where files that can be made again are kept: one folder of the user's cache."""

import os
from pathlib import Path

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
