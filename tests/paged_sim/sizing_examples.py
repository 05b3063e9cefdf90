"""Layouts and capacities of known models, by name."""

from typing import Any

from paged_sim.sizing.capacity import KVCacheCapacity
from paged_sim.sizing.layout import KVCacheLayout
from paged_sim.sizing.model_source import load_model_shape

GIB = 2**30


def layout_of(name: str, **options: Any) -> KVCacheLayout:
    return KVCacheLayout(shape=load_model_shape(name), **options)


def capacity_of(name: str, memory: int, max_model_len: int | None = None, **options: Any) -> KVCacheCapacity:
    layout = layout_of(name, **options)
    return KVCacheCapacity(
        layout=layout, memory=memory, max_model_len=max_model_len or layout.shape.default_max_model_len
    )
