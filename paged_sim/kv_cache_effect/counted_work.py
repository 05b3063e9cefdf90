"""Operations and bytes of generating text, as closed forms.

Four totals decide everything (`Passes`). All pairs of a query and a key count, also those that the causal mask hides: a
plain implementation computes them and throws them away.

The t-th token (from 0) after a prompt of p comes from a text of p + t tokens. Without a cache all of them are new; with
a cache only one is, but for the first pass, the prefill. The last token is never sent through the model.
"""

from dataclasses import dataclass

from paged_sim.checks import require_integer
from paged_sim.kv_cache_effect.model_shape import ModelShape
from paged_sim.kv_cache_effect.work import Work

FLOAT32_BYTES = 4


@dataclass(frozen=True, slots=True)
class Passes:
    """Totals of some passes through a model; one over `new` tokens of a text of `seq` adds 1, new, seq, new x seq.

    Attributes:
        count: how many passes there are; each reads all weights and ends with the logits of one token.
        new_tokens: tokens that go through the model.
        seq_tokens: tokens that attention looks at.
        pairs: of a query and a key.
    """

    count: int
    new_tokens: int
    seq_tokens: int
    pairs: int


def pass_work(shape: ModelShape, new_tokens: int, seq_len: int, bytes_per_value: int = FLOAT32_BYTES) -> Work:
    """Returns the work of one pass, which ends with the logits of its last token.

    Args:
        shape: of the model.
        new_tokens: tokens that go through the model, at least 1.
        seq_len: tokens that they attend to, themselves included, at least `new_tokens`.
        bytes_per_value: bytes of a weight, key or value, at least 1.

    Raises:
        ValueError: a value is out of its range.
    """
    require_integer("new_tokens", new_tokens, 1)
    require_integer("seq_len", seq_len, new_tokens)
    return _work(shape, Passes(1, new_tokens, seq_len, new_tokens * seq_len), bytes_per_value)


def token_work(
    shape: ModelShape, prompt_tokens: int, index: int, use_cache: bool, bytes_per_value: int = FLOAT32_BYTES
) -> Work:
    """Returns the work of one generated token: constant but for attention with a cache, linear and more without.

    Args:
        shape: of the model.
        prompt_tokens: length of the prompt, at least 1.
        index: which token, from 0; with a cache, token 0 costs the prefill.
        use_cache: whether the keys and values of earlier passes were kept.
        bytes_per_value: bytes of a weight, key or value, at least 1.

    Raises:
        ValueError: a value is out of its range.
    """
    require_integer("prompt_tokens", prompt_tokens, 1)
    require_integer("index", index, 0)
    seq_len = prompt_tokens + index
    return pass_work(shape, 1 if use_cache and index else seq_len, seq_len, bytes_per_value)


def generation_work(
    shape: ModelShape, prompt_tokens: int, new_tokens: int, use_cache: bool, bytes_per_value: int = FLOAT32_BYTES
) -> Work:
    """Returns the work of all tokens of an answer: the sum of `token_work`, in one formula.

    Args:
        shape: of the model.
        prompt_tokens: length of the prompt, at least 1.
        new_tokens: length of the answer, at least 1.
        use_cache: whether keys and values are kept from pass to pass.
        bytes_per_value: bytes of a weight, key or value, at least 1.

    Raises:
        ValueError: a value is out of its range.
    """
    require_integer("prompt_tokens", prompt_tokens, 1)
    require_integer("new_tokens", new_tokens, 1)
    p, n = prompt_tokens, new_tokens
    seq_tokens = n * p + n * (n - 1) // 2
    if use_cache:
        return _work(shape, Passes(n, p + n - 1, seq_tokens, p * p + seq_tokens - p), bytes_per_value)
    pairs = n * p * p + p * n * (n - 1) + (n - 1) * n * (2 * n - 1) // 6
    return _work(shape, Passes(n, seq_tokens, seq_tokens, pairs), bytes_per_value)


def kv_cache_bytes(shape: ModelShape, num_tokens: int, bytes_per_value: int = FLOAT32_BYTES) -> int:
    """Returns the memory that the keys and values of this many tokens take, at least 0.

    Raises:
        ValueError: a value is out of its range.
    """
    require_integer("num_tokens", num_tokens, 0)
    require_integer("bytes_per_value", bytes_per_value, 1)
    return num_tokens * shape.kv_values_per_token * bytes_per_value


def _work(shape: ModelShape, passes: Passes, bytes_per_value: int) -> Work:
    products = passes.new_tokens * shape.num_layers * shape.layer_weights + passes.count * shape.head_weights
    # A pair's score takes a multiply-add for each number of the query, and its part of the weighted sum as many.
    attention = passes.pairs * shape.num_layers * 2 * shape.query_size
    weights = shape.num_layers * shape.layer_weights + shape.head_weights
    return Work(
        flops=2 * (products + attention),
        weight_bytes=passes.count * weights * bytes_per_value,
        kv_bytes_read=kv_cache_bytes(shape, passes.seq_tokens, bytes_per_value),
        kv_bytes_written=kv_cache_bytes(shape, passes.new_tokens, bytes_per_value),
    )
