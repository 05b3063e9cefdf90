"""An engine on GPUs is refused, before it starts, where there are fewer of them than it asks for."""

import os
import re
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import vllm_offline_inference
from inference.engine_options import EngineOptions
from inference.errors import EngineStartError
from inference.gpu_engine import check_gpus, gpu_settings
from vllm_offline_inference import VLLMInferenceWithLoRA

BOTH = {"tensor_parallel_size": 2, "pipeline_parallel_size": 2}
RAY = {"distributed_executor_backend": "ray"}
LOWER = "Lower them, or use GPUs of several machines with distributed_executor_backend='ray'."
NO_GPU = "Look with nvidia-smi whether the driver works and GPUs are hidden, or install vLLM for CPUs: `uv sync`."


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the environment as it is, and begins without a choice of GPUs."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    os.environ.pop("RAY_ADDRESS", None)


def shows(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Makes this machine show so many GPUs."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def has_ray(
    monkeypatch: pytest.MonkeyPatch, *, gpus: int | None = None, initialised: bool = True, actor: str | None = None
) -> None:
    """Puts a Ray in the place of the installed one: with so many GPUs, within this actor."""
    context = SimpleNamespace(get_actor_id=lambda: actor, gcs_address="192.0.2.1:6379")
    resources = {"CPU": 8.0} | ({} if gpus is None else {"GPU": float(gpus)})
    ray = SimpleNamespace(
        is_initialized=lambda: initialised, cluster_resources=lambda: resources, get_runtime_context=lambda: context
    )
    monkeypatch.setitem(sys.modules, "ray", ray)


def test_a_gpu_gets_what_the_user_set_and_nothing_else(monkeypatch: pytest.MonkeyPatch):
    shows(monkeypatch, 6)
    sizes = {"tensor_parallel_size": 2, "pipeline_parallel_size": 3}
    options = EngineOptions(0.5, **sizes, max_model_len=100)
    expected = {"dtype": "auto", "gpu_memory_utilization": 0.5, **sizes, "max_model_len": 100}
    assert gpu_settings(options) == expected
    chosen = EngineOptions(0.5, **sizes, max_model_len=100, distributed_executor_backend="mp")
    assert gpu_settings(chosen) == expected | {"distributed_executor_backend": "mp"}


@pytest.mark.parametrize(
    ("arguments", "count", "visible", "text"),
    [
        (
            BOTH,
            1,
            "3",
            "tensor_parallel_size=2 × pipeline_parallel_size=2 needs 4 GPUs, and this machine shows 1 "
            f"(CUDA_VISIBLE_DEVICES='3'). {LOWER}",
        ),
        (
            {"tensor_parallel_size": 2},
            1,
            None,
            f"tensor_parallel_size=2 needs 2 GPUs, and this machine shows 1. {LOWER}",
        ),
        (
            BOTH | {"distributed_executor_backend": "mp"},
            3,
            None,
            f"tensor_parallel_size=2 × pipeline_parallel_size=2 needs 4 GPUs, and this machine shows 3. {LOWER}",
        ),
        (
            {},
            0,
            "",
            f"tensor_parallel_size=1 needs 1 GPU, and this machine shows 0 (CUDA_VISIBLE_DEVICES=''). {NO_GPU}",
        ),
        (
            BOTH,
            0,
            None,
            f"tensor_parallel_size=2 × pipeline_parallel_size=2 needs 4 GPUs, and this machine shows 0. {NO_GPU}",
        ),
    ],
)
def test_too_few_gpus_on_this_machine_are_counted_aloud(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], count: int, visible: str | None, text: str
):
    shows(monkeypatch, count)
    if visible is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = visible
    with pytest.raises(EngineStartError, match=f"^{re.escape(text)}$"):
        gpu_settings(EngineOptions(**arguments))


@pytest.mark.parametrize("count", [4, 5])
@pytest.mark.parametrize("backend", [None, "mp"])
def test_enough_gpus_on_this_machine_pass(monkeypatch: pytest.MonkeyPatch, count: int, backend: str | None):
    shows(monkeypatch, count)
    check_gpus(EngineOptions(**BOTH, distributed_executor_backend=backend))


def test_vllm_counts_itself_where_it_spreads_over_machines_without_ray(monkeypatch: pytest.MonkeyPatch):
    shows(monkeypatch, 2)
    check_gpus(EngineOptions(**BOTH, extra={"nnodes": 2}))


# Ray


def test_without_ray_the_group_to_install_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    text = (
        "distributed_executor_backend='ray' needs Ray, which cannot be imported: import of ray halted; None in "
        "sys.modules. Install it: `uv sync --no-group cpu --group gpu --group ray`."
    )
    with pytest.raises(EngineStartError, match=f"^{re.escape(text)}$"):
        gpu_settings(EngineOptions(**RAY))


@pytest.mark.parametrize(("gpus", "shown"), [(None, 0), (3, 3)])
def test_too_few_gpus_in_the_cluster_are_counted_aloud(monkeypatch: pytest.MonkeyPatch, gpus: int | None, shown: int):
    shows(monkeypatch, 8)
    has_ray(monkeypatch, gpus=gpus)
    text = (
        f"tensor_parallel_size=2 × pipeline_parallel_size=2 needs 4 GPUs, and the Ray cluster has {shown}. "
        "Lower them, or add machines to the cluster with `ray start`."
    )
    with pytest.raises(EngineStartError, match=f"^{re.escape(text)}$"):
        gpu_settings(EngineOptions(**BOTH, **RAY))


@pytest.mark.parametrize(("gpus", "initialised"), [(4, True), (None, False)])
def test_a_cluster_with_enough_gpus_passes_and_an_unknown_one_is_left_to_vllm(
    monkeypatch: pytest.MonkeyPatch, gpus: int | None, initialised: bool
):
    shows(monkeypatch, 0)
    has_ray(monkeypatch, gpus=gpus, initialised=initialised)
    assert gpu_settings(EngineOptions(**BOTH, **RAY))["distributed_executor_backend"] == "ray"


@pytest.mark.parametrize(
    ("ray", "address"),
    [
        ({"actor": "a"}, "192.0.2.1:6379"),
        ({"actor": None}, None),
        ({"actor": "a", "initialised": False}, None),
    ],
)
def test_the_engine_of_an_actor_finds_the_actors_cluster(
    monkeypatch: pytest.MonkeyPatch, ray: dict[str, Any], address: str | None
):
    shows(monkeypatch, 1)
    has_ray(monkeypatch, **ray)
    gpu_settings(EngineOptions())
    assert os.environ.get("RAY_ADDRESS") == address


def test_the_callers_options_reach_the_check(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vllm_offline_inference, "runs_on_cpu", lambda: False)
    shows(monkeypatch, 1)
    with pytest.raises(EngineStartError, match="tensor_parallel_size=2 × pipeline_parallel_size=2 needs 4 GPUs"):
        VLLMInferenceWithLoRA(**BOTH)
    has_ray(monkeypatch, gpus=1)
    with pytest.raises(EngineStartError, match="needs 4 GPUs, and the Ray cluster has 1"):
        VLLMInferenceWithLoRA(**BOTH, **RAY)
