"""LoRA on a CPU at usable speed: vLLM's gather-per-token operators replaced by one matrix product per adapter.

vLLM's PyTorch operators (`vllm/lora/ops/torch_ops/lora_ops.py`) copy the whole adapter matrix once for every token of
the batch before they multiply: at rank 64 and 32 rows that is some 2.5 GB of copies a step for a 135M model. Index -1,
which marks rows without an adapter, is used as an ordinary index there and picks the last slot, so base rows beside
adapter rows get an adapter's answer. Here the rows are grouped by adapter, each group is one product over views of the
weights, and rows with index -1 are skipped, as vLLM's GPU kernels do.
"""

import importlib
import logging
from collections.abc import Callable, Sequence
from itertools import accumulate
from types import ModuleType

import torch

logger = logging.getLogger(__name__)

# Internal operators change between releases: only these were compared with the originals.
TESTED_VLLM_VERSIONS = ("0.32.0",)
_MODULES = ("vllm.lora.ops.torch_ops.lora_ops", "vllm.lora.ops.torch_ops", "vllm.lora.punica_wrapper.punica_cpu")

Rows = slice | torch.Tensor
Operator = Callable[..., None]
_originals: dict[tuple[str, str], Operator] = {}


def group_rows(adapters: Sequence[int], lengths: Sequence[int]) -> list[tuple[int, Rows]]:
    """Returns (adapter slot, its rows) for each slot present; slot -1 (no adapter) is left out.

    Args:
        adapters: slot of each run of rows, -1 for none.
        lengths: number of rows of each run, same length as `adapters`.

    Returns:
        Rows as a slice where the slot has one run, which indexes without a copy; as an index tensor otherwise.
    """
    runs: dict[int, list[range]] = {}
    for adapter, end, length in zip(adapters, accumulate(lengths), lengths, strict=True):
        if adapter >= 0:
            runs.setdefault(adapter, []).append(range(end - length, end))
    return [(adapter, _as_rows(spans)) for adapter, spans in runs.items()]


def _as_rows(spans: list[range]) -> Rows:
    if len(spans) == 1:
        return slice(spans[0].start, spans[0].stop)
    return torch.tensor([row for span in spans for row in span])


def _rows_of_tokens(indices: torch.Tensor) -> list[tuple[int, Rows]]:
    adapters, lengths = torch.unique_consecutive(indices, return_counts=True)
    return group_rows(adapters.tolist(), lengths.tolist())


def _matrix(weights: torch.Tensor, adapter: int, dtype: torch.dtype) -> torch.Tensor:
    """The weights of one slot, transposed to (in, out): stacks are (slots, out, in) or (slots, 1, out, in)."""
    weight = weights[adapter]
    return (weight.squeeze(0) if weight.dim() == 3 else weight).to(dtype).t()


def _shrink(
    inputs: torch.Tensor, weights: torch.Tensor, output: torch.Tensor, groups: list[tuple[int, Rows]], scaling: float
) -> None:
    for adapter, rows in groups:
        matrix = _matrix(weights, adapter, output.dtype)
        output[rows, : matrix.shape[1]] = (inputs[rows].to(output.dtype) @ matrix).mul_(scaling)


def _expand(
    inputs: torch.Tensor,
    weights: torch.Tensor,
    output: torch.Tensor,
    groups: list[tuple[int, Rows]],
    columns: slice,
    add_inputs: bool,
) -> None:
    for adapter, rows in groups:
        product = inputs[rows].to(output.dtype) @ _matrix(weights, adapter, output.dtype)
        if not add_inputs:
            output[rows, columns] = product
        elif isinstance(rows, slice):
            output[rows, columns].add_(product)
        else:
            output[rows, columns] += product


def _common_columns(weights: torch.Tensor, output: torch.Tensor) -> slice:
    """Adapter and model may pad the output by different amounts: the columns that both have."""
    return slice(0, min(weights.shape[-2], output.shape[1]))


def bgmv_shrink(inputs, lora_b_weights, output_tensor, lora_indices_tensor, scaling=1.0) -> None:  # type: ignore[no-untyped-def]
    _shrink(inputs, lora_b_weights, output_tensor, _rows_of_tokens(lora_indices_tensor), scaling)
