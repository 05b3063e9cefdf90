"""Well-known models by name, so that their KV cache is known offline.

`presets.json` holds for each what its `config.json` says of the KV cache, the number of its weights (counted on the
model as Transformers builds it from the whole `config.json`), and where the figures were checked.
"""

import json
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

from paged_sim.sizing.model_config import shape_from_config
from paged_sim.sizing.model_shape import ModelShape


@dataclass(frozen=True, slots=True)
class Preset:
    """A model that is known by name.

    Attributes:
        names: its name on the hub, then those of models of the same shape and length.
        config: the part of its `config.json` that the KV cache depends on.
        num_parameters: number of its weights, None if not known.
        sources: where the figures were checked.
    """

    names: tuple[str, ...]
    config: dict[str, Any]
    num_parameters: int | None
    sources: tuple[str, ...]

    @property
    def short_name(self) -> str:
        """Its first name, without the organisation."""
        return _without_organisation(self.names[0])

    @property
    def shape(self) -> ModelShape:
        """Its shape, under its first name."""
        return shape_from_config(self.config, self.names[0], self.num_parameters)


@cache
def presets() -> tuple[Preset, ...]:
    """Returns all models that are known by name."""
    document = json.loads(files(__package__).joinpath("presets.json").read_text(encoding="utf-8"))
    return tuple(
        Preset(
            tuple(model["names"]),
            model["config"],
            model["parameters"],
            tuple(document["sources"][source] for source in model["sources"]),
        )
        for model in document["models"]
    )


def find_preset(name: str) -> Preset | None:
    """Returns the model of this name, in any case, with or without its organisation; None if there is none."""
    return _by_name().get(name.lower())


def similar_names(name: str, at_most: int = 5) -> list[str]:
    """Returns names of known models, without organisation, that look most like a name."""
    known = {_without_organisation(each).lower(): _without_organisation(each) for p in presets() for each in p.names}
    return [known[match] for match in get_close_matches(_without_organisation(name).lower(), known, at_most, 0.4)]


@cache
def _by_name() -> dict[str, Preset]:
    by_name = {name.lower(): preset for preset in presets() for name in preset.names}
    return by_name | {_without_organisation(name): preset for name, preset in by_name.items()}


def _without_organisation(name: str) -> str:
    return name.rsplit("/", maxsplit=1)[-1]
