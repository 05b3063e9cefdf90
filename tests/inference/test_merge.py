"""A merge is an ordinary model that answers as base and adapter do, complete and checked, or nothing at all."""

import json
import re
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from inference import merge
from inference.adapter import CONFIG_FILE, WEIGHTS_FILE, read_adapter
from inference.errors import AdapterError, BaseModelError, InferenceError, MergeError
from inference.merge import PROVENANCE_FILE, merge_lora_to_base_model

TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"
OTHER_TEMPLATE = f"adapter: {TEMPLATE}"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two layers with random weights, whose tokens are single bytes."""
    folder = tmp_path_factory.mktemp("models") / "tiny-base"
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={character: index for index, character in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", chat_template=TEMPLATE)
    fast.save_pretrained(folder)
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=260,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=fast.eos_token_id,
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def save_adapter(base: Path, folder: Path, *, seed: int = 2, **options: Any) -> Path:
    """Saves an adapter as peft does, with random matrices of which none is zero."""
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "down_proj"]
    config = LoraConfig(r=4, lora_alpha=8, target_modules=targets, task_type="CAUSAL_LM", **options)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.2
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapter(base: Path) -> Path:
    """A plain LoRA adapter for the base."""
    return save_adapter(base, base.parent / "tiny-adapter")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Where the merged model goes."""
    return tmp_path / "merged"


def names(folder: Path) -> list[str]:
    """Returns all names in a folder, hidden ones included."""
    return sorted(entry.name for entry in folder.iterdir())


def logits(model: Any, tokenizer: Any) -> torch.Tensor:
    """Returns a model's logits for a text that is none of those in the merge's own check."""
    ids = tokenizer("A text of the test's own: 7 > 5, naïve?", return_tensors="pt").input_ids
    with torch.inference_mode():
        return model.eval()(ids).logits


def require_answers_of_base_and_adapter(base: Path, adapter: Path, merged: str) -> None:
    """The merged model's logits are those of base + adapter, and not those of the base."""
    tokenizer = AutoTokenizer.from_pretrained(merged)
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    without = logits(plain, tokenizer)
    expected = logits(PeftModel.from_pretrained(plain, adapter), tokenizer)
    got = logits(AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32), tokenizer)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(got, without, rtol=1e-2, atol=1e-2)


def test_the_merged_model_answers_as_base_and_adapter_do(base: Path, adapter: Path, output: Path):
    result = merge_lora_to_base_model(base, adapter, output, dtype="float32")
    assert type(result) is str
    assert result == str(output)
    require_answers_of_base_and_adapter(base, adapter, result)


@pytest.mark.parametrize(
    "options",
    [{"use_dora": True}, {"use_rslora": True}, {"modules_to_save": ["lm_head"]}, {"rank_pattern": {"q_proj": 8}}],
    ids=str,
)
def test_what_vllm_does_not_serve_at_run_time_is_merged_too(
    base: Path, tmp_path: Path, output: Path, options: dict[str, Any]
):
    special = save_adapter(base, tmp_path / "special", **options)
    require_answers_of_base_and_adapter(base, special, merge_lora_to_base_model(base, special, output, dtype="float32"))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_the_weights_are_base_and_update_added_in_float32_and_rounded_once(
    base: Path, adapter: Path, output: Path, monkeypatch: pytest.MonkeyPatch, dtype: str
):
    # A model of random weights has near ties everywhere, which rounding decides.
    monkeypatch.setitem(merge._LEAST_AGREEMENT, dtype, 0.5)
    merge_lora_to_base_model(base, adapter, output, dtype=dtype)
    before, after = load_file(base / "model.safetensors"), load_file(output / "model.safetensors")
    update = load_file(adapter / WEIGHTS_FILE)
    assert before.keys() == after.keys()
    for name, weights in before.items():
        assert after[name].dtype == getattr(torch, dtype)
        layer = f"base_model.model.{name.removesuffix('.weight')}"
        expected = weights.clone()
        if f"{layer}.lora_A.weight" in update:
            expected += 8 / 4 * (update[f"{layer}.lora_B.weight"] @ update[f"{layer}.lora_A.weight"])
        # The product's order of summation may differ in the last bit before it is rounded.
        torch.testing.assert_close(after[name], expected.to(after[name].dtype))


def test_bfloat16_is_the_default(base: Path, adapter: Path, output: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(merge._LEAST_AGREEMENT, "bfloat16", 0.5)
    merge_lora_to_base_model(base, adapter, output)
    assert json.loads((output / "config.json").read_text())["dtype"] == "bfloat16"


# Files


def test_tokenizer_template_and_generation_settings_are_the_bases_files(base: Path, adapter: Path, output: Path):
    merge_lora_to_base_model(base, adapter, output, dtype="float32")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"):
        assert (output / name).read_bytes() == (base / name).read_bytes()
    assert (output / "chat_template.jinja").read_text() == TEMPLATE
    expected = ["chat_template.jinja", "config.json", "generation_config.json", PROVENANCE_FILE, "model.safetensors"]
    assert names(output) == [*expected, "tokenizer.json", "tokenizer_config.json"]
    assert names(output.parent) == ["merged"]


def test_an_adapters_own_template_wins(base: Path, tmp_path: Path, output: Path):
    own = save_adapter(base, tmp_path / "own")
    (own / "chat_template.jinja").write_text(OTHER_TEMPLATE)
    (own / "tokenizer_config.json").write_text('{"without": "its tokenizer.json"}')
    merge_lora_to_base_model(base, own, output, dtype="float32")
    assert (output / "chat_template.jinja").read_text() == OTHER_TEMPLATE
    assert (output / "tokenizer_config.json").read_bytes() == (base / "tokenizer_config.json").read_bytes()


def test_an_adapter_with_a_tokenizer_brings_all_of_it(base: Path, tmp_path: Path, output: Path):
    own = save_adapter(base, tmp_path / "own")
    (own / "tokenizer.json").write_bytes((base / "tokenizer.json").read_bytes())
    settings = json.loads((base / "tokenizer_config.json").read_text()) | {"model_max_length": 77}
    (own / "tokenizer_config.json").write_text(json.dumps(settings))
    merge_lora_to_base_model(base, own, output, dtype="float32")
    (base / "special_tokens_map.json").write_text("{}")
    merge_lora_to_base_model(base, own, output, dtype="float32", overwrite=True)
    (base / "special_tokens_map.json").unlink()
    assert AutoTokenizer.from_pretrained(output).model_max_length == 77
    assert "special_tokens_map.json" not in names(output)
    # The adapter brings no template, so the base's is better than none.
    assert (output / "chat_template.jinja").read_text() == TEMPLATE


def test_a_template_in_an_adapters_tokenizer_configuration_wins(base: Path, tmp_path: Path, output: Path):
    own = save_adapter(base, tmp_path / "own")
    (own / "tokenizer.json").write_bytes((base / "tokenizer.json").read_bytes())
    settings = json.loads((base / "tokenizer_config.json").read_text()) | {"chat_template": OTHER_TEMPLATE}
    (own / "tokenizer_config.json").write_text(json.dumps(settings))
    merge_lora_to_base_model(base, own, output, dtype="float32")
    assert AutoTokenizer.from_pretrained(output).chat_template == OTHER_TEMPLATE


def test_the_provenance_says_what_was_merged_and_how_well(base: Path, adapter: Path, output: Path):
    merge_lora_to_base_model(base, adapter, output, dtype="float32")
    record = json.loads((output / PROVENANCE_FILE).read_text())
    assert record["base_model"] == "tiny-base"
    assert record["adapter"] == "tiny-adapter"
    assert record["adapter_sha256"] == read_adapter(adapter).content_hash
    assert record["dtype"] == "float32"
    assert record["versions"].keys() == {"torch", "transformers", "peft"}
    assert record["versions"]["torch"] == version("torch")
    assert record["check"].keys() == {"max_logit_difference", "top1_agreement", "positions"}
    assert 0 <= record["check"]["max_logit_difference"] < 1e-3
    assert record["check"]["top1_agreement"] >= 0.99
    # One token for each byte of the texts.
    assert record["check"]["positions"] == sum(len(text.encode()) for text in merge._CHECK_TEXTS)
    assert str(output.parent) not in (output / PROVENANCE_FILE).read_text()


def test_what_it_says_goes_to_standard_error(
    base: Path, adapter: Path, output: Path, capsys: pytest.CaptureFixture[str]
):
    merge_lora_to_base_model(base, adapter, output, dtype="float32")
    said = capsys.readouterr()
    assert said.out == ""
    assert re.search(rf"Merged into {output}: largest logit difference 0\.00\d\d, same likeliest token at \d", said.err)


# Existing folders


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes every merge from the call on an error."""

    def refuse(*arguments: object) -> None:
        raise AssertionError("this merge was to do no work")

    return lambda: monkeypatch.setattr(merge, "_save_merged", refuse)


def test_the_same_merge_again_is_returned_without_work(
    base: Path, adapter: Path, output: Path, no_work: Callable[[], None]
):
    first = merge_lora_to_base_model(base, adapter, output, dtype="float32")
    no_work()
    assert merge_lora_to_base_model(base, adapter, output, dtype="float32") == first


def test_a_base_that_was_trained_on_in_place_is_another(base: Path, adapter: Path, tmp_path: Path, output: Path):
    own = tmp_path / "copy" / base.name
    shutil.copytree(base, own)
    merge_lora_to_base_model(own, adapter, output, dtype="float32")
    tensors = load_file(own / "model.safetensors")
    save_file({name: tensor * 2 for name, tensor in tensors.items()}, own / "model.safetensors", {"format": "pt"})
    with pytest.raises(MergeError, match="exists and holds a merge of tiny-adapter as float32"):
        merge_lora_to_base_model(own, adapter, output, dtype="float32")


@pytest.mark.parametrize("other", ["adapter", "dtype"])
def test_another_merge_is_not_overwritten(
    base: Path, adapter: Path, tmp_path: Path, output: Path, no_work: Callable[[], None], other: str
):
    merge_lora_to_base_model(base, adapter, output, dtype="float32")
    before = (output / PROVENANCE_FILE).read_bytes()
    no_work()
    asked = save_adapter(base, tmp_path / "other", seed=9) if other == "adapter" else adapter
    expected = re.escape(
        f"{output} exists and holds a merge of tiny-adapter as float32. "
        "Choose another output_path, or pass overwrite=True to replace it."
    )
    with pytest.raises(MergeError, match=expected):
        merge_lora_to_base_model(base, asked, output, dtype="float32" if other == "adapter" else "float16")
    assert (output / PROVENANCE_FILE).read_bytes() == before


def test_a_folder_of_the_users_own_is_not_overwritten(
    base: Path, adapter: Path, output: Path, no_work: Callable[[], None]
):
    output.mkdir()
    (output / "thesis.txt").write_text("years of work")
    no_work()
    with pytest.raises(MergeError, match=f"{output} exists and holds no merge of this program. Choose another"):
        merge_lora_to_base_model(base, adapter, output, dtype="float32")
    assert (output / "thesis.txt").read_text() == "years of work"


def test_overwrite_replaces_the_whole_folder(base: Path, adapter: Path, tmp_path: Path, output: Path):
    output.mkdir()
    (output / "old.txt").touch()
    merge_lora_to_base_model(base, adapter, output, dtype="float32", overwrite=True)
    assert "old.txt" not in names(output)
    other = save_adapter(base, tmp_path / "other", seed=9)
    merge_lora_to_base_model(base, other, output, dtype="float32", overwrite=True)
    require_answers_of_base_and_adapter(base, other, str(output))


# Merges that fail


def test_an_unknown_dtype_is_refused_before_anything_is_read(output: Path):
    with pytest.raises(MergeError, match=r"^dtype must be one of bfloat16, float16, float32, got 'int4'$"):
        merge_lora_to_base_model("no such base", "no such adapter", output, dtype="int4")


def test_a_missing_adapter_or_base_is_named_and_leaves_nothing(base: Path, adapter: Path, output: Path):
    with pytest.raises(AdapterError, match="There is no such folder"):
        merge_lora_to_base_model(base, output.parent / "nothing", output)
    with pytest.raises(BaseModelError, match="There is no base model 'nothing'"):
        merge_lora_to_base_model("nothing", adapter, output)
    assert names(output.parent) == []


@pytest.mark.parametrize("existing", [False, True])
def test_a_merge_that_fails_its_check_leaves_what_was_there(
    base: Path, adapter: Path, output: Path, monkeypatch: pytest.MonkeyPatch, existing: bool
):
    if existing:
        output.mkdir()
        (output / "old.txt").touch()
    monkeypatch.setitem(merge._LEAST_AGREEMENT, "float32", 1.1)
    expected = (
        r"The merged model does not answer as base and adapter do: the likeliest token is the same at only "
        r"[\d.]+% of \d+ positions \(at least 110% expected in float32\)\. Nothing was written\."
    )
    with pytest.raises(MergeError, match=expected):
        merge_lora_to_base_model(base, adapter, output, dtype="float32", overwrite=existing)
    assert names(output.parent) == (["merged"] if existing else [])
    assert not existing or names(output) == ["old.txt"]


def test_a_wrong_merge_is_found(base: Path, adapter: Path, output: Path, monkeypatch: pytest.MonkeyPatch):
    # peft gives the base back as it was.
    monkeypatch.setattr(PeftModel, "merge_and_unload", lambda self: self.unload(), raising=False)
    with pytest.raises(MergeError, match=r"The merged model does not answer as base and adapter do"):
        merge_lora_to_base_model(base, adapter, output, dtype="float32")
    assert names(output.parent) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(base: Path, tmp_path: Path, output: Path, value: float):
    damaged = save_adapter(base, tmp_path / "damaged")
    tensors = load_file(damaged / WEIGHTS_FILE)
    name = next(name for name in tensors if "layers.1.self_attn.v_proj.lora_B" in name)
    tensors[name][0, 0] = value
    save_file(tensors, damaged / WEIGHTS_FILE)
    expected = r"The merge gave values that are not finite in model\.layers\.1\.self_attn\.v_proj\.weight: the adapter"
    with pytest.raises(MergeError, match=expected):
        merge_lora_to_base_model(base, damaged, output, dtype="float32")
    assert names(output.parent) == ["damaged"]


@pytest.mark.filterwarnings("ignore:Found missing adapter keys")
def test_an_adapter_whose_layers_are_not_in_the_base_is_refused(base: Path, adapter: Path, output: Path):
    tensors = load_file(adapter / WEIGHTS_FILE)
    foreign = output.parent / "foreign"
    shutil.copytree(adapter, foreign)
    save_file({name.replace("layers.", "layers.7"): tensor for name, tensor in tensors.items()}, foreign / WEIGHTS_FILE)
    with pytest.raises(InferenceError):
        merge_lora_to_base_model(base, foreign, output, dtype="float32")


@pytest.mark.parametrize("damage", ["a matrix of another size", "an unknown target"])
def test_an_adapter_that_does_not_fit_the_base_is_refused(base: Path, adapter: Path, output: Path, damage: str):
    misfit = output.parent / "misfit"
    shutil.copytree(adapter, misfit)
    if damage == "an unknown target":
        config = json.loads((misfit / CONFIG_FILE).read_text()) | {"target_modules": ["c_attn"]}
        (misfit / CONFIG_FILE).write_text(json.dumps(config))
    else:
        tensors = load_file(misfit / WEIGHTS_FILE)
        name = next(name for name in tensors if "lora_A" in name)
        save_file(tensors | {name: torch.ones(4, 5)}, misfit / WEIGHTS_FILE)
    with pytest.raises(InferenceError):
        merge_lora_to_base_model(base, misfit, output, dtype="float32")
