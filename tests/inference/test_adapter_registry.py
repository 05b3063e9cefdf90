"""Names, ids and limits of the adapters in one engine."""

import re
from pathlib import Path

import pytest
from adapter_folders import RANK, lora_tensors, write_adapter

from inference.adapter import Adapter, read_adapter
from inference.adapter_registry import AdapterRegistry
from inference.errors import AdapterError, EngineStartError


def adapter_with(folder: Path, factor: float) -> Adapter:
    """Returns an adapter whose content depends on `factor`."""
    return read_adapter(write_adapter(folder, {name: tensor * factor for name, tensor in lora_tensors().items()}))


@pytest.fixture
def one(tmp_path: Path) -> Adapter:
    """An adapter."""
    return adapter_with(tmp_path / "one", 1)


@pytest.fixture
def two(tmp_path: Path) -> Adapter:
    """An adapter with other content."""
    return adapter_with(tmp_path / "two", 2)


def load(registry: AdapterRegistry, name: str, adapter: Adapter) -> int:
    """Does what the engine's owner does, and returns the id."""
    assert registry.can_load(name, adapter)
    loaded = registry.new_request(name, adapter)
    registry.add(loaded)
    return loaded.request.lora_int_id


def test_a_loaded_adapter_is_found_by_its_name(one: Adapter):
    registry = AdapterRegistry(max_adapters=2, max_rank=8)
    load(registry, "first", one)
    assert registry.get("first").adapter is one
    assert "first" in registry.paths
    assert "second" not in registry.paths
    assert registry.paths == {"first": one.path}


def test_ids_are_never_used_again(one: Adapter):
    registry = AdapterRegistry(max_adapters=1, max_rank=8)
    ids = []
    for _ in range(5):
        ids.append(load(registry, "name", one))
        registry.remove("name")
    assert ids == [1, 2, 3, 4, 5]


def test_an_id_that_the_engine_refused_is_not_used_again(one: Adapter):
    registry = AdapterRegistry(max_adapters=1, max_rank=8)
    refused = registry.new_request("name", one).request.lora_int_id
    assert load(registry, "name", one) != refused


def test_a_new_request_is_not_registered_yet(one: Adapter):
    registry = AdapterRegistry(max_adapters=1, max_rank=8)
    registry.new_request("name", one)
    assert "name" not in registry.paths


def test_the_request_carries_the_folder_and_a_name_with_the_contents_hash(one: Adapter, two: Adapter):
    registry = AdapterRegistry(max_adapters=2, max_rank=8)
    requests = [registry.new_request("same name", adapter).request for adapter in (one, two)]
    assert requests[0].lora_name == f"same name@{one.content_hash[:12]}"
    assert requests[0].lora_path == str(one.path)
    assert requests[0].lora_name != requests[1].lora_name


def test_the_same_content_again_changes_nothing(one: Adapter, tmp_path: Path):
    registry = AdapterRegistry(max_adapters=1, max_rank=8)
    load(registry, "name", one)
    assert not registry.can_load("name", adapter_with(tmp_path / "copy", 1))


def test_a_name_with_other_content_is_refused(one: Adapter, two: Adapter):
    registry = AdapterRegistry(max_adapters=2, max_rank=8)
    load(registry, "name", one)
    expected = re.escape(f"loaded with other content, from {one.path}. Unload it first, or choose another name.")
    with pytest.raises(AdapterError, match=expected):
        registry.can_load("name", two)


def test_the_same_content_under_two_names_takes_two_slots(one: Adapter):
    registry = AdapterRegistry(max_adapters=2, max_rank=8)
    assert load(registry, "a", one) != load(registry, "b", one)
    assert list(registry.paths) == ["a", "b"]


def test_full_slots_are_refused_until_one_is_free(one: Adapter, two: Adapter):
    registry = AdapterRegistry(max_adapters=1, max_rank=8)
    load(registry, "first", one)
    with pytest.raises(AdapterError, match=r"All 1 slots are taken by 'first'\. Unload one, or start with a larger"):
        registry.can_load("second", two)
    registry.remove("first")
    assert registry.can_load("second", two)


def test_a_rank_above_the_engines_is_refused(one: Adapter):
    with pytest.raises(AdapterError, match=r"Its rank 4 is above the engine's 1\. Start with max_lora_rank=4\."):
        AdapterRegistry(max_adapters=1, max_rank=1).can_load("name", one)
    assert AdapterRegistry(max_adapters=1, max_rank=RANK).can_load("name", one)


def test_full_slots_and_a_rank_too_large_are_both_named(one: Adapter, two: Adapter):
    registry = AdapterRegistry(max_adapters=1, max_rank=1)
    registry.add(registry.new_request("first", two))
    with pytest.raises(AdapterError) as caught:
        registry.can_load("name", one)
    assert len(caught.value.problems) == 2


def test_an_unknown_name_lists_those_that_are_loaded(one: Adapter, two: Adapter):
    registry = AdapterRegistry(max_adapters=2, max_rank=8)
    with pytest.raises(AdapterError, match=r"No adapter of this name is loaded \(loaded: none\)\. Use load_adapter\."):
        registry.get("sql")
    load(registry, "first", one)
    load(registry, "second", two)
    with pytest.raises(AdapterError, match=r"'sql' .*\n.*\(loaded: 'first', 'second'\)"):
        registry.get("sql")


@pytest.mark.parametrize("slots", [0, -1])
def test_an_engine_has_at_least_one_slot(slots: int):
    with pytest.raises(EngineStartError, match=f"max_adapters must be a whole number of at least 1, got {slots}"):
        AdapterRegistry(slots, 64)
