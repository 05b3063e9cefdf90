"""Engines that end, engines side by side, and engines that do not start."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import torch
from safetensors.torch import save_file

import vllm_offline_inference
from inference import cpu_lora
from inference.bundled_model import bundled_model_path
from inference.errors import AdapterError, BaseModelError, EngineStartError, InferenceError, MemoryBudgetError
from inference.memory import GIB
from tests.engine.conftest import SMALL
from text_to_sql.bundled_adapter import BUNDLED_ADAPTER
from vllm_offline_inference import BUNDLED_MODEL, VLLMInferenceWithLoRA

pytestmark = pytest.mark.slow

Conversations = list[list[dict[str, str]]]
HELLO = [{"role": "user", "content": "Say hello."}]
GREEDY = {"temperature": 0, "max_tokens": 6}


@pytest.fixture
def stock_engine() -> Iterator[VLLMInferenceWithLoRA]:
    """An engine with vLLM's own LoRA operators, its only slot taken."""
    cpu_lora.uninstall()
    with (
        mock.patch.object(cpu_lora, "can_install", return_value=False),
        VLLMInferenceWithLoRA(lora_adapter_path=BUNDLED_ADAPTER, max_adapters=1, **SMALL) as engine,
    ):
        yield engine


def test_with_vllms_own_operators_each_adapter_has_a_call_of_its_own(
    lora_engine: VLLMInferenceWithLoRA, conversations: Conversations, stock_engine: VLLMInferenceWithLoRA
) -> None:
    options = {"adapters": [BUNDLED_ADAPTER.name, None], "show_progress": False, **GREEDY}
    expected = lora_engine.generate_batch(conversations[:2], **options)
    assert stock_engine.generate_batch(conversations[:2], **options) == expected
    # What the calls of their own are for: in one call vLLM answers the base row with the adapter.
    with mock.patch.object(stock_engine, "_mixes_adapters", True):
        mixed = stock_engine.generate_batch(conversations[:2], **options)
    assert mixed[0] == expected[0]
    assert mixed[1] != expected[1]
    assert mixed[1].startswith("SELECT")
    stock_engine.close()
    with pytest.raises(InferenceError, match=r"This engine is closed. Make a new VLLMInferenceWithLoRA"):
        stock_engine.generate(HELLO)
    stock_engine.close()
    # The other engine of this process lives on.
    assert lora_engine.generate_batch(conversations[:2], **options) == expected


def test_an_engine_without_lora_says_how_to_get_it(lora_engine: VLLMInferenceWithLoRA) -> None:
    with (
        mock.patch.object(lora_engine, "_lora_enabled", False),
        pytest.raises(AdapterError, match=r"The engine has no LoRA. Start it with enable_lora=True"),
    ):
        lora_engine.load_adapter("x", BUNDLED_ADAPTER)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"base_model_name": "no such model"}, BaseModelError, "There is no base model 'no such model'"),
        (
            {"lora_adapter_path": "checkpoint-1000"},
            AdapterError,
            "There is no such folder. Folders in .*checkpoint-100",
        ),
        (
            {"lora_adapter_path": BUNDLED_ADAPTER, "max_lora_rank": 8},
            AdapterError,
            "Its rank 64 is above the engine's 8. Start with max_lora_rank=64",
        ),
        (
            {"lora_adapter_path": BUNDLED_ADAPTER, "enable_lora": False},
            AdapterError,
            "The engine has no LoRA. Start it with enable_lora=True",
        ),
        ({"max_lora_rank": 1000}, EngineStartError, r"max_lora_rank must be in \[1, 512\], got 1000"),
        ({"max_adapters": 0}, EngineStartError, "max_adapters must be a whole number of at least 1, got 0"),
        ({"disable_log_stats": True}, EngineStartError, "disable_log_stats cannot be passed on to vLLM"),
        ({"dtype": "float8"}, EngineStartError, "dtype must be one of auto, float32, .*, got 'float8'"),
        (
            {"gpu_memory_utilization": 1.5},
            EngineStartError,
            r"gpu_memory_utilization must be a number in \(0, 1\], got 1.5",
        ),
        (
            {"kv_cache_memory_bytes": 46_080 * 32 * 29},
            MemoryBudgetError,
            r"holds a context of 896 tokens \(46,080 bytes each in float32.*Set max_model_len=896 or lower",
        ),
        (
            {"kv_cache_memory_bytes": 10_000 * GIB},
            MemoryBudgetError,
            r"free: [\d,]+ tokens would\. Set kv_cache_memory_bytes=\d+ or lower\.",
        ),
        ({"max_model_len": 100_000}, EngineStartError, r"max_model_len .100000. is greater than the derived"),
        ({"no_such_option": 1}, EngineStartError, "no_such_option"),
    ],
)
def test_a_bad_argument_is_named_before_the_engine_starts(
    arguments: dict[str, object], error: type, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(BUNDLED_ADAPTER.parent)
    with pytest.raises(error, match=text):
        VLLMInferenceWithLoRA(**arguments)


def test_an_engine_whose_first_adapter_fails_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    monkeypatch.setattr(
        vllm_offline_inference, "start_engine", lambda *arguments: started.append(mock.MagicMock()) or started[0]
    )
    stopped = []
    monkeypatch.setattr(vllm_offline_inference, "stop_engine", stopped.append)
    monkeypatch.setattr(VLLMInferenceWithLoRA, "_load", mock.Mock(side_effect=AdapterError("x", ["refused"])))
    with pytest.raises(AdapterError, match="refused"):
        VLLMInferenceWithLoRA(lora_adapter_path=BUNDLED_ADAPTER, **SMALL)
    assert stopped == started


def test_a_failure_in_the_engines_own_process_is_explained_by_its_root_cause(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in bundled_model_path().iterdir():
        if file.suffix != ".safetensors":
            (broken / file.name).symlink_to(file)
    # A valid file, so that nothing is wrong before the engine's process loads it.
    save_file({"model.embed_tokens.weight": torch.zeros(4, 4)}, broken / "model.safetensors", metadata={"format": "pt"})
    script = tmp_path / "script.py"
    script.write_text(
        "from vllm_offline_inference import VLLMInferenceWithLoRA\n"
        "if __name__ == '__main__':\n"
        f"    VLLMInferenceWithLoRA({str(broken)!r}, max_model_len=1024)\n"
    )
    process = subprocess.run(
        [sys.executable, script],
        env=os.environ | {"VLLM_ENABLE_V1_MULTIPROCESSING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    _, _, message = process.stderr.rpartition("inference.errors.EngineStartError: ")
    assert process.returncode == 1
    assert message.startswith("vLLM did not start. AssertionError: assert loaded_weight.shape"), process.stderr
    assert "See root cause above" not in message


def test_bundled_model_is_the_default() -> None:
    assert VLLMInferenceWithLoRA.__init__.__defaults__[0] == BUNDLED_MODEL
