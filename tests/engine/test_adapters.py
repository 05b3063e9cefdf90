"""Several adapters on one running engine, good and bad ones."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from inference.adapter_checks import AdapterWarning
from inference.errors import AdapterError
from text_to_sql.bundled_adapter import BUNDLED_ADAPTER
from vllm_offline_inference import VLLMInferenceWithLoRA

pytestmark = pytest.mark.slow

Conversations = list[list[dict[str, str]]]
WEIGHTS = "adapter_model.safetensors"
GREEDY = {"temperature": 0, "max_tokens": 12}


def make_adapter(folder: Path, change: Callable[[str, torch.Tensor], torch.Tensor]) -> Path:
    """Writes checkpoint-100 with each tensor changed."""
    folder.mkdir()
    shutil.copy(BUNDLED_ADAPTER / "adapter_config.json", folder)
    tensors = load_file(BUNDLED_ADAPTER / "adapter_model.safetensors")
    save_file({name: change(name, tensor).contiguous() for name, tensor in tensors.items()}, folder / WEIGHTS)
    return folder


@pytest.fixture
def opposed(tmp_path: Path) -> Path:
    return make_adapter(tmp_path / "opposed", lambda name, tensor: tensor * (-0.1 if "lora_B" in name else 1))


def test_the_first_adapter_has_its_folders_name(lora_engine: VLLMInferenceWithLoRA) -> None:
    assert lora_engine.adapters == {"checkpoint-100": BUNDLED_ADAPTER}


def test_adapters_come_and_go_and_a_name_can_be_used_again(
    lora_engine: VLLMInferenceWithLoRA, conversations: Conversations, opposed: Path, tmp_path: Path
) -> None:
    stronger = lora_engine.generate(conversations[0], **GREEDY)
    base = lora_engine.generate(conversations[0], adapter=None, **GREEDY)
    lora_engine.load_adapter("second", opposed)
    second = lora_engine.generate(conversations[0], adapter="second", **GREEDY)
    assert second != stronger
    lora_engine.load_adapter("second", opposed)
    other = make_adapter(tmp_path / "other", lambda name, tensor: tensor * (-0.05 if "lora_B" in name else 1))
    with pytest.raises(AdapterError, match=r"This name is loaded with other content, from .*opposed. Unload it first"):
        lora_engine.load_adapter("second", other)
    lora_engine.unload_adapter("second")
    with pytest.raises(AdapterError, match=r"No adapter of this name is loaded .loaded: 'checkpoint-100'"):
        lora_engine.generate(conversations[0], adapter="second")
    # The name comes back with the content of checkpoint-100: neither its old matrices nor its old KV blocks may answer.
    lora_engine.load_adapter("second", BUNDLED_ADAPTER)
    assert lora_engine.generate(conversations[0], adapter="second", **GREEDY) == stronger
    assert lora_engine.generate(conversations[0], adapter=None, **GREEDY) == base
    lora_engine.unload_adapter("second")
    assert set(lora_engine.adapters) == {"checkpoint-100"}


def test_a_full_engine_says_so(lora_engine: VLLMInferenceWithLoRA, opposed: Path) -> None:
    for name in ("second", "third"):
        lora_engine.load_adapter(name, opposed)
    with pytest.raises(
        AdapterError, match=r"All 3 slots are taken by 'checkpoint-100', 'second', 'third'. Unload one, or start with"
    ):
        lora_engine.load_adapter("fourth", opposed)
    for name in ("second", "third"):
        lora_engine.unload_adapter(name)


def truncate(folder: Path) -> None:
    weights = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(weights[: len(weights) // 2])


def widen(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    wider = {name: torch.cat([tensor, tensor], -1) if "lora_A" in name else tensor for name, tensor in tensors.items()}
    save_file(wider, folder / WEIGHTS)


def narrow(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    halves = {name: tensor[: len(tensor) // 2] if "lora_B" in name else tensor for name, tensor in tensors.items()}
    save_file({name: tensor.contiguous() for name, tensor in halves.items()}, folder / WEIGHTS)


def use_dora(folder: Path) -> None:
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"use_dora": True}))


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (truncate, "adapter_model.safetensors is damaged or truncated"),
        (widen, "lora_A takes 1152 inputs, the base layer has 576"),
        (narrow, r"lora_B is \(288, 64\), expected \(576, 64\)"),
        (use_dora, "It uses DoRA, which vLLM does not serve. Merge it with merge_lora_to_base_model"),
        (shutil.rmtree, "There is no such folder"),
    ],
)
def test_the_engine_survives_a_bad_adapter(
    lora_engine: VLLMInferenceWithLoRA,
    conversations: Conversations,
    opposed: Path,
    damage: Callable[[Path], None],
    text: str,
) -> None:
    before = lora_engine.generate(conversations[0], **GREEDY)
    damage(opposed)
    with pytest.raises(AdapterError, match=text):
        lora_engine.load_adapter("bad", opposed)
    assert set(lora_engine.adapters) == {"checkpoint-100"}
    assert lora_engine.generate(conversations[0], **GREEDY) == before


def test_an_adapter_that_changes_nothing_gives_warnings(lora_engine: VLLMInferenceWithLoRA, tmp_path: Path) -> None:
    silent = make_adapter(tmp_path / "silent", lambda name, tensor: tensor * ("lora_B" not in name))
    with pytest.warns(AdapterWarning) as caught:
        lora_engine.load_adapter("silent", silent)
    texts = [str(warning.message) for warning in caught]
    assert any("all its B matrices are zero" in text for text in texts)
    assert any("vLLM answers a test prompt exactly as without it" in text for text in texts)
    lora_engine.unload_adapter("silent")
