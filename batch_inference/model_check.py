"""Whether base model and adapters can be served, found before any engine starts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference.adapter import read_adapter
from inference.adapter_checks import check_adapter
from inference.base_model import load_config, resolve_base_model
from inference.base_shapes import base_shapes

_CONFIG_OPTIONS = ("revision", "trust_remote_code")


def largest_rank(base_model: str, adapters: Mapping[str, Path], engine: Mapping[str, Any]) -> int | None:
    """Returns the largest rank of the adapters, which the engine needs to know; None where there are none.

    Raises:
        BaseModelError: there is no such base model.
        AdapterError: an adapter cannot be served with it.
    """
    base = resolve_base_model(base_model)
    if not adapters:
        return None
    shapes = base_shapes(load_config(base, **{name: engine[name] for name in _CONFIG_OPTIONS if name in engine}))
    read = [read_adapter(folder) for folder in adapters.values()]
    for adapter in read:
        check_adapter(adapter, base, shapes)
    return max(adapter.rank for adapter in read)
