"""Merged models in the cache: one folder for each pair of contents."""

from pathlib import Path

import pytest
from adapter_folders import write_adapter

from inference import merged_cache
from inference.base_model import BaseModel


def test_the_folder_is_named_by_both_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(merged_cache, "resolve_base_model", lambda name: BaseModel(name, name, name))
    monkeypatch.setattr(merged_cache, "base_version", lambda base: f"version of {base.name}")
    monkeypatch.setattr(merged_cache, "merge_lora_to_base_model", lambda base, adapter, target: str(target))
    one = write_adapter(tmp_path / "mine")
    other = write_adapter(tmp_path / "theirs" / "mine", config={"lora_alpha": 3})
    folders = [
        merged_cache.merge_into_cache(base, path) for base in ("owner/base", "owner/new") for path in (one, other)
    ]
    names = [Path(folder).name for folder in folders]
    assert len(set(names)) == 4
    assert all(Path(folder).is_relative_to(tmp_path) for folder in folders)
    assert names[0].startswith("merged-base-mine-")
