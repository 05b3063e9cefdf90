"""What vLLM would refuse or serve wrongly is refused first: all problems at once, each with the way out."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from adapter_folders import DOWN_PROJ, LAYERS, PREFIX, Q_PROJ, RANK, lora_tensors, write_adapter
from hypothesis import given
from hypothesis import strategies as st

from inference.adapter import read_adapter
from inference.adapter_checks import ALLOWED_MAX_RANKS, AdapterWarning, allowed_max_rank, check_adapter
from inference.base_model import BaseModel
from inference.base_shapes import BaseShapes
from inference.errors import AdapterError, EngineStartError

BASE = BaseModel("tiny", "owner/tiny-model", "owner/tiny-model")
SHAPES = BaseShapes(dict(LAYERS), parameters=1000, kv_elements_per_token=16, max_positions=128)
CHECKPOINT = Path(__file__).parents[2] / "checkpoint-100"


def check(
    folder: Path,
    *,
    layers: Mapping[str, tuple[int, int]] = LAYERS,
    config: Mapping[str, Any] | None = None,
    tensors: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Writes an adapter and checks it against the tiny base model."""
    folder = write_adapter(folder / "adapter", lora_tensors(layers) if tensors is None else tensors, config)
    check_adapter(read_adapter(folder), BASE, SHAPES)


# allowed_max_rank


def test_the_allowed_ranks_are_those_of_vllm():
    from typing import get_args

    from vllm.config.lora import MaxLoRARanks

    assert get_args(MaxLoRARanks) == ALLOWED_MAX_RANKS


@pytest.mark.parametrize("index", range(len(ALLOWED_MAX_RANKS)))
def test_each_allowed_rank_is_its_own_and_the_next_rank_takes_the_next_one(index: int):
    allowed = ALLOWED_MAX_RANKS[index]
    assert allowed_max_rank(allowed) == allowed
    if index + 1 < len(ALLOWED_MAX_RANKS):
        assert allowed_max_rank(allowed + 1) == ALLOWED_MAX_RANKS[index + 1]


@given(rank=st.integers(1, 512))
def test_the_smallest_allowed_rank_that_holds_it_is_chosen(rank: int):
    chosen = allowed_max_rank(rank)
    assert chosen == min(allowed for allowed in ALLOWED_MAX_RANKS if allowed >= rank)


@pytest.mark.parametrize("rank", [-1, 0, 513, 10_000])
def test_a_rank_out_of_range_is_refused(rank: int):
    with pytest.raises(EngineStartError, match=rf"max_lora_rank must be in \[1, 512\], got {rank}$"):
        allowed_max_rank(rank)


# check_adapter


def test_a_matching_adapter_passes_silently(tmp_path: Path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(tmp_path)


def test_an_adapter_for_some_of_the_layers_passes(tmp_path: Path):
    check(tmp_path, layers={Q_PROJ: LAYERS[Q_PROJ]})


def test_the_repositorys_checkpoint_fits_the_bundled_model(bundled_base: BaseModel, bundled_shapes: BaseShapes):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_adapter(read_adapter(CHECKPOINT), bundled_base, bundled_shapes)


def test_the_repositorys_checkpoint_does_not_fit_another_model():
    with pytest.raises(AdapterError, match=r"210 of its 210 layers do not exist|layers do not exist"):
        check_adapter(read_adapter(CHECKPOINT), BASE, SHAPES)


@pytest.mark.parametrize("inputs", [5, 7])
def test_a_narrower_or_wider_input_is_refused(tmp_path: Path, inputs: int):
    with pytest.raises(AdapterError, match=rf"{Q_PROJ}\.lora_A takes {inputs} inputs, the base layer has 6"):
        check(tmp_path, layers=LAYERS | {Q_PROJ: (8, inputs)})


@pytest.mark.parametrize("outputs", [7, 9])
def test_a_narrower_or_wider_output_is_refused(tmp_path: Path, outputs: int):
    with pytest.raises(AdapterError, match=rf"{Q_PROJ}\.lora_B is \({outputs}, 4\), expected \(8, 4\)"):
        check(tmp_path, layers=LAYERS | {Q_PROJ: (outputs, 6)})


def test_swapped_dimensions_are_refused(tmp_path: Path):
    with pytest.raises(AdapterError, match="2 matrices do not fit the base model"):
        check(tmp_path, layers=LAYERS | {Q_PROJ: (6, 8)})


def test_matrices_of_different_ranks_in_one_layer_are_refused(tmp_path: Path):
    tensors = lora_tensors()
    tensors[f"{PREFIX}{Q_PROJ}.lora_B.weight"] = torch.ones(8, RANK - 1)
    with pytest.raises(AdapterError, match=rf"{Q_PROJ}\.lora_B is \(8, 3\), expected \(8, 4\)"):
        check(tmp_path, tensors=tensors)


def test_a_rank_above_that_of_the_configuration_is_refused(tmp_path: Path):
    with pytest.raises(AdapterError, match=r"has rank 4, above the 2 of adapter/adapter_config\.json"):
        check(tmp_path, config={"r": 2})


def test_many_misfits_are_counted_and_three_are_shown(tmp_path: Path):
    with pytest.raises(AdapterError, match=r"4 matrices do not fit the base model: .*; …\.$"):
        check(tmp_path, layers={Q_PROJ: (9, 7), DOWN_PROJ: (7, 11)})


def test_unknown_layers_are_named_beside_one_of_the_base(tmp_path: Path):
    layers = LAYERS | {"transformer.h.0.attn.c_attn": (4, 4), "model.layers.9.self_attn.q_proj": (8, 6)}
    expected = (
        rf"2 of its 4 layers do not exist in the base model, such as model\.layers\.9\.self_attn\.q_proj, "
        rf"transformer\.h\.0\.attn\.c_attn\. The base has, for example, {Q_PROJ}\. "
        r"It was trained on owner/tiny-model\."
    )
    with pytest.raises(AdapterError, match=expected):
        check(tmp_path, layers=layers)


@pytest.mark.parametrize("missing", ["A", "B"])
def test_a_layer_with_one_of_two_matrices_is_refused(tmp_path: Path, missing: str):
    tensors = lora_tensors()
    del tensors[f"{PREFIX}{Q_PROJ}.lora_{missing}.weight"]
    with pytest.raises(AdapterError, match=f"{Q_PROJ} has only one of its two matrices"):
        check(tmp_path, tensors=tensors)


def test_weights_without_lora_matrices_are_refused(tmp_path: Path):
    with pytest.raises(AdapterError, match=r"Its weights hold no LoRA matrices"):
        check(tmp_path, tensors={"something": torch.ones(2)})


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"use_dora": True}, r"It uses DoRA, which vLLM does not serve"),
        ({"lora_bias": True}, r"It uses biases in the LoRA layers \(lora_bias\)"),
        ({"alora_invocation_tokens": [1, 2]}, r"activated LoRA"),
        ({"layer_replication": [[0, 1]]}, r"replicated layers"),
        ({"use_qalora": True}, r"QA-LoRA"),
        ({"trainable_token_indices": [3]}, r"trained tokens"),
        ({"target_parameters": ["experts"]}, r"adapted parameters outside linear layers"),
        ({"modules_to_save": ["lm_head"]}, r"It replaces whole layers \(modules_to_save \['lm_head'\]\)"),
        ({"bias": "all"}, r"It trained biases \(bias='all'\)"),
        ({"init_lora_weights": "pissa_niter_4"}, r"init_lora_weights='pissa_niter_4' changed the base weights"),
        ({"init_lora_weights": "OLoRA"}, r"init_lora_weights='OLoRA' changed the base weights"),
        ({"r": 513}, r"The rank is 513; vLLM serves 1 to 512"),
        ({"rank_pattern": {"q_proj": 1024}}, r"The rank is 1024; vLLM serves 1 to 512"),
        ({"r": 0}, r"The rank is 0; vLLM serves 1 to 512"),
        ({"peft_type": "LOHA"}, r"peft_type is 'LOHA'; vLLM serves LORA only"),
        ({"peft_type": None}, r"peft_type is None; vLLM serves LORA only"),
    ],
    ids=str,
)
def test_what_vllm_cannot_serve_is_refused_with_the_merge_as_way_out(
    tmp_path: Path, config: dict[str, Any], expected: str
):
    with pytest.raises(AdapterError, match=rf"{expected}.*merge_lora_to_base_model"):
        check(tmp_path, config=config)


@pytest.mark.parametrize("init", [True, False, "gaussian", "eva", "orthogonal"])
def test_inits_that_keep_the_base_weights_pass(tmp_path: Path, init: bool | str):
    check(tmp_path, config={"init_lora_weights": init})


@pytest.mark.parametrize("layer", ["lm_head", "model.embed_tokens"])
def test_an_adapted_output_layer_or_embedding_is_refused(tmp_path: Path, layer: str):
    expected = rf"It adapts embeddings or the output layer \({layer}\)\. Merge it with merge_lora_to_base_model"
    with pytest.raises(AdapterError, match=expected) as caught:
        check(tmp_path, layers=LAYERS | {layer: (12, 6)})
    assert len(caught.value.problems) == 1


def test_the_embedding_matrices_of_peft_are_refused(tmp_path: Path):
    tensors = lora_tensors() | {f"{PREFIX}model.embed_tokens.lora_embedding_A": torch.ones(RANK, 12)}
    with pytest.raises(AdapterError, match=r"output layer \(embed_tokens\)\. Merge it"):
        check(tmp_path, tensors=tensors)


def test_several_problems_are_all_listed(tmp_path: Path):
    layers = {Q_PROJ: (8, 5), "lm_head": (12, 6), "other.layer": (2, 2)}
    config = {"peft_type": "ADALORA", "use_dora": True, "lora_bias": True, "bias": "all", "modules_to_save": ["x"]}
    with pytest.raises(AdapterError) as caught:
        check(tmp_path, layers=layers, config=config)
    parts = ["ADALORA", "DoRA", "lora_bias", "modules_to_save", "biases (bias='all')", "output layer", "1 of its 3"]
    parts.append("takes 5 inputs")
    assert len(caught.value.problems) == len(parts)
    for part, problem in zip(parts, caught.value.problems, strict=True):
        assert part in problem
        assert f"  - {problem}" in str(caught.value)


# Warnings


def test_an_adapter_that_changes_nothing_warns(tmp_path: Path):
    tensors = {name: tensor * (".lora_A" in name) for name, tensor in lora_tensors().items()}
    with pytest.warns(AdapterWarning, match="The adapter adapter changes nothing: all its B matrices are zero"):
        check(tmp_path, tensors=tensors)


def test_another_base_of_the_same_shapes_warns(tmp_path: Path):
    expected = r"says that it was trained on 'owner/other-model'; it is served with 'owner/tiny-model'"
    with pytest.warns(AdapterWarning, match=expected):
        check(tmp_path, config={"base_model_name_or_path": "owner/other-model"})


@pytest.mark.parametrize("name", ["tiny-model", "models/of/mine/tiny-model/", "mirror/tiny-model", "", None])
def test_the_same_base_from_another_folder_does_not_warn(tmp_path: Path, name: str | None):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(tmp_path, config={"base_model_name_or_path": name})


# Known gaps


@pytest.mark.parametrize("matrix", ["lora_A", "lora_B"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, matrix: str, value: float):
    tensors = lora_tensors()
    tensors[f"{PREFIX}{Q_PROJ}.{matrix}.weight"][0, 0] = value
    with pytest.raises(AdapterError, match="finite"):
        check(tmp_path, tensors=tensors)


@pytest.mark.parametrize(
    "config", [{"rank_pattern": [1]}, {"rank_pattern": {"q_proj": "8"}}, {"base_model_name_or_path": 5}], ids=str
)
def test_entries_of_another_type_are_refused(tmp_path: Path, config: dict[str, Any]):
    with pytest.raises(AdapterError, match=next(iter(config))):
        check(tmp_path, config=config)


def test_a_matrix_without_dimensions_is_refused(tmp_path: Path):
    tensors = lora_tensors() | {f"{PREFIX}{Q_PROJ}.lora_A.weight": torch.tensor(1.0)}
    with pytest.raises(AdapterError, match="lora_A"):
        check(tmp_path, tensors=tensors)
