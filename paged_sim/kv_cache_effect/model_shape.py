"""The sizes of a decoder-only model that decide how much it computes and reads."""

from dataclasses import dataclass, fields
from typing import Any, Self

from paged_sim.checks import require, require_integer


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """A decoder in the manner of Llama: grouped-query attention, a gated MLP, no biases.

    Attributes:
        num_layers: decoder layers, at least 1.
        hidden_size: numbers per token between layers, at least 1.
        num_heads: query heads, a multiple of `num_kv_heads`.
        num_kv_heads: heads of keys and values, at least 1.
        head_size: numbers per head, even (rotary embedding turns them in pairs).
        intermediate_size: numbers per token inside the MLP, at least 1.
        vocab_size: different tokens, at least 1.

    Raises:
        ValueError: a value is out of its range; the message names field, rule and value.
    """

    num_layers: int
    hidden_size: int
    num_heads: int
    num_kv_heads: int
    head_size: int
    intermediate_size: int
    vocab_size: int

    def __post_init__(self) -> None:
        for size in fields(self):
            require_integer(size.name, getattr(self, size.name), 1)
        rule = f"a multiple of num_kv_heads, {self.num_kv_heads}"
        require(self.num_heads % self.num_kv_heads == 0, "num_heads", rule, self.num_heads)
        require(self.head_size % 2 == 0, "head_size", "even", self.head_size)

    @classmethod
    def from_config(cls, config: Any) -> Self:
        """Returns the shape that a Transformers configuration of the Llama family describes."""
        return cls(
            num_layers=config.num_hidden_layers,
            hidden_size=config.hidden_size,
            num_heads=config.num_attention_heads,
            num_kv_heads=config.num_key_value_heads,
            head_size=config.head_dim,
            intermediate_size=config.intermediate_size,
            vocab_size=config.vocab_size,
        )

    @property
    def query_size(self) -> int:
        """Numbers in the queries of one token and layer."""
        return self.num_heads * self.head_size

    @property
    def kv_size(self) -> int:
        """Numbers in the keys of one token and layer, and as many in its values."""
        return self.num_kv_heads * self.head_size

    @property
    def layer_weights(self) -> int:
        """Numbers in the weight matrices of one layer: query, key, value, output; gate, up, down."""
        return self.hidden_size * (2 * self.query_size + 2 * self.kv_size + 3 * self.intermediate_size)

    @property
    def head_weights(self) -> int:
        """Numbers in the matrix that turns the last token's hidden numbers into logits."""
        return self.hidden_size * self.vocab_size

    @property
    def kv_values_per_token(self) -> int:
        """Numbers that a KV cache keeps of one token, all layers."""
        return 2 * self.num_layers * self.kv_size
