"""Settings are judged before the engine starts, and known mistakes are named."""

import logging
import math
import os
import re
import subprocess
import sys
from typing import Any

import pytest
import torch

from inference import cpu_engine, engine, memory
from inference.base_shapes import DTYPE_BYTES, BaseShapes
from inference.engine_log import EngineLog
from inference.engine_options import EngineOptions, EngineWarning
from inference.environment import DEFAULTS, QUIET_LOGGERS, prepare_environment
from inference.errors import EngineStartError, MemoryBudgetError
from inference.memory import GIB

SHAPES = BaseShapes({}, parameters=1000, kv_elements_per_token=1000, max_positions=128)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"gpu_memory_utilization": 0}, "gpu_memory_utilization must be a number in (0, 1], got 0"),
        ({"gpu_memory_utilization": 1.01}, "gpu_memory_utilization must be a number in (0, 1], got 1.01"),
        ({"gpu_memory_utilization": -0.5}, "gpu_memory_utilization must be a number in (0, 1], got -0.5"),
        ({"gpu_memory_utilization": math.nan}, "gpu_memory_utilization must be a number in (0, 1], got nan"),
        ({"dtype": "int8"}, "dtype must be one of auto, float32, float, float16, half, bfloat16, got 'int8'"),
        ({"dtype": "fp16"}, "dtype must be one of auto"),
        ({"tensor_parallel_size": 0}, "tensor_parallel_size must be a whole number of at least 1, got 0"),
        ({"tensor_parallel_size": None}, "tensor_parallel_size must be a whole number of at least 1, got None"),
        ({"pipeline_parallel_size": 0}, "pipeline_parallel_size must be a whole number of at least 1, got 0"),
        ({"pipeline_parallel_size": 1.5}, "pipeline_parallel_size must be a whole number of at least 1, got 1.5"),
        ({"pipeline_parallel_size": None}, "pipeline_parallel_size must be a whole number of at least 1, got None"),
        (
            {"distributed_executor_backend": "uni"},
            "distributed_executor_backend must be one of None, mp, ray, got 'uni'",
        ),
        ({"max_model_len": 0}, "max_model_len must be a whole number of at least 1, got 0"),
        ({"max_model_len": -5}, "max_model_len must be a whole number of at least 1, got -5"),
        ({"kv_cache_memory_bytes": 0}, "kv_cache_memory_bytes must be a whole number of at least 1, got 0"),
        ({"kv_cache_memory_bytes": "1GiB"}, "kv_cache_memory_bytes must be a whole number of at least 1, got '1GiB'"),
        ({"max_model_len": 2048.5}, "max_model_len must be a whole number of at least 1, got 2048.5"),
        ({"gpu_memory_utilization": "0.5"}, "gpu_memory_utilization must be a number in (0, 1], got '0.5'"),
        ({"enforce_eager": "no"}, "enforce_eager must be True, False or None, got 'no'"),
        ({"extra": {"model": "x"}}, "model cannot be passed on to vLLM: give base_model_name."),
        ({"extra": {"max_loras": 2}}, "max_loras cannot be passed on to vLLM: give max_adapters."),
        (
            {"extra": {"disable_log_stats": True}},
            "disable_log_stats cannot be passed on to vLLM: the times of each ans",
        ),
    ],
    ids=str,
)
def test_a_setting_out_of_range_names_itself_and_its_range(arguments: dict[str, Any], text: str):
    with pytest.raises(EngineStartError, match=f"^{re.escape(text)}"):
        EngineOptions(**arguments)


@pytest.mark.parametrize("dtype", ["auto", *DTYPE_BYTES])
def test_every_known_dtype_and_the_edges_of_each_range_pass(dtype: str):
    EngineOptions(1, 1, 1, "mp", 1, dtype, 1, False, {"max_num_seqs": 4})
    EngineOptions(distributed_executor_backend="ray")
    EngineOptions(gpu_memory_utilization=1e-9)


# CPU


@pytest.fixture
def _quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the process as it is: threads, environment and allocator."""
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    monkeypatch.setattr(cpu_engine, "keep_freed_memory", lambda: True)
    monkeypatch.setattr(os, "environ", dict(os.environ))


def settings(options: EngineOptions, lora_slots: int = 0) -> dict[str, Any]:
    return cpu_engine.cpu_settings(SHAPES, options, lora_slots, lora_rank=8)


def has_amx(monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    """Makes the CPU have AMX or not."""
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: answer)


@pytest.mark.usefixtures("_quiet_machine")
def test_the_cpu_defaults_are_float32_and_eager_with_one_gibibyte_of_cache():
    assert settings(EngineOptions()) == {
        "dtype": "float32",
        "max_model_len": 128,
        "kv_cache_memory_bytes": 1024**3,
        "block_size": 32,
        "enforce_eager": True,
        "tensor_parallel_size": 1,
        "distributed_executor_backend": None,
    }


@pytest.mark.usefixtures("_quiet_machine")
@pytest.mark.parametrize(("devices", "backend", "expected"), [(1, None, "0"), (2, None, None), (1, "mp", None)])
def test_one_device_runs_in_the_callers_process(devices: int, backend: str | None, expected: str | None):
    os.environ.pop("VLLM_ENABLE_V1_MULTIPROCESSING", None)
    options = EngineOptions(tensor_parallel_size=devices, distributed_executor_backend=backend)
    made = settings(options)
    assert os.environ.get("VLLM_ENABLE_V1_MULTIPROCESSING") == expected
    assert (made["tensor_parallel_size"], made["distributed_executor_backend"]) == (devices, backend)


@pytest.mark.usefixtures("_quiet_machine")
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"pipeline_parallel_size": 2},
            "pipeline_parallel_size must be 1 on a CPU, got 2: vLLM 0.32's engine starts, and ends at the first "
            "request. Use tensor_parallel_size instead.",
        ),
        (
            {"distributed_executor_backend": "ray"},
            "distributed_executor_backend='ray' needs GPUs: on CPUs vLLM does not spread an engine with Ray. "
            "Leave it out; several engines can share the work.",
        ),
    ],
)
def test_what_vllm_cannot_spread_over_cpus_is_refused(arguments: dict[str, Any], text: str):
    with pytest.raises(EngineStartError, match=f"^{re.escape(text)}$"):
        settings(EngineOptions(**arguments))


@pytest.mark.usefixtures("_quiet_machine")
def test_a_choice_of_the_users_own_about_processes_stays():
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "1"
    settings(EngineOptions())
    assert os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] == "1"


@pytest.mark.usefixtures("_quiet_machine")
def test_bfloat16_warns_where_the_cpu_has_amx(monkeypatch: pytest.MonkeyPatch):
    has_amx(monkeypatch, True)
    with pytest.warns(EngineWarning, match=r"bfloat16 on a CPU with AMX gives wrong text with vLLM 0\.32: use float32"):
        settings(EngineOptions(dtype="bfloat16"))


@pytest.mark.usefixtures("_quiet_machine")
@pytest.mark.parametrize(("dtype", "amx"), [("bfloat16", False), ("auto", True), ("float32", True), ("float16", True)])
def test_other_dtypes_and_other_cpus_do_not_warn(monkeypatch: pytest.MonkeyPatch, dtype: str, amx: bool):
    has_amx(monkeypatch, amx)
    assert settings(EngineOptions(dtype=dtype))["dtype"] == dtype.replace("auto", "float32")


@pytest.mark.usefixtures("_quiet_machine")
def test_compiling_without_a_compiler_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    expected = r"enforce_eager=False compiles the model, which needs g\+\+ on a CPU, and none was found\. Install it"
    with pytest.raises(EngineStartError, match=expected):
        settings(EngineOptions(enforce_eager=False))
    settings(EngineOptions())


@pytest.mark.usefixtures("_quiet_machine")
def test_compiling_with_a_compiler_is_taken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert settings(EngineOptions(enforce_eager=False))["enforce_eager"] is False


@pytest.mark.usefixtures("_quiet_machine")
def test_memory_is_judged_before_the_engine_starts():
    with pytest.raises(MemoryBudgetError, match="fewer than max_model_len=128"):
        settings(EngineOptions(kv_cache_memory_bytes=4000))


@pytest.mark.usefixtures("_quiet_machine")
def test_the_slots_of_adapters_are_judged_too(monkeypatch: pytest.MonkeyPatch):
    shapes = BaseShapes({"q_proj": (1024**2, 1024**2)}, parameters=1000, kv_elements_per_token=1000, max_positions=128)
    # 2 slots of rank 8 for 2 Mi rows and columns in float32, kept twice: a quarter of a GiB.
    monkeypatch.setattr(memory, "free_memory", lambda: int(2.7 * GIB))
    cpu_engine.cpu_settings(shapes, EngineOptions(), 1, lora_rank=8)
    with pytest.raises(
        MemoryBudgetError, match=r"Weights and adapters \(0\.3 GiB\) and KV cache \(1\.0 GiB\) do not fit"
    ):
        cpu_engine.cpu_settings(shapes, EngineOptions(), 2, lora_rank=8)


@pytest.mark.usefixtures("_quiet_machine")
def test_vllms_old_variable_is_planned_with():
    os.environ["VLLM_CPU_KVCACHE_SPACE"] = "3"
    assert settings(EngineOptions())["kv_cache_memory_bytes"] == 3 * GIB
    assert settings(EngineOptions(kv_cache_memory_bytes=3 * GIB))["kv_cache_memory_bytes"] == 3 * GIB


@pytest.mark.usefixtures("_quiet_machine")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("40", r"VLLM_CPU_KVCACHE_SPACE=40 \(GiB\) would override kv_cache_memory_bytes=1000000\. Unset one of them"),
        ("0", "VLLM_CPU_KVCACHE_SPACE must be a whole number of GiB, at least 1: '0'"),
        ("4GB", "VLLM_CPU_KVCACHE_SPACE must be a whole number of GiB, at least 1: '4GB'"),
    ],
)
def test_a_contradiction_with_vllms_old_variable_is_named(value: str, text: str):
    os.environ["VLLM_CPU_KVCACHE_SPACE"] = value
    with pytest.raises(EngineStartError, match=text):
        settings(EngineOptions(kv_cache_memory_bytes=1_000_000))


# Errors of the start


class LogWith(EngineLog):
    """A log that holds this root cause."""

    def __init__(self, cause: str | None) -> None:
        self.cause = cause

    def root_cause(self) -> str | None:
        """Returns the given cause."""
        return self.cause


def test_the_logged_cause_is_in_the_message_and_not_vllms_last_line():
    error = engine._explained(RuntimeError("See root cause above"), LogWith("OSError: no weights"))
    assert str(error) == "vLLM did not start. OSError: no weights"


def test_without_a_logged_cause_the_error_itself_is_in_the_message_on_one_line():
    error = engine._explained(ValueError("bad quantisation\n  and more"), LogWith(None))
    assert type(error) is EngineStartError
    assert str(error) == "vLLM did not start. ValueError: bad quantisation and more"


@pytest.mark.parametrize(
    "cause", ["OutOfMemoryError: CUDA out of memory.", "ValueError: 4 GiB KV cache is needed", "Free memory is less"]
)
def test_a_lack_of_memory_says_what_to_lower(cause: str):
    error = engine._explained(RuntimeError("x"), LogWith(cause))
    assert isinstance(error, MemoryBudgetError)
    assert re.search(rf"{re.escape(cause)}\nLower max_model_len, raise gpu_memory_utilization", str(error))


def test_a_process_that_ended_without_a_word_names_the_main_guard():
    error = engine._explained(RuntimeError("Engine core initialization failed."), LogWith(None))
    assert "under `if __name__ == '__main__':`" in str(error)


# Environment


def test_the_environment_is_set_where_the_user_has_set_nothing(monkeypatch: pytest.MonkeyPatch):
    for name in DEFAULTS:
        monkeypatch.delenv(name, raising=False)
    prepare_environment()
    assert {name: os.environ[name] for name in DEFAULTS} == DEFAULTS
    assert all(logging.getLogger(name).level == logging.ERROR for name in QUIET_LOGGERS)


@pytest.mark.parametrize("name", DEFAULTS)
@pytest.mark.parametrize("value", ["the user's own", ""])
def test_a_value_of_the_users_own_stays(monkeypatch: pytest.MonkeyPatch, name: str, value: str):
    monkeypatch.setenv(name, value)
    prepare_environment()
    assert os.environ[name] == value


def test_importing_the_package_prepares_the_environment_and_no_more():
    program = (
        "import os, sys, inference; "
        "print(os.environ['VLLM_NO_USAGE_STATS'], os.environ['DO_NOT_TRACK'], 'torch' in sys.modules, "
        "'vllm' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name not in DEFAULTS} | {"DO_NOT_TRACK": "yes"}
    output = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    )
    assert output.stdout.split() == ["1", "yes", "False", "False"]
