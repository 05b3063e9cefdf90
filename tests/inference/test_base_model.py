"""Names of base models are resolved without the network; what cannot be one is refused with what was found."""

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from inference.base_model import BaseModel, load_config, resolve_base_model
from inference.base_shapes import BaseShapes
from inference.bundled_model import BUNDLED_MODEL, is_complete
from inference.errors import BaseModelError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like a model."""
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    save_file({"weight": torch.ones(2)}, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("name", [None, "", 3])
def test_a_base_model_is_named_by_a_text_or_a_path(name: object):
    with pytest.raises(BaseModelError, match=rf"named by a text or a path, got {name!r}\. The bundled one is 'SmolLM2"):
        resolve_base_model(name)


def test_the_bundled_name_is_a_complete_folder_with_its_name_on_the_hub(bundled_base: BaseModel):
    assert bundled_base.name == BUNDLED_MODEL == "SmolLM2-135M-Instruct"
    assert bundled_base.canonical_name == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert bundled_base.is_folder
    assert is_complete(Path(bundled_base.source))


def test_a_folder_is_taken_by_its_absolute_path(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder.parent)
    assert resolve_base_model(Path("my-model")) == BaseModel("my-model", str(folder), "my-model")


def test_a_folder_below_the_home_folder_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert resolve_base_model("~/my-model").source == str(folder)


@pytest.mark.parametrize(
    ("recorded", "canonical"),
    [("owner/name", "owner/name"), ("/some/where/name", "my-model"), ("name", "my-model"), ("", "my-model")],
)
def test_a_folder_that_records_a_hub_name_keeps_it(folder: Path, recorded: str, canonical: str):
    (folder / "config.json").write_text(json.dumps({"_name_or_path": recorded}))
    assert resolve_base_model(folder).canonical_name == canonical


def test_a_folder_without_configuration_lists_its_content(folder: Path):
    (folder / "config.json").unlink()
    expected = f"The folder {folder} holds no config.json, so it is no model. It holds: model.safetensors."
    with pytest.raises(BaseModelError, match=re.escape(expected)):
        resolve_base_model(folder)


def test_a_folder_without_safetensors_lists_its_content(folder: Path):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    expected = f"The folder {folder} holds no *.safetensors weights. It holds: config.json, pytorch_model.bin."
    with pytest.raises(BaseModelError, match=re.escape(expected)):
        resolve_base_model(folder)


def test_an_empty_folder_says_so(tmp_path: Path):
    with pytest.raises(BaseModelError, match=r"It holds: nothing\."):
        resolve_base_model(tmp_path)


def test_a_long_listing_is_cut(tmp_path: Path):
    for number in range(20):
        (tmp_path / f"{number:02}.txt").touch()
    with pytest.raises(BaseModelError, match=r"00\.txt, .*, 11\.txt, …\."):
        resolve_base_model(tmp_path)


@pytest.mark.parametrize("name", ["SmolLM2", "a/b/c", "/no/such", "./no/such", "../model", "~/model", "owner/"])
def test_a_name_that_can_be_nothing_is_refused_with_the_bundled_name(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = f"There is no base model {name!r}: it is neither an existing folder nor a hub name like owner/name. "
    with pytest.raises(BaseModelError, match=re.escape(f"{expected}The bundled model is '{BUNDLED_MODEL}'.")):
        resolve_base_model(name)


def test_a_hub_name_is_taken_without_the_network(monkeypatch: pytest.MonkeyPatch):
    def no_network(*arguments: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", no_network)
    model = resolve_base_model("no-such-owner/no-such-model")
    assert model == BaseModel(*["no-such-owner/no-such-model"] * 3)
    assert not model.is_folder


def test_a_hub_name_that_cannot_be_reached_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    model = resolve_base_model("no-such-owner/no-such-model")
    expected = (
        r"^The configuration of base model 'no-such-owner/no-such-model' cannot be loaded: .+ "
        rf"Check the name and the connection, or use a folder or the bundled model '{BUNDLED_MODEL}'\.$"
    )
    with pytest.raises(BaseModelError, match=expected):
        load_config(model)


def test_a_configuration_of_unknown_kind_is_a_base_model_error(folder: Path):
    (folder / "config.json").write_text('{"model_type": "no-such-architecture"}')
    with pytest.raises(BaseModelError, match=r"The configuration of base model .* cannot be loaded: "):
        load_config(resolve_base_model(folder))


def test_the_bundled_model_has_134515008_parameters(bundled_shapes: BaseShapes):
    assert bundled_shapes.parameters == 134_515_008
    assert bundled_shapes.weight_bytes("float32") == 538_060_032
    assert bundled_shapes.weight_bytes("bfloat16") == 269_030_016


@pytest.mark.parametrize(
    ("dtype", "size"),
    [("float32", 46_080), ("float", 46_080), ("bfloat16", 23_040), ("float16", 23_040), ("half", 23_040)],
)
def test_one_token_of_the_bundled_model_takes_this_much_cache(bundled_shapes: BaseShapes, dtype: str, size: int):
    # keys and values × 30 layers × 3 heads × 64 numbers
    assert bundled_shapes.kv_elements_per_token == 2 * 30 * 3 * 64
    assert bundled_shapes.kv_bytes_per_token(dtype) == size


def test_the_bundled_model_has_seven_linear_layers_in_each_of_30_and_the_output(bundled_shapes: BaseShapes):
    layer = "model.layers.29"
    assert {name.removeprefix(layer): shape for name, shape in bundled_shapes.linear.items() if layer in name} == {
        ".self_attn.q_proj": (576, 576),
        ".self_attn.k_proj": (192, 576),
        ".self_attn.v_proj": (192, 576),
        ".self_attn.o_proj": (576, 576),
        ".mlp.gate_proj": (1536, 576),
        ".mlp.up_proj": (1536, 576),
        ".mlp.down_proj": (576, 1536),
    }
    assert bundled_shapes.linear["lm_head"] == (49_152, 576)
    assert len(bundled_shapes.linear) == 7 * 30 + 1
    assert bundled_shapes.max_positions == 8192


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_folder_whose_configuration_is_broken_is_refused(folder: Path, content: str):
    (folder / "config.json").write_text(content)
    with pytest.raises(BaseModelError, match=r"config\.json"):
        resolve_base_model(folder)


def test_a_folder_with_damaged_weights_is_refused(folder: Path):
    (folder / "model.safetensors").write_bytes(b"\x10" * 100)
    with pytest.raises(BaseModelError, match=r"model\.safetensors is damaged or truncated: .*Copy the folder again"):
        resolve_base_model(folder)
