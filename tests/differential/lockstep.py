"""Runs a scenario on either scheduler and returns everything that can be seen, step by step."""

from collections.abc import Iterator
from typing import Any, Protocol

from tests.differential.scenario import RequestSpec, Scenario

# A scenario ends within a few hundred steps; one that does not is stuck, which both must be alike.
MOST_STEPS = 1500


class Side(Protocol):
    """What either scheduler is driven by."""

    unfinished: list[str]

    def add(self, spec: RequestSpec) -> None: ...

    def abort(self, request_id: str) -> None: ...

    def reset(self, reset_running: bool) -> bool: ...

    def evict(self, block_ids: list[int]) -> None: ...

    def step(self) -> dict[str, Any]: ...

    def state(self) -> dict[str, Any]: ...


def run(side: Side, scenario: Scenario) -> Iterator[dict[str, Any]]:
    """Yields what each step did and the whole state after it."""
    last_event = max(scenario.events, default=0)
    for index in range(MOST_STEPS):
        if index > last_event and not side.unfinished:
            return
        happened = [getattr(side, action)(argument) for action, argument in scenario.events.get(index, [])]
        yield {"step": index, "events": happened, **side.step(), **side.state()}


def first_difference(ours: Iterator[dict[str, Any]], theirs: list[dict[str, Any]]) -> str | None:
    """Returns the first thing in which two runs differ, or None."""
    for index, expected in enumerate(theirs):
        found = next(ours, None)
        if found is None:
            return f"step {index}: the simulator ended early"
        for name, value in expected.items():
            if found[name] != value:
                return f"step {index}, {name}: vLLM has {value}, the simulator {found[name]}"
    return None if next(ours, None) is None else f"step {len(theirs)}: the simulator goes on"
