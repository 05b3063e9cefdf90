"""What a key or a value takes in the KV cache, by data type.

The names are those of vLLM's `--dtype` and `--kv-cache-dtype`. Types whose size depends on the attention kernel
(NVFP4, TurboQuant, the FP8 layout of sparse MLA) are not here.
"""

from dataclasses import dataclass

from paged_sim.checks import require

MODEL_DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True, slots=True)
class CacheDtype:
    """How a vector of one head and one token is stored.

    Attributes:
        name: vLLM's name.
        value_bits: bits of each value.
        scale_bytes: bytes of the scale that goes with each vector; 0 where a scale serves the whole tensor.
    """

    name: str
    value_bits: int
    scale_bytes: int = 0

    def key_and_value_bytes(self, head_size: int) -> int:
        """Returns the bytes of the key and the value of one head and one token."""
        return 2 * (head_size * self.value_bits // 8 + self.scale_bytes)

    def latent_bytes(self, size: int) -> int:
        """Returns the bytes of the latent vector that MLA stores for one token.

        It has no value beside it, yet vLLM keeps room for two scales (`MLACommonBackend.customize_spec`).
        """
        return size * self.value_bits // 8 + 2 * self.scale_bytes


# vLLM: STR_DTYPE_TO_TORCH_DTYPE, and TritonAttentionBackend.customize_spec for the scales.
_CACHE_DTYPES = [CacheDtype(name, 8 * size) for name, size in MODEL_DTYPE_BYTES.items()]
_CACHE_DTYPES += [CacheDtype(name, 8) for name in ("fp8", "fp8_e4m3", "fp8_e5m2")]
_CACHE_DTYPES += [CacheDtype(name, 8, scale_bytes=4) for name in ("int8_per_token_head", "fp8_per_token_head")]
_CACHE_DTYPES += [CacheDtype("int4_per_token_head", 4, scale_bytes=4)]
CACHE_DTYPES = {dtype.name: dtype for dtype in _CACHE_DTYPES}


def find_cache_dtype(name: str, model_dtype: str) -> CacheDtype:
    """Returns a data type of the KV cache.

    Args:
        name: a name in `CACHE_DTYPES`, or "auto" for the type of the model.
        model_dtype: a name in `MODEL_DTYPE_BYTES`.

    Raises:
        ValueError: the name is unknown.
    """
    require(name in ("auto", *CACHE_DTYPES), "kv_cache_dtype", f"auto or one of {', '.join(CACHE_DTYPES)}", name)
    return CACHE_DTYPES[model_dtype if name == "auto" else name]
