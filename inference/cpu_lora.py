"""LoRA on a CPU at usable speed: vLLM's gather-per-token operators replaced by one matrix product per adapter.

vLLM's PyTorch operators (`vllm/lora/ops/torch_ops/lora_ops.py`) copy the whole adapter matrix once for every token of
the batch before they multiply: at rank 64 and 32 rows that is some 2.5 GB of copies a step for a 135M model. Index -1,
which marks rows without an adapter, is used as an ordinary index there and picks the last slot, so base rows beside
adapter rows get an adapter's answer. Here the rows are grouped by adapter, each group is one product over views of the
weights, and rows with index -1 are skipped, as vLLM's GPU kernels do.
"""

import importlib
from collections.abc import Callable, Sequence
from itertools import accumulate
from types import ModuleType

import torch

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
        matrix = _matrix(weights, adapter, output.dtype)[:, : columns.stop - columns.start]
        product = inputs[rows].to(output.dtype) @ matrix
        if not add_inputs:
            output[rows, columns] = product
        elif isinstance(rows, slice):
            output[rows, columns].add_(product)
        else:
            output[rows, columns] += product


def _common_columns(weights: torch.Tensor, output: torch.Tensor) -> slice:
    """Adapter and model may pad the output by different amounts: the columns that both have."""
    return slice(0, min(weights.shape[-2], output.shape[1]))


# The replacements keep the names and the parameters of the originals: vLLM calls them by position and by keyword.


def bgmv_shrink(
    inputs: torch.Tensor,
    lora_b_weights: torch.Tensor,
    output_tensor: torch.Tensor,
    lora_indices_tensor: torch.Tensor,
    scaling: float = 1.0,
) -> None:
    """`output[i] = scaling * A[index[i]] @ inputs[i]` for each row with an adapter; one index a row."""
    _shrink(inputs, lora_b_weights, output_tensor, _rows_of_tokens(lora_indices_tensor), scaling)


def bgmv_expand(
    inputs: torch.Tensor,
    lora_b_weights: torch.Tensor,
    output_tensor: torch.Tensor,
    lora_indices_tensor: torch.Tensor,
    add_inputs: bool = True,
) -> None:
    """`output[i] (+)= B[index[i]] @ inputs[i]` for each row with an adapter; one index a row."""
    columns = _common_columns(lora_b_weights, output_tensor)
    _expand(inputs, lora_b_weights, output_tensor, _rows_of_tokens(lora_indices_tensor), columns, add_inputs)


def bgmv_expand_slice(
    inputs: torch.Tensor,
    lora_b_weights: torch.Tensor,
    output_tensor: torch.Tensor,
    lora_indices_tensor: torch.Tensor,
    slice_offset: int,
    slice_size: int,
    add_inputs: bool = True,
) -> None:
    """`bgmv_expand` into `slice_size` columns of the output, from `slice_offset` on."""
    columns = slice(slice_offset, slice_offset + slice_size)
    _expand(inputs, lora_b_weights, output_tensor, _rows_of_tokens(lora_indices_tensor), columns, add_inputs)


def sgmv_shrink(
    inputs: torch.Tensor,
    lora_a_weights: torch.Tensor,
    output_tensor: torch.Tensor,
    b_seq_start_loc: torch.Tensor,
    seq_len_tensor: torch.Tensor,
    lora_indices_tensor: torch.Tensor,
    batches: int,
    max_seq_length: int,
    token_nums: int,
    scaling: float,
) -> None:
    """`bgmv_shrink` with one index for each run of `seq_len_tensor` rows."""
    groups = group_rows(lora_indices_tensor.tolist(), seq_len_tensor.tolist())
    _shrink(inputs, lora_a_weights, output_tensor, groups, scaling)


def sgmv_expand(
    inputs: torch.Tensor,
    lora_b_weights: torch.Tensor,
    output_tensor: torch.Tensor,
    b_seq_start_loc: torch.Tensor,
    seq_len_tensor: torch.Tensor,
    lora_indices_tensor: torch.Tensor,
    batches: int,
    max_seq_length: int,
    token_nums: int,
    add_inputs: bool = False,
) -> None:
    """`bgmv_expand` with one index for each run of `seq_len_tensor` rows."""
    groups = group_rows(lora_indices_tensor.tolist(), seq_len_tensor.tolist())
    columns = _common_columns(lora_b_weights, output_tensor)
    _expand(inputs, lora_b_weights, output_tensor, groups, columns, add_inputs)


def sgmv_expand_slice(
    inputs: torch.Tensor,
    lora_b_weights: torch.Tensor,
    output_tensor: torch.Tensor,
    b_seq_start_loc: torch.Tensor,
    seq_len_tensor: torch.Tensor,
    lora_indices_tensor: torch.Tensor,
    batches: int,
    max_seq_length: int,
    token_nums: int,
    slice_offset: int,
    slice_size: int,
    add_inputs: bool = False,
) -> None:
    """`bgmv_expand_slice` with one index for each run of `seq_len_tensor` rows."""
    groups = group_rows(lora_indices_tensor.tolist(), seq_len_tensor.tolist())
    columns = slice(slice_offset, slice_offset + slice_size)
    _expand(inputs, lora_b_weights, output_tensor, groups, columns, add_inputs)


OPERATORS: dict[str, Operator] = {
    operator.__name__: operator
    for operator in (bgmv_shrink, bgmv_expand, bgmv_expand_slice, sgmv_shrink, sgmv_expand, sgmv_expand_slice)
}


def can_install() -> bool:
    """Whether this process runs vLLM on a CPU, in a version whose operators were compared with these."""
    import vllm
    from vllm.platforms import current_platform

    return current_platform.is_cpu() and vllm.__version__.split("+")[0] in TESTED_VLLM_VERSIONS


def install() -> None:
    """Puts the operators in the place of vLLM's in this process; a second call changes nothing."""
    for module in _vllm_modules():
        for name, operator in OPERATORS.items():
            _originals.setdefault((module.__name__, name), getattr(module, name))
            setattr(module, name, operator)


def uninstall() -> None:
    """Gives vLLM its own operators back, for tests and comparisons."""
    for module in _vllm_modules():
        for name in OPERATORS:
            if (module.__name__, name) in _originals:
                setattr(module, name, _originals[module.__name__, name])


def _vllm_modules() -> list[ModuleType]:
    return [importlib.import_module(name) for name in _MODULES]
