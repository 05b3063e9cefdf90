"""Whether base model and adapters can be served, found before any engine starts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference.adapter import Adapter, read_adapter
from inference.adapter_checks import check_adapter
from inference.base_model import load_config, resolve_base_model
from inference.base_shapes import base_shapes

_CONFIG_OPTIONS = ("revision", "trust_remote_code")


def read_adapters(base_model: str, adapters: Mapping[str, Path], engine: Mapping[str, Any]) -> dict[str, Adapter]:
    """Returns each adapter by its name, checked.

    Raises:
        BaseModelError: there is no such base model.
        AdapterError: an adapter cannot be served with it.
    """
    base = resolve_base_model(base_model)
    if not adapters:
        return {}
    shapes = base_shapes(load_config(base, **{name: engine[name] for name in _CONFIG_OPTIONS if name in engine}))
    read = {name: read_adapter(folder) for name, folder in adapters.items()}
    for adapter in read.values():
        check_adapter(adapter, base, shapes)
    return read
