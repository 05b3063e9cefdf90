"""LoRA on a CPU at usable speed: vLLM's gather-per-token operators replaced by one matrix product per adapter.

vLLM's own CPU operators (`vllm/lora/ops/torch_ops/lora_ops.py`) copy the whole adapter matrix once for every token of
the batch before they multiply: at rank 64 and 32 rows some 2.5 GB of copies a step for a 135M model. Index -1, which
marks rows without an adapter, is an ordinary index there and picks the last slot, so base rows beside adapter rows get
an adapter's answer. Here rows are grouped by adapter once a step, each group is one product over views of the weights,
and rows with index -1 are skipped, as vLLM's GPU kernels do.

vLLM asks its platform for the class that applies LoRA (`CpuPlatform.get_punica_wrapper`): that is where this one is
put in, for the engines that are started afterwards in this process.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
import vllm
from vllm.lora.punica_wrapper.punica_cpu import PunicaWrapperCPU
from vllm.platforms import current_platform

from inference.cpu_lora_weights import PackedLoRA, stack_versions

# vLLM's internals change between releases: only with these was the result compared with the original operators.
TESTED_VLLM_VERSIONS = ("0.32.0",)

Rows = slice | torch.Tensor


def can_install() -> bool:
    """Whether this vLLM computes on a CPU and has a version whose operators were compared with these."""
    return current_platform.is_cpu() and vllm.__version__.split("+")[0] in TESTED_VLLM_VERSIONS


def install() -> None:
    """Makes engines that start in this process from now on use `GroupedPunicaWrapper`."""
    name = f"{GroupedPunicaWrapper.__module__}.{GroupedPunicaWrapper.__qualname__}"
    type(current_platform).get_punica_wrapper = classmethod(lambda cls: name)


def uninstall() -> None:
    """Makes engines that start from now on use vLLM's own class again, for tests and comparisons."""
    name = f"{PunicaWrapperCPU.__module__}.{PunicaWrapperCPU.__qualname__}"
    type(current_platform).get_punica_wrapper = classmethod(lambda cls: name)


def group_rows(indices: Sequence[int]) -> list[tuple[int, Rows]]:
    """Returns (adapter slot, its rows) for each slot present; rows of slot -1 (no adapter) are left out.

    Args:
        indices: adapter slot of each row, -1 for none.

    Returns:
        Rows as a slice where they are one run, which indexes without a copy; as an index tensor otherwise.
    """
    rows: dict[int, list[int]] = {}
    for row, slot in enumerate(indices):
        if slot >= 0:
            rows.setdefault(slot, []).append(row)
    return [(slot, _as_index(numbers)) for slot, numbers in rows.items()]


def _as_index(rows: list[int]) -> Rows:
    one_run = rows[-1] - rows[0] + 1 == len(rows)
    return slice(rows[0], rows[-1] + 1) if one_run else torch.tensor(rows)


class GroupedPunicaWrapper(PunicaWrapperCPU):
    """Applies LoRA with one product per adapter, matrix and layer, instead of one gathered matrix per token."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._packed: dict[tuple[int, int], PackedLoRA] = {}
        self._token_groups: list[tuple[int, Rows]] = []
        self._sampler_groups: list[tuple[int, Rows]] = []

    def update_metadata(self, *arguments: Any, **options: Any) -> None:
        """Takes over which row has which adapter: once a step, for all layers."""
        super().update_metadata(*arguments, **options)
        self._token_groups = group_rows(self.token_lora_indices.tolist())
        self._sampler_groups = group_rows(self.sampler_indices.tolist())

    def add_lora_linear(  # noqa: PLR0917 (vLLM's own signature)
        self,
        y: torch.Tensor,
        x: torch.Tensor,
        lora_a_stacked: tuple[torch.Tensor, ...],
        lora_b_stacked: tuple[torch.Tensor, ...],
        scale: float,
        output_slices: tuple[int, ...],
        *,
        buffer: tuple[torch.Tensor, ...] | None = None,
        **kwargs: Any,
    ) -> None:
        """`y[:, slice i] += scale * x @ A_i.T @ B_i.T` in place, for the rows that have an adapter.

        Args:
            y: (rows, sum of `output_slices`).
            x: (rows, in features).
            lora_a_stacked: for each slice (slots, 1, rank, in features).
            lora_b_stacked: for each slice (slots, 1, slice width, rank).
            scale: 1, unless a caller of its own says otherwise.
            output_slices: width of each slice, such as those of q, k and v.
            buffer: not needed.
            kwargs: vLLM passes none.
        """
        ends = list(accumulate(output_slices))
        for slot, rows in self._token_groups:
            for index, product in self._lora(lora_a_stacked, lora_b_stacked, slot, y.dtype)(x[rows]):
                y[rows, ends[index] - output_slices[index] : ends[index]] += _scaled(product, scale)

    def add_lora_logits(
        self,
        y: torch.Tensor,
        x: torch.Tensor,
        lora_a_stacked: torch.Tensor,
        lora_b_stacked: torch.Tensor,
        scale: float,
        *,
        buffer: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> None:
        """`y += scale * x @ A.T @ B.T` in place, for the sampled rows that have an adapter."""
        for slot, rows in self._sampler_groups:
            for _, product in self._lora((lora_a_stacked,), (lora_b_stacked,), slot, y.dtype)(x[rows]):
                # Adapter and model may pad the vocabulary by different amounts.
                width = min(product.shape[1], y.shape[1])
                y[rows, :width] += _scaled(product[:, :width], scale)

    def add_lora_embedding(
        self, y: torch.Tensor, x: torch.Tensor, lora_b_stacked: torch.Tensor, add_inputs: bool = True, **kwargs: Any
    ) -> None:
        """`y += x @ B.T` in place, for the rows that have an adapter; x holds A's columns of the tokens already."""
        for slot, rows in self._token_groups:
            matrix = lora_b_stacked[slot].flatten(0, -2).to(y.dtype)
            target = y[rows, : matrix.shape[0]]
            product = x[rows].to(y.dtype) @ matrix.t()
            y[rows, : matrix.shape[0]] = target + product if add_inputs else product

    def _lora(self, a: Sequence[torch.Tensor], b: Sequence[torch.Tensor], slot: int, dtype: torch.dtype) -> PackedLoRA:
        """Returns one slot's matrices of one layer, packed on first use and after each change of the stacks."""
        key = (a[0].data_ptr(), slot)
        packed = self._packed.get(key)
        if packed is None or packed.versions != stack_versions([*a, *b]):
            packed = self._packed[key] = PackedLoRA.from_stacks(a, b, slot, dtype)
        return packed


def _scaled(product: torch.Tensor, scale: float) -> torch.Tensor:
    # vLLM folds the adapter's scale into B when it loads it, so that this is 1 and a pass over the product is saved.
    return product if scale == 1 else product * scale
