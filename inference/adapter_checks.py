"""Is this adapter safe to give to vLLM, for this base model? Every problem at once, each with the way out.

vLLM refuses some of these adapters only when a request is running, which ends the engine; others it serves with wrong
text and no error (a matrix narrower than its layer is padded with zeros; unknown layer names are skipped).
"""

import warnings
from collections.abc import Iterator

from inference.adapter import Adapter, LoRAFactors
from inference.base_model import BaseModel
from inference.base_shapes import BaseShapes
from inference.errors import AdapterError, EngineStartError

# vLLM's `MaxLoRARanks` (vllm/config/lora.py): the only values that `max_lora_rank` takes.
ALLOWED_MAX_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)

_MERGE = "Merge it with merge_lora_to_base_model and serve the merged model."
_EMBEDDING_LAYERS = ("lm_head", "embed_tokens", "wte", "embeddings", "embed_out")
# These start from other base weights than the model's own: without a conversion, base + adapter is wrong text.
_BASE_CHANGING_INITS = ("pissa", "olora", "corda", "loftq")
_UNSUPPORTED_OPTIONS = {
    "use_dora": "DoRA",
    "lora_bias": "biases in the LoRA layers (lora_bias)",
    "alora_invocation_tokens": "activated LoRA (alora_invocation_tokens)",
    "layer_replication": "replicated layers (layer_replication)",
    "use_bdlora": "block-diagonal LoRA (use_bdlora)",
    "use_qalora": "QA-LoRA (use_qalora)",
    "trainable_token_indices": "trained tokens (trainable_token_indices)",
    "target_parameters": "adapted parameters outside linear layers (target_parameters)",
}


class AdapterWarning(UserWarning):
    """The adapter can be served, but probably not as it was meant."""


def allowed_max_rank(rank: int) -> int:
    """Returns the smallest rank that vLLM offers which holds `rank`.

    Raises:
        EngineStartError: `rank` is below 1 or above vLLM's largest.
    """
    if not 1 <= rank <= ALLOWED_MAX_RANKS[-1]:
        raise EngineStartError(f"max_lora_rank must be in [1, {ALLOWED_MAX_RANKS[-1]}], got {rank}")
    return next(allowed for allowed in ALLOWED_MAX_RANKS if rank <= allowed)


def check_adapter(adapter: Adapter, base: BaseModel, shapes: BaseShapes) -> None:
    """Raises AdapterError if vLLM would refuse the adapter or serve it wrongly; warns where it may be a mistake.

    Args:
        adapter: the adapter as read from disk.
        base: the base model that it is to be served with.
        shapes: the base model's layer shapes.
    """
    problems = [*_config_problems(adapter), *_tensor_problems(adapter, shapes)]
    if problems:
        raise AdapterError(str(adapter.path), problems)
    if adapter.changes_nothing:
        warnings.warn(
            f"The adapter {adapter.path.name} changes nothing: all its B matrices are zero, so it answers as the base "
            "model does. Was it saved before training?",
            AdapterWarning,
            stacklevel=4,
        )
    if adapter.base_name and adapter.base_name.rstrip("/").split("/")[-1] != base.canonical_name.split("/")[-1]:
        warnings.warn(
            f"The adapter {adapter.path.name} says that it was trained on {adapter.base_name!r}; it is served with "
            f"{base.canonical_name!r}. All shapes fit, but the text may be wrong.",
            AdapterWarning,
            stacklevel=4,
        )


def _config_problems(adapter: Adapter) -> Iterator[str]:
    config = adapter.config
    if config.get("peft_type") != "LORA":
        yield f"peft_type is {config.get('peft_type')!r}; vLLM serves LORA only. {_MERGE}"
    if not 1 <= adapter.rank <= ALLOWED_MAX_RANKS[-1]:
        yield f"The rank is {adapter.rank}; vLLM serves 1 to {ALLOWED_MAX_RANKS[-1]}. {_MERGE}"
    for option, what in _UNSUPPORTED_OPTIONS.items():
        if config.get(option):
            yield f"It uses {what}, which vLLM does not serve. {_MERGE}"
    if config.get("modules_to_save"):
        yield f"It replaces whole layers (modules_to_save {config['modules_to_save']}), which vLLM ignores. {_MERGE}"
    if config.get("bias", "none") != "none":
        yield f"It trained biases (bias={config['bias']!r}), which vLLM does not serve. {_MERGE}"
    init = config.get("init_lora_weights")
    if isinstance(init, str) and init.lower().startswith(_BASE_CHANGING_INITS):
        yield (
            f"init_lora_weights={init!r} changed the base weights during training. Convert it with peft's "
            f"path_initial_model_for_weight_conversion, or: {_MERGE}"
        )
    embeddings = sorted({layer for layer in adapter.factors if layer.rpartition(".")[2] in _EMBEDDING_LAYERS})
    if embeddings or any(".lora_embedding_" in name for name in adapter.other_tensors):
        yield f"It adapts embeddings or the output layer ({', '.join(embeddings) or 'embed_tokens'}). {_MERGE}"


def _tensor_problems(adapter: Adapter, shapes: BaseShapes) -> Iterator[str]:
    if not adapter.is_finite:
        yield "Its weights hold values that are not finite (NaN or infinity): the training went wrong."
    if not adapter.factors:
        yield "Its weights hold no LoRA matrices (no tensor named …lora_A.weight or …lora_B.weight)."
    linear = {name for name in adapter.factors if name.rpartition(".")[2] not in _EMBEDDING_LAYERS}
    unknown = sorted(linear - shapes.linear.keys())
    if unknown:
        yield (
            f"{len(unknown)} of its {len(adapter.factors)} layers do not exist in the base model, such as "
            f"{', '.join(unknown[:3])}. The base has, for example, {_example(shapes)}. It was trained on "
            f"{adapter.base_name or 'another base'}."
        )
    wrong = [text for name in sorted(linear & shapes.linear.keys()) for text in _misfits(adapter, name, shapes)]
    if wrong:
        more = "; …" if len(wrong) > 3 else ""
        yield f"{len(wrong)} matrices do not fit the base model: {'; '.join(wrong[:3])}{more}."


def _misfits(adapter: Adapter, layer: str, shapes: BaseShapes) -> Iterator[str]:
    factors: LoRAFactors = adapter.factors[layer]
    out_features, in_features = shapes.linear[layer]
    if factors.a is None or factors.b is None:
        yield f"{layer} has only one of its two matrices"
        return
    if len(factors.a) != 2 or len(factors.b) != 2:
        yield f"{layer}.lora_A is {factors.a} and lora_B {factors.b}: both must have two dimensions"
        return
    rank = factors.a[0]
    if factors.a != (rank, in_features):
        yield f"{layer}.lora_A takes {factors.a[-1]} inputs, the base layer has {in_features}"
    if factors.b != (out_features, rank):
        yield f"{layer}.lora_B is {factors.b}, expected ({out_features}, {rank})"
    if rank > adapter.rank:
        yield f"{layer} has rank {rank}, above the {adapter.rank} of {adapter.path.name}/adapter_config.json"


def _example(shapes: BaseShapes) -> str:
    return next(iter(shapes.linear), "no linear layer")
