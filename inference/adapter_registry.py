"""The adapters that one engine has loaded, by the caller's names."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.adapter import Adapter
from inference.errors import AdapterError, EngineStartError


@dataclass(frozen=True, slots=True)
class LoadedAdapter:
    """An adapter in the engine: its name here, what was read from disk, and vLLM's `LoRARequest` for it."""

    name: str
    adapter: Adapter
    request: Any


class AdapterRegistry:
    """Names, ids and limits of loaded adapters. It owns the ids: vLLM answers with the old adapter if one is reused.

    vLLM keys cached KV blocks by the adapter's name, so the name that it gets carries the content's hash: the same
    name with other content never meets the old one's blocks.

    Args:
        max_adapters: slots of the engine, at least 1.
        max_rank: the largest rank that a slot holds.
    """

    def __init__(self, max_adapters: int, max_rank: int) -> None:
        if not isinstance(max_adapters, int) or max_adapters < 1:
            raise EngineStartError(f"max_adapters must be a whole number of at least 1, got {max_adapters!r}")
        self.max_adapters = max_adapters
        self.max_rank = max_rank
        self._loaded: dict[str, LoadedAdapter] = {}
        self._ids = itertools.count(1)

    @property
    def paths(self) -> dict[str, Path]:
        """Folder of each loaded adapter by its name."""
        return {name: loaded.adapter.path for name, loaded in self._loaded.items()}

    def get(self, name: str) -> LoadedAdapter:
        """Returns a loaded adapter.

        Raises:
            AdapterError: none has this name; the message lists those that are loaded.
        """
        if name not in self._loaded:
            known = ", ".join(map(repr, self._loaded)) or "none"
            raise AdapterError(repr(name), [f"No adapter of this name is loaded (loaded: {known}). Use load_adapter."])
        return self._loaded[name]

    def can_load(self, name: str, adapter: Adapter) -> bool:
        """Whether `name` is free; False if the same content is loaded under it already.

        Raises:
            AdapterError: the name is taken by other content, all slots are taken, or the rank is above the engine's.
        """
        if not isinstance(name, str) or not name:
            raise AdapterError(str(adapter.path), [f"Its name must be a text of at least one character, got {name!r}."])
        if name in self._loaded:
            if self._loaded[name].adapter.content_hash == adapter.content_hash:
                return False
            raise AdapterError(
                repr(name),
                [
                    f"This name is loaded with other content, from {self._loaded[name].adapter.path}. "
                    "Unload it first, or choose another name."
                ],
            )
        problems = []
        if len(self._loaded) >= self.max_adapters:
            problems.append(
                f"All {self.max_adapters} slots are taken by {', '.join(map(repr, self._loaded))}. "
                "Unload one, or start with a larger max_adapters."
            )
        if adapter.rank > self.max_rank:
            problems.append(
                f"Its rank {adapter.rank} is above the engine's {self.max_rank}. "
                f"Start with max_lora_rank={adapter.rank}."
            )
        if problems:
            raise AdapterError(str(adapter.path), problems)
        return True

    def new_request(self, name: str, adapter: Adapter) -> LoadedAdapter:
        """Returns the adapter with an id that was never used before; it is not registered yet."""
        from vllm.lora.request import LoRARequest

        request = LoRARequest(f"{name}@{adapter.content_hash[:12]}", next(self._ids), str(adapter.path))
        return LoadedAdapter(name, adapter, request)

    def add(self, loaded: LoadedAdapter) -> None:
        """Registers an adapter that the engine has taken."""
        self._loaded[loaded.name] = loaded

    def remove(self, name: str) -> None:
        """Forgets an adapter; its id is never given out again."""
        del self._loaded[name]
