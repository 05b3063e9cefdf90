"""Rows of several adapters share an engine call only where the grouped operators are known to be used."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from vllm.v1.executor.multiproc_executor import MultiprocExecutor
from vllm.v1.executor.uniproc_executor import UniProcExecutor

from inference import cpu_lora, lora_operators
from inference.lora_operators import can_mix_adapters, offer_grouped_operators


def engine_with(executor: type | None) -> Any:
    """An engine whose model runs under this executor in this process; None: in a process of its own."""
    client = SimpleNamespace()
    if executor is not None:
        client.engine_core = SimpleNamespace(model_executor=executor.__new__(executor))
    return SimpleNamespace(llm_engine=SimpleNamespace(engine_core=client))


def use(monkeypatch: pytest.MonkeyPatch, *, cpu: bool, tested: bool) -> None:
    monkeypatch.setattr(lora_operators, "runs_on_cpu", lambda: cpu)
    monkeypatch.setattr(cpu_lora, "can_install", lambda: tested)


@pytest.mark.parametrize(
    ("cpu", "tested", "executor", "mixes"),
    [
        (True, True, UniProcExecutor, True),
        (True, True, MultiprocExecutor, False),
        (True, True, None, False),
        (True, False, UniProcExecutor, False),
        (False, False, None, True),
    ],
    ids=["here", "workers", "engine process", "another version", "gpu"],
)
def test_adapters_mix_where_the_operators_are_known(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    cpu: bool,
    tested: bool,
    executor: type | None,
    mixes: bool,
):
    use(monkeypatch, cpu=cpu, tested=tested)
    with caplog.at_level(logging.INFO, "inference"):
        assert can_mix_adapters(engine_with(executor)) is mixes
    texts = {
        (True, True): ["LoRA on CPU: one matrix product per adapter"],
        (True, False): ["LoRA on CPU: vLLM's own operators, slow; one engine call per adapter"],
        (False, True): [],
    }
    assert caplog.messages == texts[cpu, mixes]


@pytest.mark.parametrize(("cpu", "tested"), [(True, True), (True, False), (False, True)])
def test_operators_are_offered_on_a_cpu_with_a_tested_version_only(
    monkeypatch: pytest.MonkeyPatch, cpu: bool, tested: bool
):
    installed = []
    use(monkeypatch, cpu=cpu, tested=tested)
    monkeypatch.setattr(cpu_lora, "install", lambda: installed.append(True))
    offer_grouped_operators()
    assert installed == [True] * (cpu and tested)
