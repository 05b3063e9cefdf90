"""Merged models in the cache folder: one for each pair of a base model's and an adapter's content."""

from pathlib import Path

from inference.adapter import read_adapter
from inference.base_model import base_version, resolve_base_model
from inference.cache import cache_folder
from inference.merge import merge_lora_to_base_model


def merge_into_cache(base_model_name: str, adapter: Path) -> str:
    """Returns the folder of the merged model, merging it on first use; arguments and errors as for the merge."""
    versions = base_version(resolve_base_model(base_model_name))[:12], read_adapter(adapter).content_hash[:12]
    name = "-".join(("merged", Path(base_model_name).name, adapter.resolve().name, *versions))
    return merge_lora_to_base_model(base_model_name, adapter, cache_folder() / name)
