"""Matrix products that count themselves."""

import numpy as np

from paged_sim.kv_cache_arrays import Array
from paged_sim.kv_cache_effect.work import Work


class WorkCounter:
    """Multiplies matrices and adds up what that takes; what is counted is the operands' shapes, not a formula."""

    def __init__(self) -> None:
        self.work = Work()

    def linear(self, inputs: Array, weight: Array) -> Array:
        """Returns `inputs` times a weight matrix."""
        self.work += Work(weight_bytes=weight.nbytes)
        return self._product(inputs, weight)

    def attend(self, left: Array, right: Array) -> Array:
        """Returns `left` times keys or values."""
        self.work += Work(kv_bytes_read=right.nbytes)
        return self._product(left, right)

    def store(self, *arrays: Array) -> None:
        """Counts newly computed keys or values."""
        self.work += Work(kv_bytes_written=sum(array.nbytes for array in arrays))

    def _product(self, left: Array, right: Array) -> Array:
        result = np.matmul(left, right)
        self.work += Work(flops=2 * result.size * left.shape[-1])
        return result
