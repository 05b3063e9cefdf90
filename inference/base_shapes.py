"""Sizes of a base model, from its configuration alone: no weights are read."""

import math
from dataclasses import dataclass
from typing import Any

from inference.errors import BaseModelError

DTYPE_BYTES = {"float32": 4, "float": 4, "float16": 2, "half": 2, "bfloat16": 2}


@dataclass(frozen=True, slots=True)
class BaseShapes:
    """Sizes of a base model.

    Attributes:
        linear: (out features, in features) of each linear layer, by its full name.
        parameters: number of parameters, shared ones counted once.
        kv_elements_per_token: numbers that the KV cache keeps for one token, over all layers.
        max_positions: longest context that the model was made for, in tokens; None if its configuration names none.
    """

    linear: dict[str, tuple[int, int]]
    parameters: int
    kv_elements_per_token: int
    max_positions: int | None

    def weight_bytes(self, dtype: str) -> int:
        """Bytes of the weights in `dtype`."""
        return self.parameters * DTYPE_BYTES[dtype]

    def kv_bytes_per_token(self, dtype: str) -> int:
        """Bytes of the KV cache for one token in `dtype`: 2 × layers × KV heads × head size × bytes."""
        return self.kv_elements_per_token * DTYPE_BYTES[dtype]

    def lora_bytes(self, slots: int, rank: int, dtype: str) -> int:
        """Bytes that vLLM reserves for adapters on a CPU, and as much again for their copies in fast order.

        Args:
            slots: adapters that can be loaded at once.
            rank: the rank that each slot holds.
            dtype: of the matrices.
        """
        widths = sum(out_features + in_features for out_features, in_features in self.linear.values())
        return 2 * slots * rank * widths * DTYPE_BYTES[dtype]


def base_shapes(config: Any) -> BaseShapes:
    """Returns the sizes that a Transformers configuration stands for.

    Raises:
        BaseModelError: Transformers has no language model for it, or it describes none with attention.
    """
    import torch
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
        return _shapes_of(model, config.get_text_config())
    except (ValueError, AttributeError) as error:
        text = " ".join(str(error).split())[:200]
        raise BaseModelError(
            f"The layers of a {config.model_type!r} model cannot be derived from its configuration ({text}). They are "
            "needed to check a LoRA adapter, and to plan the memory on a CPU: merge the adapter, or use a GPU."
        ) from error


def _shapes_of(model: Any, text: Any) -> BaseShapes:
    import torch

    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    head_dim = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return BaseShapes(
        linear={
            name: (module.out_features, module.in_features)
            for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear)
        },
        parameters=sum(math.prod(parameter.shape) for parameter in model.parameters()),
        kv_elements_per_token=2 * text.num_hidden_layers * heads * head_dim,
        max_positions=getattr(text, "max_position_embeddings", None),
    )
