"""Turns the name of a base model into something that vLLM and Transformers load."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from inference.bundled_model import BUNDLED_MODEL, bundled_model_path
from inference.errors import BaseModelError
from inference.file_hash import hash_files
from inference.json_file import read_json_object

BUNDLED_MODEL_ON_HUB = f"HuggingFaceTB/{BUNDLED_MODEL}"


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A base model that was found.

    Attributes:
        name: what the user called it.
        source: what loaders take: a folder's path, or a hub name.
        canonical_name: what an adapter's `base_model_name_or_path` says of it: the hub name where there is one.
    """

    name: str
    source: str
    canonical_name: str

    @property
    def is_folder(self) -> bool:
        """Whether the weights lie in a local folder."""
        return Path(self.source).is_dir()


def resolve_base_model(name: str | os.PathLike[str]) -> BaseModel:
    """Finds a base model: the bundled one (converted on first use), a folder, or a hub name.

    Args:
        name: `BUNDLED_MODEL`, the path of a folder with `config.json` and safetensors, or `owner/name` on the hub.

    Raises:
        BaseModelError: no such folder, an incomplete folder, or a name that can be none of the three.
    """
    if not isinstance(name, str | os.PathLike) or not os.fspath(name):
        raise BaseModelError(
            f"A base model is named by a text or a path, got {name!r}. The bundled one is {BUNDLED_MODEL!r}."
        )
    text = os.fspath(name)
    if text == BUNDLED_MODEL:
        return BaseModel(text, str(bundled_model_path()), BUNDLED_MODEL_ON_HUB)
    folder = Path(text).expanduser()
    if folder.is_dir():
        _check_folder(folder)
        return BaseModel(text, str(folder.resolve()), _recorded_name(folder) or folder.name)
    if _is_hub_name(text):
        return BaseModel(text, text, text)
    raise BaseModelError(
        f"There is no base model {text!r}: it is neither an existing folder nor a hub name like owner/name. "
        f"The bundled model is {BUNDLED_MODEL!r}."
    )


def base_version(model: BaseModel) -> str:
    """Returns what changes whenever the base model's content does: its weights' SHA-256, or its commit on the hub.

    The whole files are read, some 1.5 GB a second: a base that was trained on in place has the same sizes and names.
    """
    if not model.is_folder:
        return str(load_config(model)._commit_hash)
    folder = Path(model.source)
    return hash_files(folder, ["config.json", *sorted(file.name for file in folder.glob("*.safetensors"))])


def load_config(model: BaseModel, **options: Any) -> Any:
    """Returns the Transformers configuration of a base model; a hub name is downloaded if it is not cached.

    Args:
        model: the base model.
        options: further arguments of Transformers' loader, such as `revision`.

    Raises:
        BaseModelError: the hub has no such model, or it cannot be reached and nothing is cached.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(model.source, **options)
    except (OSError, ValueError) as error:
        raise BaseModelError(
            f"The configuration of base model {model.name!r} cannot be loaded: {first_line(error)} "
            f"Check the name and the connection, or use a folder or the bundled model {BUNDLED_MODEL!r}."
        ) from error


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's text, or its type's name where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _is_hub_name(text: str) -> bool:
    parts = text.split("/")
    return len(parts) == 2 and all(part and not part.startswith((".", "~")) for part in parts)


def _check_folder(folder: Path) -> None:
    found = sorted(file.name for file in folder.iterdir())
    if "config.json" not in found:
        raise BaseModelError(
            f"The folder {folder} holds no config.json, so it is no model. It holds: {_listed(found)}."
        )
    weights = [name for name in found if name.endswith(".safetensors")]
    if not weights:
        raise BaseModelError(f"The folder {folder} holds no *.safetensors weights. It holds: {_listed(found)}.")
    for name in weights:
        try:
            safe_open(folder / name, framework="pt")
        except SafetensorError as error:
            raise BaseModelError(f"{folder / name} is damaged or truncated: {error}. Copy the folder again.") from error
    if not read_json_object(folder / "config.json"):
        raise BaseModelError(f"{folder / 'config.json'} is no JSON object.")


def _recorded_name(folder: Path) -> str | None:
    recorded = read_json_object(folder / "config.json").get("_name_or_path")
    return recorded if isinstance(recorded, str) and _is_hub_name(recorded) else None


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:12]) or "nothing"
    return f"{shown}, …" if len(names) > 12 else shown
