"""What the KV cache manager refuses changes nothing, and the error names the field, the rule and the value."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from paged_sim import KVCacheManager, Request
from tests.paged_sim.core_state import manager_state
from tests.paged_sim.manager_calls import admit, manager_of, request_of

AT_LEAST_1 = "must be an integer of at least 1, got"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"num_blocks": 0}, f"num_blocks {AT_LEAST_1} 0"),
        ({"num_blocks": -2}, f"num_blocks {AT_LEAST_1} -2"),
        ({"num_blocks": 2.5}, f"num_blocks {AT_LEAST_1} 2.5"),
        ({"block_size": 0}, f"block_size {AT_LEAST_1} 0"),
        ({"block_size": -16}, f"block_size {AT_LEAST_1} -16"),
        ({"block_size": None}, f"block_size {AT_LEAST_1} None"),
        ({"max_model_len": 0}, f"max_model_len {AT_LEAST_1} 0"),
        ({"watermark": -0.1}, "watermark must be a number of at least 0.0, got -0.1"),
        ({"watermark": 1.1}, "watermark must be below 1, got 1.1"),
        ({"watermark": float("nan")}, "watermark must be a number of at least 0.0, got nan"),
    ],
    ids=str,
)
def test_a_manager_with_impossible_sizes_is_refused(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        KVCacheManager(**{"num_blocks": 11} | settings)


NEW_TOKENS = "num_new_tokens must be an integer of at least 0, got"
REFUSED: dict[str, tuple[Callable[[KVCacheManager, Request], Any], str]] = {
    "a negative number of tokens": (lambda manager, request: manager.allocate_slots(request, -1), f"{NEW_TOKENS} -1"),
    "a fraction of tokens": (lambda manager, request: manager.allocate_slots(request, 1.0), f"{NEW_TOKENS} 1.0"),
    "no number of tokens": (lambda manager, request: manager.allocate_slots(request, None), f"{NEW_TOKENS} None"),
    "nothing to compute and nothing to adopt": (
        lambda manager, request: manager.allocate_slots(request, 0),
        "num_new_tokens must be at least 1 when there are no hit tokens to adopt, got 0",
    ),
    "hit tokens without hit blocks": (
        lambda manager, request: manager.allocate_slots(request, 1, 4),
        "num_new_computed_tokens must be 0, the tokens of 0 hit blocks, got 4",
    ),
    "negative hit tokens": (
        lambda manager, request: manager.allocate_slots(request, 1, -4),
        "num_new_computed_tokens must be 0, the tokens of 0 hit blocks, got -4",
    ),
    "fewer hit tokens than the hit blocks hold": (
        lambda manager, request: manager.allocate_slots(request, 1, 3, manager.pool.blocks[1:2]),
        "num_new_computed_tokens must be 4, the tokens of 1 hit blocks, got 3",
    ),
    "freeing a request without blocks": (
        lambda manager, request: manager.free(request),
        "request must be one that holds blocks, got 'b'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_changes_nothing(name: str) -> None:
    call, text = REFUSED[name]
    manager = manager_of()
    admit(manager, request_of("a", range(9)))
    before = manager_state(manager, "a", "b")
    with pytest.raises(ValueError, match=re.escape(text)):
        call(manager, request_of("b", range(9)))
    assert manager_state(manager, "a", "b") == before


def test_a_request_cannot_be_freed_twice() -> None:
    manager, request = manager_of(), request_of("a", range(9))
    admit(manager, request)
    manager.free(request)
    before = manager_state(manager, "a")
    with pytest.raises(ValueError, match="request must be one that holds blocks, got 'a'"):
        manager.free(request)
    assert manager_state(manager, "a") == before


def test_more_tokens_than_the_pool_can_ever_hold_get_no_blocks() -> None:
    manager, request = manager_of(num_blocks=4), request_of("a", range(100))
    before = manager_state(manager, "a")
    assert manager.allocate_slots(request, 100) is None
    assert manager_state(manager, "a") == before
