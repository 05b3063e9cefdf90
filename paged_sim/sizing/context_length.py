"""How long a sequence may be, from `config.json`, as vLLM derives it (config/model.py, `_get_and_verify_max_len`)."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from paged_sim.checks import require_integer
from paged_sim.sizing.config_keys import MODEL_LENGTH

# vLLM's fallback when a config.json has none of the keys.
_UNKNOWN_LENGTH = 2048
# With these, max_position_embeddings is the length after scaling already.
_SCALED_ALREADY = {"longrope", "su", "llama3", "yarn", "deepseek_yarn", "deepseek_llama_scaling"}


class ModelLength(NamedTuple):
    """What vLLM takes as `max_model_len` when none is given, and the most that it accepts, in tokens."""

    default: int
    longest: int


def model_length(config: Mapping[str, Any]) -> ModelLength:
    """Returns the lengths that follow from the language model's section of `config.json`.

    Raises:
        ValueError: a length is no positive whole number.
    """
    lengths = {key: config[key] for key in MODEL_LENGTH if config.get(key) is not None}
    for key, value in lengths.items():
        require_integer(f"{key} of config.json", value, 1)
    # Command-R states what it was trained for apart from the positions that it could have.
    stated = lengths.get("model_max_length") or min(lengths.values(), default=_UNKNOWN_LENGTH)
    longest = int(stated * _factor(config))
    default = longest
    if any(_rope_type(rope) in {"longrope", "su"} for rope in _rope_parameters(config)):
        # Long sequences cost quality on short ones, so vLLM asks for them to be wanted.
        default = config.get("original_max_position_embeddings") or longest
    return ModelLength(default, longest)


def _factor(config: Mapping[str, Any]) -> float:
    # The length of Gemma 3 is stated after scaling.
    if "gemma3" in str(config.get("model_type")):
        return 1.0
    scaled = [rope for rope in _rope_parameters(config) if _rope_type(rope) not in _SCALED_ALREADY]
    return next((rope["factor"] for rope in reversed(scaled) if rope.get("factor")), 1.0)


def _rope_type(rope: Mapping[str, Any]) -> str:
    return rope.get("rope_type") or rope.get("type") or "default"


def _rope_parameters(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The parameters of rotary embedding: one set, or one for each type of layer."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    nested = [section for section in rope.values() if isinstance(section, Mapping)]
    yield from nested or [rope]
