"""A LoRA adapter on disk, as peft saves it: read and described without loading its weights."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from inference.errors import AdapterError
from inference.file_hash import hash_files
from inference.tokenizer_files import TEMPLATE_FILE, TOKENIZER_FILES, read_chat_template

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
_PREFIX = "base_model.model."


@dataclass(frozen=True, slots=True)
class LoRAFactors:
    """Shapes of the two matrices of one layer: A is (rank, in features), B is (out features, rank)."""

    a: tuple[int, ...] | None = None
    b: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter folder.

    Attributes:
        path: the folder, absolute.
        config: content of `adapter_config.json`.
        factors: shapes for each adapted layer, by the layer's full name in the base model.
        other_tensors: names of tensors that are no LoRA matrix of a linear layer.
        content_hash: SHA-256 over configuration, weights, tokenizer and chat template: the same content has the same.
        changes_nothing: whether every B matrix is zero, so that the adapter answers as the base does.
        is_finite: whether no value is NaN or infinite.
        chat_template: the adapter's own, if it brings one: vLLM itself never looks at it.
    """

    path: Path
    config: dict[str, Any]
    factors: dict[str, LoRAFactors]
    other_tensors: tuple[str, ...]
    content_hash: str
    changes_nothing: bool
    is_finite: bool
    chat_template: str | None = None

    @property
    def rank(self) -> int:
        """The largest rank of any layer."""
        return max([int(self.config.get("r") or 0), *(self.config.get("rank_pattern") or {}).values()])

    @property
    def base_name(self) -> str:
        """What the adapter says its base model is; empty if it does not say."""
        return self.config.get("base_model_name_or_path") or ""


def read_adapter(path: Path | str) -> Adapter:
    """Reads an adapter folder.

    Raises:
        AdapterError: the folder, its configuration or its weights are missing or broken.
    """
    folder = Path(path).expanduser().resolve()
    _check_files(folder)
    config = _read_config(folder)
    try:
        tensors = dict(_shapes(folder / WEIGHTS_FILE))
    except (SafetensorError, OSError) as error:
        problem = f"{WEIGHTS_FILE} is damaged or truncated: {error}. Copy or download the folder again."
        raise AdapterError(str(path), [problem]) from error
    try:
        template = read_chat_template(folder)
    except UnicodeDecodeError as error:
        raise AdapterError(str(path), [f"{TEMPLATE_FILE} is no UTF-8 text: {error}."]) from error
    factors, others = _split_tensors(tensors)
    zero, finite = _inspect_values(folder / WEIGHTS_FILE)
    return Adapter(folder, config, factors, others, _content_hash(folder), zero, finite, template)


def _check_files(folder: Path) -> None:
    if not folder.is_dir():
        raise AdapterError(str(folder), [f"There is no such folder. {_neighbours(folder)}"])
    found = sorted(file.name for file in folder.iterdir())
    listing = f"The folder holds: {', '.join(found[:12]) or 'nothing'}."
    problems = []
    if CONFIG_FILE not in found:
        problems.append(f"{CONFIG_FILE} is missing. {listing}")
    if WEIGHTS_FILE not in found and "adapter_model.bin" in found:
        problems.append(
            "The weights are a pickle (adapter_model.bin), which can run code when it is loaded and is refused. "
            "Load it with peft where you trust it and save it again: save_pretrained writes safetensors."
        )
    elif WEIGHTS_FILE not in found:
        problems.append(f"{WEIGHTS_FILE} is missing. {listing}")
    if problems:
        raise AdapterError(str(folder), problems)


def _neighbours(folder: Path) -> str:
    parent = next(parent for parent in folder.parents if parent.is_dir())
    names = sorted(entry.name for entry in parent.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    return f"Folders in {parent}: {', '.join(names[:12]) or 'none'}."


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise AdapterError(str(folder), [f"{CONFIG_FILE} is no valid JSON: {error}."]) from error
    if not isinstance(config, dict):
        raise AdapterError(str(folder), [f"{CONFIG_FILE} must be a JSON object."])
    problems = [f"{CONFIG_FILE}: {field} must be {what}." for field, what in _wrong_types(config)]
    if problems:
        raise AdapterError(str(folder), problems)
    return config


def _wrong_types(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if not isinstance(config.get("r", 0), int):
        yield "r", "an integer"
    pattern = config.get("rank_pattern") or {}
    if not isinstance(pattern, dict) or not all(isinstance(rank, int) for rank in pattern.values()):
        yield "rank_pattern", "an object of integers"
    if not isinstance(config.get("base_model_name_or_path") or "", str):
        yield "base_model_name_or_path", "a text"


def _shapes(file: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    with safe_open(file, framework="pt") as tensors:
        for name in tensors.keys():  # noqa: SIM118 (safe_open is no mapping)
            yield name, tuple(tensors.get_slice(name).get_shape())


def _split_tensors(tensors: dict[str, tuple[int, ...]]) -> tuple[dict[str, LoRAFactors], tuple[str, ...]]:
    a = {_layer(name): shape for name, shape in tensors.items() if name.endswith(".lora_A.weight")}
    b = {_layer(name): shape for name, shape in tensors.items() if name.endswith(".lora_B.weight")}
    factors = {layer: LoRAFactors(a.get(layer), b.get(layer)) for layer in sorted(a.keys() | b.keys())}
    others = tuple(name for name in tensors if not name.endswith((".lora_A.weight", ".lora_B.weight")))
    return factors, others


def _layer(tensor_name: str) -> str:
    return tensor_name.removeprefix(_PREFIX).rpartition(".lora_")[0]


def _inspect_values(file: Path) -> tuple[bool, bool]:
    """Returns whether all B matrices are zero, and whether all values are finite."""
    zero = finite = True
    with safe_open(file, framework="pt") as tensors:
        for name in tensors.keys():  # noqa: SIM118 (safe_open is no mapping)
            tensor = tensors.get_tensor(name)
            finite = finite and bool(tensor.isfinite().all())
            zero = zero and not (".lora_B" in name and bool(tensor.any()))
    return zero, finite


def _content_hash(folder: Path) -> str:
    return hash_files(folder, (CONFIG_FILE, WEIGHTS_FILE, TEMPLATE_FILE, *TOKENIZER_FILES))
