"""The LoRA matrices of one layer and one adapter, re-ordered once for oneDNN, as vLLM does with the base weights.

torch's own float32 products go to MKL, which re-orders the weights in every call and is slow on CPUs of other makers:
for the bundled model at rank 64 and 32 rows it needs 1.5 times as long, for the 1,100 rows of a prefill twice as long.
"""

from collections.abc import Callable, Sequence
from typing import Self

import torch
from vllm import _custom_ops as vllm_ops

# Primitives that oneDNN keeps for each matrix, one for each number of rows that occurs; vLLM keeps as many.
_KEPT_PRIMITIVES = 32

Product = Callable[[torch.Tensor], torch.Tensor]


def stack_versions(stacks: Sequence[torch.Tensor]) -> tuple[int, ...]:
    """Returns torch's counters of changes in place: vLLM writes a newly loaded adapter into the same stacks."""
    return tuple(stack._version for stack in stacks)


class PackedLoRA:
    """One adapter's matrices for one layer, ready to be multiplied.

    A layer may have several slices, such as q, k and v: they share the input, so their A matrices are one product.

    Attributes:
        versions: `stack_versions` of the stacks when they were packed; other ones mean that this is out of date.
    """

    def __init__(
        self, a: Sequence[torch.Tensor], b: Sequence[torch.Tensor], dtype: torch.dtype, versions: tuple[int, ...]
    ) -> None:
        self.versions = versions
        self._dtype = dtype
        self._rank = a[0].shape[0]
        # What the adapter leaves alone is stored as zeros, such as the output layer.
        self._slices = [index for index, pair in enumerate(zip(a, b, strict=True)) if pair[0].any() and pair[1].any()]
        self._shrink = _product(torch.cat([a[index] for index in self._slices]).float()) if self._slices else None
        self._expand = [_product(b[index].to(dtype)) for index in self._slices]

    @classmethod
    def from_stacks(cls, a: Sequence[torch.Tensor], b: Sequence[torch.Tensor], slot: int, dtype: torch.dtype) -> Self:
        """Packs what one slot of the stacks holds.

        Args:
            a: for each slice (slots, 1, rank, in features).
            b: for each slice (slots, 1, out features, rank).
            slot: the adapter's place in the stacks.
            dtype: the layer's. As in vLLM's own operators, A is applied in float32 and B in this.
        """
        matrices = [[stack[slot].flatten(0, -2) for stack in stacks] for stacks in (a, b)]
        return cls(*matrices, dtype, stack_versions([*a, *b]))

    def __call__(self, inputs: torch.Tensor) -> list[tuple[int, torch.Tensor]]:
        """Returns (slice, inputs @ A.T @ B.T) for each slice that the adapter changes.

        Args:
            inputs: (rows, in features), of any float type.
        """
        if self._shrink is None:
            return []
        hidden = self._shrink(inputs.float()).to(self._dtype).split(self._rank, dim=1)
        return [(index, expand(part)) for index, expand, part in zip(self._slices, self._expand, hidden, strict=True)]


def _product(matrix: torch.Tensor) -> Product:
    """Returns the function x → x @ matrix.T; oneDNN's where it has one for this type on this CPU."""
    try:
        packed = vllm_ops.create_onednn_mm(matrix.t(), _KEPT_PRIMITIVES)
    except (AttributeError, RuntimeError):
        return lambda inputs: inputs @ matrix.t()
    return lambda inputs: vllm_ops.onednn_mm(packed, inputs, None)
