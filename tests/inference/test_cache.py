"""The cache folder, and what is said where it cannot be made."""

import re
from pathlib import Path

import pytest

from inference.cache import CACHE_NAME, cache_folder
from inference.errors import InferenceError


def test_it_is_made_in_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "new"))
    assert cache_folder() == tmp_path / "new" / CACHE_NAME
    assert cache_folder().is_dir()


def test_a_folder_that_cannot_be_made_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    expected = (
        f"The cache folder {tmp_path / 'file' / CACHE_NAME} cannot be made: Not a directory. "
        "Set the environment variable XDG_CACHE_HOME to a folder that you can write to."
    )
    with pytest.raises(InferenceError, match=re.escape(expected)):
        cache_folder()
