"""How the KV cache of a model is cut into blocks: bytes of a block, and blocks of a request."""

from dataclasses import dataclass, field

from paged_sim.checks import require, require_integer
from paged_sim.sizing.cache_dtype import MODEL_DTYPE_BYTES, CacheDtype, find_cache_dtype
from paged_sim.sizing.layer_groups import LayerGroup, ceil_div, layer_groups
from paged_sim.sizing.model_shape import ModelShape

# Two steps (the running one and the one that async scheduling has prepared) of 8,192 tokens, vLLM's default for
# `LLM` on a GPU below 70 GiB.
DEFAULT_TOKENS_IN_FLIGHT = 2 * 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class KVCacheLayout:
    """The KV cache of one device.

    Attributes:
        shape: the model.
        block_size: tokens of a block; vLLM's default is 16, on CPU 128, and some attention kernels ask for more.
        dtype: data type of the model, a name in `MODEL_DTYPE_BYTES`; "auto" is that of its `config.json`.
        kv_cache_dtype: data type of keys and values, a name in `CACHE_DTYPES`; "auto" is that of the model.
        tensor_parallel_size: devices that share the heads of each layer.
        max_in_flight_tokens: tokens that may be scheduled and not yet computed; matters to sliding windows only.

    Raises:
        ValueError: a value is out of its range, or the heads cannot be divided among the devices.
    """

    shape: ModelShape
    block_size: int = 16
    dtype: str = "auto"
    kv_cache_dtype: str = "auto"
    tensor_parallel_size: int = 1
    max_in_flight_tokens: int = DEFAULT_TOKENS_IN_FLIGHT
    cache_dtype: CacheDtype = field(init=False)
    groups: tuple[LayerGroup, ...] = field(init=False)
    num_kv_heads: int = field(init=False)

    def __post_init__(self) -> None:
        require_integer("block_size", self.block_size, 1)
        require_integer("max_in_flight_tokens", self.max_in_flight_tokens, 1)
        names = ("auto", *MODEL_DTYPE_BYTES)
        require(self.dtype in names, "dtype", f"one of {', '.join(names)}", self.dtype)
        if self.dtype == "auto":
            object.__setattr__(self, "dtype", self.shape.dtype)
        object.__setattr__(self, "cache_dtype", find_cache_dtype(self.kv_cache_dtype, self.dtype))
        object.__setattr__(self, "num_kv_heads", self.shape.kv_heads_per_rank(self.tensor_parallel_size))
        object.__setattr__(self, "groups", layer_groups(self.shape.windows))

    @property
    def bytes_per_token_and_layer(self) -> int:
        """Keys and values of one token in one layer on one device."""
        if self.shape.uses_mla:
            return self.cache_dtype.latent_bytes(self.shape.head_size)
        return self.num_kv_heads * self.cache_dtype.key_and_value_bytes(self.shape.head_size)

    @property
    def bytes_per_token(self) -> int:
        """Keys and values of one token in all layers on one device, while no window has passed it."""
        return self.shape.num_layers * self.bytes_per_token_and_layer

    @property
    def page_bytes(self) -> int:
        """One block of one layer (vLLM: `page_size_bytes`)."""
        return self.block_size * self.bytes_per_token_and_layer

    @property
    def bytes_per_block(self) -> int:
        """One block of the pool: the pages of as many layers as the largest group has."""
        return max(group.num_layers for group in self.groups) * self.page_bytes

    @property
    def is_mixed(self) -> bool:
        """Whether requests have several block tables, since the layers are of several kinds."""
        return len(self.groups) > 1

    def blocks_at_start_up(self, max_model_len: int) -> int:
        """Returns the blocks that vLLM counts for one request of the greatest length."""
        require_integer("max_model_len", max_model_len, 1)
        return sum(
            group.blocks_at_start_up(max_model_len, self.block_size, self.max_in_flight_tokens) for group in self.groups
        )

    def blocks_of_request(self, num_tokens: int) -> int:
        """Returns the most blocks that a request holds until that many of its tokens are computed."""
        require_integer("num_tokens", num_tokens, 1)
        all_tokens = ceil_div(num_tokens, self.block_size)
        return sum(
            min(all_tokens, group.blocks_at_start_up(num_tokens, self.block_size, self.max_in_flight_tokens))
            for group in self.groups
        )

    def memory_for_max_model_len(self, max_model_len: int) -> int:
        """Returns the least bytes with which vLLM starts: one request of that length, and the null block."""
        return (self.blocks_at_start_up(max_model_len) + 1) * self.bytes_per_block

    def memory_for_requests(self, num_requests: int, prompt: int, output: int) -> int:
        """Returns the bytes in which that many requests fit at once to their end, the null block included.

        Args:
            num_requests: at least 1.
            prompt: tokens of each prompt, at least 1.
            output: tokens of each answer, at least 1.
        """
        require_integer("num_requests", num_requests, 1)
        blocks = num_requests * self.blocks_of_request(computed_tokens(prompt, output))
        return (blocks + 1) * self.bytes_per_block


def computed_tokens(prompt: int, output: int) -> int:
    """Returns the tokens of a finished request that were given keys and values: all but the last of the answer.

    Args:
        prompt: tokens of the prompt, at least 1.
        output: tokens of the answer, at least 1.
    """
    require_integer("prompt", prompt, 1)
    require_integer("output", output, 1)
    return prompt + output - 1
