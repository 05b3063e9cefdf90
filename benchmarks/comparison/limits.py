"""The least time that work can take on a device: its bytes at the bandwidth, or its operations at the matrix rate.

Bytes: all weights once for each step, keys and values of every earlier token once for each token. Steps: as many as the
longest answer has tokens, or as all answers have together over the concurrency. Operations: two for each weight and
token, the output layer for generated tokens only; four for each pair of a query and a key, and width. Whichever takes
longer is the limit, so what an engine really can reach lies below: it does both, one mostly after the other.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from paged_sim.simulation.cost_model import num_attention_pairs


@dataclass(frozen=True, slots=True)
class ModelWork:
    """Sizes of a model that decide how much work a token is.

    Attributes:
        layer_parameters: weights of all layers, without embeddings.
        output_parameters: weights of the output layer.
        kv_bytes_per_token: bytes of keys and values of one token, all layers.
        attention_width: layers × attention heads × head size.
        weight_bytes: bytes of one weight.
    """

    layer_parameters: int
    output_parameters: int
    kv_bytes_per_token: int
    attention_width: int
    weight_bytes: int

    @classmethod
    def from_config(cls, config: Any, dtype: str) -> Self:
        """Returns the sizes that a Transformers configuration stands for, in `dtype`."""
        from inference.base_shapes import DTYPE_BYTES, base_shapes

        shapes, text = base_shapes(config), config.get_text_config()
        output = text.vocab_size * text.hidden_size
        embeddings = output if text.tie_word_embeddings else 2 * output
        head_size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        return cls(
            layer_parameters=shapes.parameters - embeddings,
            output_parameters=output,
            kv_bytes_per_token=shapes.kv_bytes_per_token(dtype),
            attention_width=text.num_hidden_layers * text.num_attention_heads * head_size,
            weight_bytes=DTYPE_BYTES[dtype],
        )

    @property
    def step_bytes(self) -> int:
        """Bytes of the weights that every step reads."""
        return (self.layer_parameters + self.output_parameters) * self.weight_bytes

    def as_record(self) -> dict[str, int]:
        """Returns the fields."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class DeviceRates:
    """What a device was seen to reach.

    Attributes:
        name: of the device.
        bytes_per_s: of a large copy.
        flops_per_s: of a large matrix product in the dtype of the comparison.
    """

    name: str
    bytes_per_s: float
    flops_per_s: float

    def best_of(self, other: Self) -> Self:
        """Returns the higher of each rate: whatever else a shared machine does can only lower them."""
        return replace(
            self,
            bytes_per_s=max(self.bytes_per_s, other.bytes_per_s),
            flops_per_s=max(self.flops_per_s, other.flops_per_s),
        )


def least_seconds(
    work: ModelWork, rates: DeviceRates, prompt_tokens: Sequence[int], output_tokens: Sequence[int], concurrency: int
) -> float:
    """Returns the least time in which the requests can be answered.

    Args:
        work: sizes of the model.
        rates: of the device.
        prompt_tokens, output_tokens: of each request.
        concurrency: most requests under way at once.
    """
    return max(
        num_bytes(work, prompt_tokens, output_tokens, concurrency) / rates.bytes_per_s,
        num_flops(work, prompt_tokens, output_tokens) / rates.flops_per_s,
    )


def num_bytes(work: ModelWork, prompt_tokens: Sequence[int], output_tokens: Sequence[int], concurrency: int) -> int:
    """Returns the bytes that must be read."""
    steps = max(*output_tokens, -(-sum(output_tokens) // concurrency))
    # The first token comes out of reading the prompt; each later one reads what stands before it.
    read = sum(
        sum(range(prompt + 1, prompt + output)) for prompt, output in zip(prompt_tokens, output_tokens, strict=True)
    )
    return steps * work.step_bytes + read * work.kv_bytes_per_token


def num_flops(work: ModelWork, prompt_tokens: Sequence[int], output_tokens: Sequence[int]) -> int:
    """Returns the operations that must be done; a multiplication and an addition are two."""
    total = 0
    for prompt, output in zip(prompt_tokens, output_tokens, strict=True):
        tokens = prompt + output - 1
        total += 2 * tokens * work.layer_parameters + 2 * output * work.output_parameters
        total += 4 * work.attention_width * num_attention_pairs(0, tokens)
    return total
