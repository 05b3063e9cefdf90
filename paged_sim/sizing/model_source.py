"""A model by whatever the user has: a known name, a folder, a `config.json`, or a name on the Hugging Face hub."""

import json
import os
import re
from pathlib import Path
from typing import Any

from paged_sim.sizing.cache_dtype import MODEL_DTYPE_BYTES
from paged_sim.sizing.config_keys import first_value, text_section
from paged_sim.sizing.model_config import shape_from_config
from paged_sim.sizing.model_shape import ModelShape
from paged_sim.sizing.presets import find_preset, similar_names

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def load_model_shape(source: str) -> ModelShape:
    """Returns the shape of a model.

    Nothing is downloaded but the `config.json` of a hub name that is neither known nor a path.

    Args:
        source: a name in `presets.json`, the path of a folder with `config.json` or of such a file, or `owner/name` on
            the hub.

    Raises:
        ValueError: there is no such model, it cannot be fetched, or its `config.json` is not understood.
    """
    if preset := find_preset(source):
        return preset.shape
    path = Path(source).expanduser()
    if path.is_dir():
        return _shape_of_file(path / "config.json", source)
    if path.is_file():
        return _shape_of_file(path, source)
    if _HUB_NAME.fullmatch(source):
        return _shape_of_file(_fetch_config(source), source)
    raise ValueError(f"There is no model {source!r}: neither a known name, nor a path, nor owner/name.{_hint(source)}")


def _shape_of_file(path: Path, source: str) -> ModelShape:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{source} has no config.json") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path} must hold a JSON object, got {type(config).__name__}")
    return shape_from_config(config, source, _count_parameters(path.parent, config))


def _count_parameters(folder: Path, config: dict[str, Any]) -> int | None:
    """The number of weights in the safetensors of a folder, whose headers (kilobytes) are left in."""
    # Some models come in a second form too, of one file, with the same weights.
    files = [file for file in folder.glob("*.safetensors") if not file.name.startswith("consolidated")]
    num_bytes = sum(file.stat().st_size for file in files or folder.glob("*.safetensors"))
    dtype = first_value(config, ("dtype", "torch_dtype")) or first_value(text_section(config), ("dtype", "torch_dtype"))
    if not num_bytes or dtype not in MODEL_DTYPE_BYTES:
        return None
    return num_bytes // MODEL_DTYPE_BYTES[dtype]


def _fetch_config(name: str) -> Path:
    try:
        return _cached_or_downloaded(name)
    except Exception as error:
        # Whatever its HTTP library raises comes through, and huggingface_hub has changed that library twice.
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ValueError(
            f"config.json of {name!r} cannot be fetched from the hub ({reason}). Give a known name, or the path of a "
            f"folder with config.json.{_hint(name)}"
        ) from error


def _cached_or_downloaded(name: str) -> Path:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache

    cached = try_to_load_from_cache(name, "config.json")
    if isinstance(cached, str):
        return Path(cached)
    # Offline, this fails at once, where the download would try again for half a minute.
    get_hf_file_metadata(hf_hub_url(name, "config.json"))
    return Path(hf_hub_download(name, "config.json"))


def _hint(name: str) -> str:
    names = similar_names(name)
    return f" Known names like it: {', '.join(names)}." if names else ""
