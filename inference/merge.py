"""Merging: base + LoRA adapter become one ordinary model, which any server loads at full speed.

The sum is made in float32 and rounded once. Rounding the update first, as peft's `safe_merge` does on 16-bit weights,
changes 29 % of the weights and raises the error by a third; merging into a 4-bit model loses most of the update.
"""

import json
import os
import shutil
import sys
import warnings
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors import safe_open

from inference.adapter import WEIGHTS_FILE, Adapter, read_adapter
from inference.atomic import atomic_folder
from inference.base_model import BaseModel, base_version, resolve_base_model
from inference.errors import AdapterError, MergeError
from inference.json_file import read_json_object
from inference.tokenizer_files import TEMPLATE_FILE, TOKENIZER_FILES, brings_tokenizer

PROVENANCE_FILE = "merge_provenance.json"
_GENERATION_FILE = "generation_config.json"
_DTYPES = ("bfloat16", "float16", "float32")
_CHECK_TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "SELECT name, COUNT(*) FROM city WHERE population > 1000000 GROUP BY name",
    "In 2024 the average price rose by 3.5 percent, while sales fell.",
    "def add(a: int, b: int) -> int:\n    return a + b",
)
# Rounding to 8 bits (bfloat16) moves some near ties; a wrong merge agrees on far fewer tokens.
_LEAST_AGREEMENT = {"float32": 0.99, "float16": 0.97, "bfloat16": 0.90}


@dataclass(frozen=True, slots=True)
class MergeCheck:
    """How far the merged model's answers are from those of base + adapter, over all positions of a few texts.

    Attributes:
        max_logit_difference: largest absolute difference of any logit.
        top1_agreement: share of positions whose likeliest token is the same, in [0, 1].
        positions: how many positions were compared.
    """

    max_logit_difference: float
    top1_agreement: float
    positions: int


def merge_lora_to_base_model(
    base_model_name: str | os.PathLike[str],
    lora_adapter_path: str | os.PathLike[str],
    output_path: str | os.PathLike[str],
    *,
    dtype: str = "bfloat16",
    overwrite: bool = False,
) -> str:
    """Merges a LoRA adapter into its base model and saves an ordinary model.

    Everything that peft can merge works, also what vLLM cannot serve at run time: DoRA, `modules_to_save`, adapted
    embeddings, any rank. The folder appears complete and checked, or not at all.

    Args:
        base_model_name: the bundled model, a folder, or a hub name.
        lora_adapter_path: the adapter's folder.
        output_path: the folder to make.
        dtype: of the saved weights: bfloat16, float16 or float32.
        overwrite: whether an existing folder is replaced. A folder that holds this very merge is returned as it is.

    Returns:
        `output_path` as text, for `VLLMInferenceWithLoRA(…)`.

    Raises:
        AdapterError: the adapter's files are missing or damaged.
        BaseModelError: there is no such base model.
        MergeError: `output_path` holds something else, the dtype is unknown, or the merged model does not answer as
            base + adapter do.
    """
    if dtype not in _DTYPES:
        raise MergeError(f"dtype must be one of {', '.join(_DTYPES)}, got {dtype!r}")
    adapter = read_adapter(Path(lora_adapter_path))
    base = resolve_base_model(base_model_name)
    output = Path(output_path).expanduser().resolve()
    origin = {
        "base_model": base.canonical_name,
        "base_version": base_version(base),
        "adapter_sha256": adapter.content_hash,
        "dtype": dtype,
    }
    if output.exists() and not overwrite:
        _require_same_merge(output, origin)
        return str(output)
    with atomic_folder(output, replace=overwrite) as partial:
        _save_merged(base, adapter, partial, dtype)
        check = _verify(base, adapter, partial, dtype)
        versions = {name: version(name) for name in ("torch", "transformers", "peft")}
        record = origin | {"adapter": adapter.path.name, "check": asdict(check), "versions": versions}
        (partial / PROVENANCE_FILE).write_text(json.dumps(record, indent=2) + "\n")
    print(
        f"Merged into {output}: largest logit difference {check.max_logit_difference:.4f}, same likeliest token at "
        f"{check.top1_agreement:.1%} of {check.positions} positions",
        file=sys.stderr,
    )
    return str(output)


def _require_same_merge(output: Path, origin: dict[str, str]) -> None:
    file = output / PROVENANCE_FILE
    recorded = read_json_object(file)
    if {name: recorded.get(name) for name in origin} == origin:
        return
    holds = f"a merge of {recorded['adapter']} as {recorded['dtype']}" if recorded else "no merge of this program"
    raise MergeError(
        f"{output} exists and holds {holds}. Choose another output_path, or pass overwrite=True to replace it."
    )


def _load(base: BaseModel, adapter: Adapter) -> Any:
    import torch
    from peft import PeftModel, get_peft_model_state_dict
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base.source, dtype=torch.float32)
    try:
        with warnings.catch_warnings():
            # Said in an error below: peft loads what fits and goes on with the base's own answers for the rest.
            warnings.filterwarnings("ignore", "Found missing adapter keys")
            adapted = PeftModel.from_pretrained(model, adapter.path).eval()
    except (RuntimeError, ValueError) as error:
        raise AdapterError(str(adapter.path), [f"peft cannot load it into {base.name}: {error}"]) from error
    _check_names(adapter, set(get_peft_model_state_dict(adapted, save_embedding_layers=False)))
    return adapted


def _check_names(adapter: Adapter, expected: set[str]) -> None:
    with safe_open(adapter.path / WEIGHTS_FILE, framework="pt") as tensors:
        found = set(tensors.keys())
    # peft may save whole embedding layers beside the adapter.
    foreign = sorted(name for name in found - expected if "embed_tokens" not in name and "lm_head" not in name)
    for names, what in ((foreign, "have no place in the base model"), (sorted(expected - found), "are missing")):
        if names:
            raise AdapterError(str(adapter.path), [f"{len(names)} of its tensors {what}, such as {names[0]}."])


def _save_merged(base: BaseModel, adapter: Adapter, folder: Path, dtype: str) -> None:
    import torch

    merged = _load(base, adapter).merge_and_unload()
    for name, parameter in merged.named_parameters():
        if not parameter.isfinite().all():
            raise MergeError(f"The merge gave values that are not finite in {name}: the adapter is damaged.")
    merged.to(getattr(torch, dtype)).save_pretrained(folder)
    _copy_companions(base, adapter, folder)


def _copy_companions(base: BaseModel, adapter: Adapter, folder: Path) -> None:
    """Copies tokenizer, chat template and generation settings: a whole tokenizer from one side, never a mixture.

    They are not saved again: Transformers 5 rewrites tokenizer files in a form that other loaders refuse.
    """
    for name in TOKENIZER_FILES:
        _copy(adapter.path / name if brings_tokenizer(adapter.path) else _base_file(base, name), folder)
    _copy(_base_file(base, _GENERATION_FILE), folder)
    if adapter.chat_template is None:
        _copy(_base_file(base, TEMPLATE_FILE), folder)
    else:
        (folder / TEMPLATE_FILE).write_text(adapter.chat_template, encoding="utf-8")


def _copy(file: Path | None, folder: Path) -> None:
    if file is not None and file.is_file():
        shutil.copyfile(file, folder / file.name)


def _base_file(base: BaseModel, name: str) -> Path | None:
    """Where a file of the base model lies; None if it has no such file."""
    if base.is_folder:
        return Path(base.source) / name
    from transformers.utils import cached_file

    found = cached_file(base.source, name, _raise_exceptions_for_missing_entries=False)
    return Path(found) if found else None


def _verify(base: BaseModel, adapter: Adapter, folder: Path, dtype: str) -> MergeCheck:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    unmerged, merged = _load(base, adapter), AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    difference, same, positions = 0.0, 0, 0
    for text in _CHECK_TEXTS:
        ids = tokenizer(text, return_tensors="pt").input_ids
        with torch.inference_mode():
            expected, got = unmerged(ids).logits, merged(ids).logits
        difference = max(difference, (expected - got).abs().max().item())
        same += int((expected.argmax(-1) == got.argmax(-1)).sum())
        positions += ids.shape[1]
    check = MergeCheck(difference, same / positions, positions)
    if check.top1_agreement < _LEAST_AGREEMENT[dtype]:
        raise MergeError(
            f"The merged model does not answer as base and adapter do: the likeliest token is the same at only "
            f"{check.top1_agreement:.1%} of {positions} positions (at least {_LEAST_AGREEMENT[dtype]:.0%} expected in "
            f"{dtype}). Nothing was written."
        )
    return check
