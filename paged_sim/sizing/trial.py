"""A model on a device, tried out: as far as it works, and why it does not go on from there."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from paged_sim.checks import require, require_integer, require_number
from paged_sim.sizing.cache_dtype import find_cache_dtype
from paged_sim.sizing.capacity import KVCacheCapacity
from paged_sim.sizing.capacity_answers import does_max_model_len_fit
from paged_sim.sizing.device_memory import DEFAULT_UTILIZATION, DeviceMemory, weights_per_device
from paged_sim.sizing.layout import KVCacheLayout
from paged_sim.sizing.model_shape import ModelShape
from paged_sim.sizing.sizes import parse_size


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSettings:
    """What is tried. Each value makes sense by itself; whether all of them go together is what the trial finds out.

    Attributes:
        shape: the model.
        device_memory: of one device, such as "24GiB".
        weights: bytes of all weights; None counts them, which quantised ones do not allow.
        gpu_memory_utilization: share of it that vLLM takes.
        max_model_len: most tokens of a request; None is the model's own.
        prompt: tokens of each prompt.
        output: tokens of each answer.
        kv_cache_dtype: data type of keys and values, or "auto".
        block_size: tokens of a block.
        tensor_parallel_size: devices that share the model.

    Raises:
        ValueError: a value is out of its range.
    """

    shape: ModelShape
    device_memory: str
    weights: int | None = None
    gpu_memory_utilization: float = DEFAULT_UTILIZATION
    max_model_len: int | None = None
    prompt: int = 512
    output: int = 256
    kv_cache_dtype: str = "auto"
    block_size: int = 16
    tensor_parallel_size: int = 1

    def __post_init__(self) -> None:
        require(isinstance(self.device_memory, str), "device_memory", "a size such as 24GiB", self.device_memory)
        require(self.device_bytes > 0, "device_memory", "above 0", self.device_memory)
        if self.weights is not None:
            require_integer("weights", self.weights, 0)
        require_number("gpu_memory_utilization", self.gpu_memory_utilization, 0, 1)
        require(self.gpu_memory_utilization > 0, "gpu_memory_utilization", "above 0", self.gpu_memory_utilization)
        if self.max_model_len is not None:
            require_integer("max_model_len", self.max_model_len, 1)
        find_cache_dtype(self.kv_cache_dtype, self.shape.dtype)
        for field in ("prompt", "output", "block_size", "tensor_parallel_size"):
            require_integer(field, getattr(self, field), 1)

    @property
    def device_bytes(self) -> int:
        """Bytes of one device."""
        return parse_size(self.device_memory, "device_memory")

    @property
    def empty_device(self) -> DeviceMemory:
        """One device before the model is on it."""
        share = self.gpu_memory_utilization
        return DeviceMemory(total=self.device_bytes, weights=0, gpu_memory_utilization=share)

    @property
    def request_len(self) -> int:
        """The `max_model_len` that holds."""
        return self.shape.default_max_model_len if self.max_model_len is None else self.max_model_len


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How far a model on a device gets; what comes after the problem is None.

    Attributes:
        settings: what was tried.
        layout: how the KV cache is cut into blocks.
        weights: bytes of weights on each device.
        device: how its memory is divided.
        capacity: the KV cache that is left.
        requests_at_once: how many run to their end without a preemption.
        requests_on_average: how many fit when each is at another token of its answer.
        problem: a sentence, None if all goes well.
    """

    settings: TrialSettings
    layout: KVCacheLayout | None = None
    weights: int | None = None
    device: DeviceMemory | None = None
    capacity: KVCacheCapacity | None = None
    requests_at_once: int | None = None
    requests_on_average: float | None = None
    problem: str | None = None


def attempt(settings: TrialSettings) -> Trial:
    """Returns how far these settings get."""
    found: dict[str, Any] = {}
    try:
        for name, value in _stages(settings):
            found[name] = value
    except ValueError as error:
        found["problem"] = str(error)
    return Trial(settings=settings, **found)


def _stages(settings: TrialSettings) -> Iterator[tuple[str, Any]]:
    layout = KVCacheLayout(
        shape=settings.shape,
        block_size=settings.block_size,
        kv_cache_dtype=settings.kv_cache_dtype,
        tensor_parallel_size=settings.tensor_parallel_size,
    )
    yield "layout", layout
    weights = weights_per_device(layout, settings.weights)
    yield "weights", weights
    share = settings.gpu_memory_utilization
    device = DeviceMemory(total=settings.device_bytes, weights=weights, gpu_memory_utilization=share)
    yield "device", device
    capacity = KVCacheCapacity(layout=layout, memory=device.kv_cache, max_model_len=settings.request_len)
    yield "capacity", capacity
    if not capacity.fits:
        raise ValueError(does_max_model_len_fit(capacity).text)
    lengths = settings.prompt, settings.output
    yield "requests_at_once", capacity.requests_at_once(*lengths)
    yield "requests_on_average", capacity.requests_on_average(*lengths)
