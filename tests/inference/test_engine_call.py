"""Calls to the engine that end early, with a stand-in for the engine; tests/engine does it with the real one."""

import signal
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from vllm.v1.engine.exceptions import EngineDeadError

from inference.engine_call import engine_call, hold_interrupts_during_steps
from inference.errors import InferenceError


class Engine:
    """Records what it is told."""

    def __init__(self, *requests: str, eager: bool = True, dead: bool = False) -> None:
        self.model_config = SimpleNamespace(enforce_eager=eager)
        self.llm_engine = SimpleNamespace(
            abort_request=self.abort, output_processor=SimpleNamespace(request_states=dict.fromkeys(requests))
        )
        self.dead = dead
        self.told: list[Any] = []

    def abort(self, requests: list[str], internal: bool) -> None:
        if self.dead:
            raise EngineDeadError
        self.told.append(("abort", requests, internal))

    def reset_prefix_cache(self) -> None:
        self.told.append("reset prefix cache")


def count_compilations(run: Callable[[Callable[..., Any]], None]) -> int:
    compiled = []

    def backend(graph: Any, inputs: Any) -> Callable[..., Any]:
        compiled.append(graph)
        return graph.forward

    run(torch.compile(lambda x: x * 2, backend=backend))
    return len(compiled)


@pytest.mark.parametrize(("eager", "times"), [(True, 0), (False, 1)])
def test_a_call_to_an_eager_engine_compiles_nothing(eager: bool, times: int):
    def run(doubled: Callable[..., Any]) -> None:
        with engine_call(Engine(eager=eager)):
            assert doubled(torch.ones(2)).tolist() == [2, 2]

    assert count_compilations(run) == times


def test_a_call_that_ends_well_tells_the_engine_nothing():
    engine = Engine("1", "2")
    with engine_call(engine):
        pass
    assert engine.told == []


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_a_call_that_ends_early_makes_the_engine_forget_its_requests(kind: type[BaseException]):
    engine = Engine("1-a", "2-b")
    with pytest.raises(kind, match="early"), engine_call(engine):
        raise kind("early")
    assert engine.told == [("abort", ["1-a", "2-b"], True), "reset prefix cache"]


def test_an_engine_that_cannot_forget_does_not_hide_the_first_error():
    with pytest.raises(RuntimeError, match="the first"), engine_call(Engine("1", dead=True)):
        raise RuntimeError("the first")


def test_a_dead_engine_is_named():
    with (
        pytest.raises(InferenceError, match=r"The engine's process has ended\. Close this engine and make a new one\."),
        engine_call(Engine("1", dead=True)),
    ):
        raise EngineDeadError


class Client:
    """Takes a step in which the signal comes."""

    def __init__(self, number: int | None) -> None:
        self.number = number
        self.steps = 0

    def get_output(self) -> str:
        if self.number is not None:
            signal.raise_signal(self.number)
        self.steps += 1
        return "output"


def with_held_interrupts(client: Client) -> Client:
    hold_interrupts_during_steps(SimpleNamespace(llm_engine=SimpleNamespace(engine_core=client)))
    return client


def test_ctrl_c_waits_for_the_end_of_the_step():
    client = with_held_interrupts(Client(signal.SIGINT))
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        client.get_output()
    assert client.steps == 1
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_step_without_ctrl_c_gives_its_output():
    assert with_held_interrupts(Client(None)).get_output() == "output"


def test_a_step_in_another_thread_leaves_the_signals_alone(monkeypatch: pytest.MonkeyPatch):
    client = with_held_interrupts(Client(None))
    outputs: list[str] = []
    monkeypatch.setattr(signal, "signal", lambda *arguments: pytest.fail("handlers belong to the main thread"))
    thread = threading.Thread(target=lambda: outputs.append(client.get_output()))
    thread.start()
    thread.join()
    assert outputs == ["output"]
