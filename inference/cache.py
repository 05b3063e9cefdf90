"""Where files that can be made again are kept: one folder of the user's cache."""

import os
from pathlib import Path

from inference.errors import InferenceError

CACHE_NAME = "efficient-inference-with-vllm"


def cache_folder() -> Path:
    """Returns this project's cache folder, created if missing: `$XDG_CACHE_HOME` or `~/.cache`, then `CACHE_NAME`.

    As the XDG base directory specification asks, a relative `XDG_CACHE_HOME` is ignored.

    Raises:
        InferenceError: it can be neither found nor made.
    """
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    root = configured if configured.is_absolute() else Path.home() / ".cache"
    folder = root / CACHE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InferenceError(
            f"The cache folder {folder} cannot be made: {error.strerror}. Set the environment variable XDG_CACHE_HOME "
            "to a folder that you can write to."
        ) from error
    return folder
