"""Sizes of a base model, from its configuration alone: no weights are read."""

import math
from dataclasses import dataclass
from typing import Any

import torch

DTYPE_BYTES = {"float32": 4, "float": 4, "float16": 2, "half": 2, "bfloat16": 2}


@dataclass(frozen=True, slots=True)
class BaseShapes:
    """Sizes of a base model.

    Attributes:
        linear: (out features, in features) of each linear layer, by its full name.
        parameters: number of parameters, shared ones counted once.
        kv_elements_per_token: numbers that the KV cache keeps for one token, over all layers.
        max_positions: longest context that the model was made for, in tokens.
    """

    linear: dict[str, tuple[int, int]]
    parameters: int
    kv_elements_per_token: int
    max_positions: int

    def weight_bytes(self, dtype: str) -> int:
        """Bytes of the weights in `dtype`."""
        return self.parameters * DTYPE_BYTES[dtype]

    def kv_bytes_per_token(self, dtype: str) -> int:
        """Bytes of the KV cache for one token in `dtype`: 2 × layers × KV heads × head size × bytes."""
        return self.kv_elements_per_token * DTYPE_BYTES[dtype]


def base_shapes(config: Any) -> BaseShapes:
    """Returns the sizes that a Transformers configuration stands for."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    text = config.get_text_config()
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
        max_positions=text.max_position_embeddings,
    )
