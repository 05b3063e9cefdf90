"""What of a device's memory is left for keys and values (vLLM: v1/worker/utils.py and gpu_worker.py)."""

import math
from dataclasses import dataclass

from paged_sim.checks import require, require_integer, require_number
from paged_sim.sizing.layer_groups import ceil_div
from paged_sim.sizing.layout import KVCacheLayout
from paged_sim.sizing.sizes import format_size

DEFAULT_UTILIZATION = 0.92


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMemory:
    """The memory of one device, divided.

    Attributes:
        total: bytes of the device.
        weights: bytes of the weights on it.
        other: bytes of activations, CUDA graphs and everything else; vLLM measures them when it starts, and nothing
            but a start of vLLM tells them, so 0 gives an upper bound of the KV cache.
        gpu_memory_utilization: share of the device that vLLM takes, in (0, 1].

    Raises:
        ValueError: a value is out of its range, or nothing is left for keys and values.
    """

    total: int
    weights: int
    other: int = 0
    gpu_memory_utilization: float = DEFAULT_UTILIZATION

    def __post_init__(self) -> None:
        require_integer("total", self.total, 1)
        require_integer("weights", self.weights, 0)
        require_integer("other", self.other, 0)
        require_number("gpu_memory_utilization", self.gpu_memory_utilization, 0.0, 1.0)
        taken = format_size(self.weights + self.other)
        rule = f"above {(self.weights + self.other) / self.total:.3f}, the share of weights and other memory ({taken})"
        require(self.kv_cache > 0, "gpu_memory_utilization", rule, self.gpu_memory_utilization)

    @property
    def requested(self) -> int:
        """Bytes that vLLM takes at start, whatever the load."""
        return math.ceil(self.total * self.gpu_memory_utilization)

    @property
    def kv_cache(self) -> int:
        """Bytes for keys and values."""
        return self.requested - self.weights - self.other

    def utilization_for(self, kv_cache: int) -> float:
        """Returns the share of the device at which that many bytes are left for keys and values; above 1 it lacks."""
        return (kv_cache + self.weights + self.other) / self.total


def weights_per_device(layout: KVCacheLayout, weights: int | None = None) -> int:
    """Returns the bytes of weights on each device, as if tensor parallelism divided all of them.

    Args:
        layout: the model, its data type and the number of devices.
        weights: bytes of all weights; None counts them from their number and the data type of the model.

    Raises:
        ValueError: neither the bytes nor the number is known.
    """
    known = layout.shape.weights_bytes(layout.dtype) if weights is None else weights
    return ceil_div(known, layout.tensor_parallel_size)
