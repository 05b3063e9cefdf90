"""What the KV cache needs to know of a model."""

from dataclasses import dataclass

from paged_sim.checks import require, require_integer
from paged_sim.sizing.cache_dtype import MODEL_DTYPE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """The sizes of a model that decide over its KV cache.

    Attributes:
        name: what messages call it.
        hidden_size: length of a token's vector between the layers; the cache does not depend on it.
        num_heads: attention heads (of queries).
        num_kv_heads: heads of keys and values; 1 with MLA.
        head_size: length of a key, and of a value; with MLA that of the latent vector with its rotary part.
        windows: for each layer its sliding window in tokens, None for full attention.
        default_max_model_len: what vLLM takes when no `max_model_len` is given.
        longest_model_len: the largest `max_model_len` that vLLM accepts.
        dtype: data type in which vLLM runs it by default.
        uses_mla: whether one latent vector stands for all keys and values (DeepSeek).
        num_parameters: weights, each counted once; None if unknown.
        quantization: method with which the weights are quantised, None if they are not.

    Raises:
        ValueError: a value is out of its range; the message names field, rule and value.
    """

    name: str
    hidden_size: int
    num_heads: int
    num_kv_heads: int
    head_size: int
    windows: tuple[int | None, ...]
    default_max_model_len: int
    longest_model_len: int
    dtype: str = "bfloat16"
    uses_mla: bool = False
    num_parameters: int | None = None
    quantization: str | None = None

    def __post_init__(self) -> None:
        for field in ("hidden_size", "num_heads", "num_kv_heads", "head_size", "default_max_model_len"):
            require_integer(field, getattr(self, field), 1)
        require_integer("longest_model_len", self.longest_model_len, self.default_max_model_len)
        require(bool(self.windows), "windows", "at least one layer", self.windows)
        for window in self.windows:
            if window is not None:
                require_integer("window", window, 1)
        require(self.dtype in MODEL_DTYPE_BYTES, "dtype", f"one of {', '.join(MODEL_DTYPE_BYTES)}", self.dtype)
        if self.num_parameters is not None:
            require_integer("num_parameters", self.num_parameters, 1)

    @property
    def num_layers(self) -> int:
        """Layers, each with keys and values of its own."""
        return len(self.windows)

    @property
    def attention(self) -> str:
        """What the layers attend to: "full", "sliding window" or "full and sliding window", and whether through MLA."""
        kinds = sorted({"full" if window is None else "sliding window" for window in self.windows})
        return " and ".join(kinds) + (" (MLA)" if self.uses_mla else "")

    def kv_heads_per_rank(self, tensor_parallel_size: int) -> int:
        """Returns the KV heads that each rank stores: their share, or a copy of one where there are more ranks.

        Raises:
            ValueError: the heads cannot be divided like that.
        """
        require_integer("tensor_parallel_size", tensor_parallel_size, 1)
        rule = f"a divisor of the {self.num_heads} attention heads"
        require(self.num_heads % tensor_parallel_size == 0, "tensor_parallel_size", rule, tensor_parallel_size)
        divides = self.num_kv_heads % tensor_parallel_size == 0 or tensor_parallel_size % self.num_kv_heads == 0
        rule = f"a divisor or a multiple of the {self.num_kv_heads} KV heads"
        require(divides, "tensor_parallel_size", rule, tensor_parallel_size)
        return max(1, self.num_kv_heads // tensor_parallel_size)

    def weights_bytes(self, dtype: str) -> int:
        """Returns the bytes of all weights in a data type.

        Raises:
            ValueError: their number is not known, or they are quantised.
        """
        countable = self.num_parameters is not None and self.quantization is None
        known = "quantised" if self.quantization else "of unknown number"
        require(countable, "weights", f"given as a size, since those of {self.name} are {known}", None)
        return self.num_parameters * MODEL_DTYPE_BYTES[dtype]
