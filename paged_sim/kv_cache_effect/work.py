"""Work: operations, and the bytes that have to come from memory or go there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """Work of one or several passes through a model.

    Attributes:
        flops: floating-point operations of all matrix products; a multiplication and an addition are two. Norms,
            softmax, rotary embedding and activation functions are left out: they add about a hundredth.
        weight_bytes: weight matrices, read once in every pass.
        kv_bytes_read: keys and values that attention reads.
        kv_bytes_written: keys and values that were computed.
    """

    flops: int = 0
    weight_bytes: int = 0
    kv_bytes_read: int = 0
    kv_bytes_written: int = 0

    def __add__(self, other: "Work") -> "Work":
        return Work(
            self.flops + other.flops,
            self.weight_bytes + other.weight_bytes,
            self.kv_bytes_read + other.kv_bytes_read,
            self.kv_bytes_written + other.kv_bytes_written,
        )

    @property
    def bytes_moved(self) -> int:
        """All bytes: weights, and keys and values."""
        return self.weight_bytes + self.kv_bytes_read + self.kv_bytes_written

    @property
    def flops_per_byte(self) -> float:
        """Arithmetic intensity; a machine that can do more operations per byte than this waits for its memory."""
        return self.flops / self.bytes_moved
