"""An adapter folder is read and described; whatever is missing or broken is named."""

import re
from pathlib import Path

import pytest
import torch
from adapter_folders import DOWN_PROJ, LAYERS, PREFIX, Q_PROJ, RANK, lora_tensors, write_adapter

from inference.adapter import CONFIG_FILE, WEIGHTS_FILE, LoRAFactors, read_adapter
from inference.errors import AdapterError
from inference.tokenizer_files import TEMPLATE_FILE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good adapter."""
    return write_adapter(tmp_path / "good")


def test_a_good_adapter_is_described(folder: Path):
    adapter = read_adapter(folder)
    assert adapter.path == folder
    assert adapter.rank == RANK
    assert adapter.base_name == "owner/tiny-model"
    assert adapter.factors == {
        name: LoRAFactors((RANK, in_features), (out_features, RANK))
        for name, (out_features, in_features) in LAYERS.items()
    }
    assert adapter.other_tensors == ()
    assert not adapter.changes_nothing
    assert adapter.chat_template is None


def test_the_path_may_be_text_and_relative(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder.parent)
    assert read_adapter("good") == read_adapter(folder)


def test_the_path_may_start_with_the_home_folder(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert read_adapter("~/good").path == folder


def test_a_missing_folder_lists_its_neighbours(folder: Path):
    (folder.parent / "other").mkdir()
    (folder.parent / ".hidden").mkdir()
    (folder.parent / "file.txt").touch()
    expected = f"There is no such folder. Folders in {folder.parent}: good, other."
    with pytest.raises(AdapterError, match=re.escape(expected)):
        read_adapter(folder.parent / "goood")


def test_a_missing_parent_lists_the_nearest_folder_that_exists(folder: Path):
    with pytest.raises(AdapterError, match=re.escape(f"Folders in {folder.parent}: good.")):
        read_adapter(folder.parent / "no" / "such" / "adapter")


def test_a_missing_folder_without_neighbours_says_none(tmp_path: Path):
    with pytest.raises(AdapterError, match=re.escape(f"Folders in {tmp_path}: none.")):
        read_adapter(tmp_path / "adapter")


def test_a_file_instead_of_a_folder_is_no_adapter(folder: Path):
    with pytest.raises(AdapterError, match="There is no such folder"):
        read_adapter(folder / WEIGHTS_FILE)


def test_a_missing_configuration_lists_what_is_there(folder: Path):
    (folder / CONFIG_FILE).unlink()
    with pytest.raises(AdapterError, match=re.escape(f"{CONFIG_FILE} is missing. The folder holds: {WEIGHTS_FILE}.")):
        read_adapter(folder)


def test_missing_weights_list_what_is_there(folder: Path):
    (folder / WEIGHTS_FILE).unlink()
    with pytest.raises(AdapterError, match=re.escape(f"{WEIGHTS_FILE} is missing. The folder holds: {CONFIG_FILE}.")):
        read_adapter(folder)


def test_an_empty_folder_names_both_files(tmp_path: Path):
    with pytest.raises(AdapterError, match="The folder holds: nothing") as caught:
        read_adapter(tmp_path)
    assert [problem.split(" ")[0] for problem in caught.value.problems] == [CONFIG_FILE, WEIGHTS_FILE]


def test_pickled_weights_are_refused_with_the_reason(folder: Path):
    (folder / WEIGHTS_FILE).rename(folder / "adapter_model.bin")
    with pytest.raises(AdapterError, match=r"pickle \(adapter_model\.bin\), which can run code .* save_pretrained"):
        read_adapter(folder)


def test_pickled_weights_beside_safetensors_are_left_alone(folder: Path):
    (folder / "adapter_model.bin").write_bytes(b"never read")
    assert read_adapter(folder).rank == RANK


@pytest.mark.parametrize("content", [b'{"r": 4,', b"", b"\xff\xfe"])
def test_broken_json_is_named(folder: Path, content: bytes):
    (folder / CONFIG_FILE).write_bytes(content)
    with pytest.raises(AdapterError, match=rf"{CONFIG_FILE} is no valid JSON: "):
        read_adapter(folder)


@pytest.mark.parametrize("content", ["[]", '"text"', "null", '{"r": "64"}', '{"r": null}', '{"r": 4.5}'])
def test_a_configuration_that_is_no_object_with_a_rank_is_refused(folder: Path, content: str):
    (folder / CONFIG_FILE).write_text(content)
    with pytest.raises(AdapterError, match=r"adapter_config.json(: r must be an integer| must be a JSON object)"):
        read_adapter(folder)


@pytest.mark.parametrize("kept", [0, 7, 60, -1])
def test_truncated_weights_are_named_as_damaged(folder: Path, kept: int):
    weights = folder / WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(AdapterError, match=rf"{WEIGHTS_FILE} is damaged or truncated: .*Copy or download") as caught:
        read_adapter(folder)
    assert str(folder) in str(caught.value)


def test_a_pickle_named_safetensors_is_damaged_and_never_run(folder: Path):
    torch.save(lora_tensors(), folder / WEIGHTS_FILE)
    with pytest.raises(AdapterError, match="damaged or truncated"):
        read_adapter(folder)


def test_the_same_content_elsewhere_has_the_same_hash(folder: Path, tmp_path: Path):
    again = write_adapter(tmp_path / "elsewhere")
    assert read_adapter(folder).content_hash == read_adapter(again).content_hash
    assert re.fullmatch("[0-9a-f]{64}", read_adapter(folder).content_hash)


@pytest.mark.parametrize("name", [TEMPLATE_FILE, "tokenizer.json", "tokenizer_config.json"])
def test_another_tokenizer_or_template_changes_the_hash(folder: Path, name: str):
    without = read_adapter(folder).content_hash
    (folder / name).write_text("{}")
    first = read_adapter(folder).content_hash
    (folder / name).write_text('{"a": 1}')
    assert len({without, first, read_adapter(folder).content_hash}) == 3


def test_a_template_that_is_no_text_is_named(folder: Path):
    (folder / TEMPLATE_FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(AdapterError, match=r"chat_template\.jinja is no UTF-8 text"):
        read_adapter(folder)


def test_other_weights_change_the_hash(folder: Path, tmp_path: Path):
    tensors = lora_tensors()
    tensors[f"{PREFIX}{Q_PROJ}.lora_B.weight"][0, 0] += 1e-3
    other = write_adapter(tmp_path / "other", tensors)
    assert read_adapter(folder).content_hash != read_adapter(other).content_hash


def test_another_scale_in_the_configuration_changes_the_hash(folder: Path, tmp_path: Path):
    other = write_adapter(tmp_path / "other", config={"lora_alpha": 16})
    assert read_adapter(folder).content_hash != read_adapter(other).content_hash


def test_an_adapter_whose_b_matrices_are_zero_changes_nothing(tmp_path: Path):
    tensors = {name: tensor * (".lora_A" in name) for name, tensor in lora_tensors().items()}
    assert read_adapter(write_adapter(tmp_path / "new", tensors)).changes_nothing


def test_one_element_of_one_b_matrix_is_a_change(tmp_path: Path):
    tensors = {name: tensor * (".lora_A" in name) for name, tensor in lora_tensors().items()}
    tensors[f"{PREFIX}{DOWN_PROJ}.lora_B.weight"][-1, -1] = 1e-6
    assert not read_adapter(write_adapter(tmp_path / "new", tensors)).changes_nothing


def test_the_chat_template_of_the_folder_is_found(folder: Path):
    (folder / TEMPLATE_FILE).write_text("{{ 'grüezi' }}", encoding="utf-8")
    assert read_adapter(folder).chat_template == "{{ 'grüezi' }}"


@pytest.mark.parametrize(
    ("rank", "pattern", "largest"), [(4, {}, 4), (4, None, 4), (4, {"q_proj": 8, "v_proj": 2}, 8), (16, {"q": 8}, 16)]
)
def test_the_rank_is_the_largest_of_any_layer(tmp_path: Path, rank: int, pattern: dict[str, int] | None, largest: int):
    folder = write_adapter(tmp_path / "adapter", config={"r": rank, "rank_pattern": pattern})
    assert read_adapter(folder).rank == largest


def test_a_layer_with_one_matrix_and_other_tensors_are_kept_apart(tmp_path: Path):
    tensors = lora_tensors()
    del tensors[f"{PREFIX}{Q_PROJ}.lora_B.weight"]
    tensors[f"{PREFIX}model.embed_tokens.lora_embedding_A"] = torch.ones(RANK, 3)
    adapter = read_adapter(write_adapter(tmp_path / "odd", tensors))
    assert adapter.factors[Q_PROJ] == LoRAFactors((RANK, 6), None)
    assert adapter.other_tensors == (f"{PREFIX}model.embed_tokens.lora_embedding_A",)


def test_an_adapter_that_names_no_base_has_an_empty_base_name(tmp_path: Path):
    folder = write_adapter(tmp_path / "adapter", config={"base_model_name_or_path": None})
    assert read_adapter(folder).base_name == ""
