"""The grouped operators give what vLLM's own give, bit for bit on whole numbers, and leave other rows alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm.lora.layers.utils import LoRAMapping
from vllm.lora.punica_wrapper.punica_cpu import PunicaWrapperCPU
from vllm.platforms import current_platform
from vllm.utils.import_utils import resolve_obj_by_qualname

from inference import cpu_lora, cpu_lora_weights
from inference.cpu_lora import GroupedPunicaWrapper, group_rows

MOST_ROWS = 80
DTYPES = [torch.float32, torch.bfloat16]


def wrapper_for(kind: type[PunicaWrapperCPU], indices: Sequence[int], *, prefill: bool = False) -> Any:
    """Returns a wrapper that was told each row's slot as the engine does, by adapter ids: 0 for none, slot + 10."""
    wrapper = kind(MOST_ROWS, MOST_ROWS, device="cpu")
    tell(wrapper, indices, prefill=prefill)
    return wrapper


def tell(wrapper: PunicaWrapperCPU, indices: Sequence[int], *, prefill: bool = False) -> None:
    """Tells a wrapper each row's slot."""
    ids = tuple(slot + 10 if slot >= 0 else 0 for slot in indices)
    wrapper.update_metadata(LoRAMapping(ids, ids, prefill), [10, 11, 12, 13], max_loras=4, vocab_size=100)


@dataclass
class Case:
    """Rows, slots and matrices of one layer, all of small whole numbers, so that every sum is exact."""

    indices: list[int]
    slots: int
    rank: int
    inputs: int
    widths: list[int]
    dtype: torch.dtype
    scale: float
    prefill: bool
    seed: int
    zeros: float = 0.2

    def __post_init__(self) -> None:
        self._generator = torch.Generator().manual_seed(self.seed)
        self.a = tuple(self.numbers(self.slots, 1, self.rank, self.inputs) for _ in self.widths)
        self.b = tuple(self.numbers(self.slots, 1, width, self.rank) for width in self.widths)
        for stacks in (self.a, self.b):
            for stack in stacks:
                # What an adapter leaves alone is zero.
                stack[torch.rand(self.slots, generator=self._generator) < self.zeros] = 0
        self.x = self.numbers(len(self.indices), self.inputs)
        self.y = self.numbers(len(self.indices), sum(self.widths))
        self.has_adapter = torch.tensor(self.indices) >= 0

    def numbers(self, *shape: int) -> torch.Tensor:
        """Returns numbers from -1, 0 and 1."""
        return torch.randint(-1, 2, shape, generator=self._generator).to(self.dtype)

    def wrappers(self) -> tuple[Any, Any]:
        """Returns this project's wrapper and vLLM's own."""
        kinds = (GroupedPunicaWrapper, PunicaWrapperCPU)
        ours, stock = (wrapper_for(kind, self.indices, prefill=self.prefill) for kind in kinds)
        return ours, stock

    def require_same(self, ours: torch.Tensor, stock: torch.Tensor, before: torch.Tensor) -> None:
        """Rows with an adapter are vLLM's, those without are as before: vLLM gives them the last slot's answer."""
        torch.testing.assert_close(ours[self.has_adapter], stock[self.has_adapter], rtol=0, atol=0)
        torch.testing.assert_close(ours[~self.has_adapter], before[~self.has_adapter], rtol=0, atol=0)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draws a layer and a batch."""
    slots = draw(st.integers(1, 4))
    return Case(
        indices=draw(st.lists(st.integers(-1, slots - 1), min_size=1, max_size=MOST_ROWS)),
        slots=slots,
        rank=draw(st.sampled_from([8, 16, 32, 64])),
        inputs=draw(st.integers(1, 96)),
        widths=draw(st.lists(st.integers(1, 80), min_size=1, max_size=3)),
        dtype=draw(st.sampled_from(DTYPES)),
        scale=draw(st.sampled_from([1.0, 0.5, 2.0])),
        prefill=draw(st.booleans()),
        seed=draw(st.integers(0, 2**32)),
    )


def example(indices: list[int], dtype: torch.dtype = torch.float32, widths: Sequence[int] = (24, 8, 8)) -> Case:
    """Returns a case of fixed size."""
    return Case(indices, 3, 16, 32, list(widths), dtype, 1.0, False, 5, zeros=0)


def linear(wrapper: Any, case: Case) -> torch.Tensor:
    """Returns what add_lora_linear makes of the case's output."""
    y = case.y.clone()
    wrapper.add_lora_linear(y, case.x, case.a, case.b, case.scale, tuple(case.widths))
    return y


many = settings(max_examples=40, deadline=None)


# The same as vLLM's own


@given(case=cases())
@many
def test_linear_layers_are_as_vllms_own(case: Case):
    ours, stock = case.wrappers()
    case.require_same(linear(ours, case), linear(stock, case), case.y)


@given(case=cases())
@many
def test_linear_layers_are_the_sum_that_lora_is_defined_by(case: Case):
    result = linear(case.wrappers()[0], case).float()
    expected = case.y.clone().float()
    ends = list(accumulate(case.widths))
    for row, slot in enumerate(case.indices):
        for a, b, width, end in zip(case.a, case.b, case.widths, ends, strict=True):
            if slot >= 0:
                hidden = a[slot, 0].float() @ case.x[row].float()
                expected[row, end - width : end] += case.scale * (b[slot, 0].float() @ hidden)
    exact = case.dtype == torch.float32
    torch.testing.assert_close(result, expected, rtol=0 if exact else 2**-6, atol=0 if exact else 0.5)


@given(case=cases(), padding=st.integers(-3, 3))
@many
def test_logits_are_as_vllms_own_also_where_the_vocabularies_are_padded_differently(case: Case, padding: int):
    y = case.numbers(len(case.indices), max(1, case.widths[0] + padding))
    ours, stock = (y.clone(), y.clone())
    for wrapper, target in zip(case.wrappers(), (ours, stock), strict=True):
        wrapper.add_lora_logits(target, case.x, case.a[0], case.b[0], case.scale)
    case.require_same(ours, stock, y)


@given(case=cases(), add_inputs=st.booleans())
@many
def test_embeddings_are_as_vllms_own(case: Case, add_inputs: bool):
    x = case.numbers(len(case.indices), case.rank)
    y = case.numbers(len(case.indices), case.widths[0])
    ours, stock = (y.clone(), y.clone())
    for wrapper, target in zip(case.wrappers(), (ours, stock), strict=True):
        wrapper.add_lora_embedding(target, x, case.b[0], add_inputs)
    case.require_same(ours, stock, y)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_without_onednn_the_result_is_the_same(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype):
    def none_here(*arguments: Any) -> None:
        raise RuntimeError("no such primitive")

    case = example([0, 1, 1, -1, 2, 0], dtype)
    with_onednn = linear(case.wrappers()[0], case)
    monkeypatch.setattr(cpu_lora_weights.vllm_ops, "create_onednn_mm", none_here)
    ours, stock = case.wrappers()
    case.require_same(linear(ours, case), linear(stock, case), case.y)
    assert torch.equal(linear(ours, case), with_onednn)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("rows", [1, 5, 80])
def test_ordinary_numbers_at_the_bundled_models_size_are_vllms_own_up_to_rounding(dtype: torch.dtype, rows: int):
    case = Case([row % 3 for row in range(rows)], 3, 64, 576, [576, 192, 192], dtype, 1.0, False, 3)
    for tensor in (*case.a, *case.b, case.x, case.y):
        tensor.copy_(torch.randn(tensor.shape, generator=case._generator) / tensor.shape[-1] ** 0.5)
    ours, stock = (linear(wrapper, case) for wrapper in case.wrappers())
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(ours, stock, rtol=tolerance, atol=tolerance)
    assert not torch.equal(ours, case.y)


# Rows without an adapter


def test_vllms_own_operators_change_rows_without_an_adapter_and_these_do_not():
    case = example([2, -1, 2])
    ours, stock = (linear(wrapper, case) for wrapper in case.wrappers())
    assert torch.equal(ours[1], case.y[1])
    # The reason for this class: if this fails, vLLM was mended.
    assert not torch.equal(stock[1], case.y[1])


@pytest.mark.parametrize("prefill", [False, True])
def test_a_batch_without_any_adapter_stays_as_it_is(prefill: bool):
    case = example([-1, -1, -1, -1])
    wrapper = wrapper_for(GroupedPunicaWrapper, case.indices, prefill=prefill)
    assert torch.equal(linear(wrapper, case), case.y)


def test_a_slot_of_zeros_adds_nothing():
    case = example([1, 1, 0])
    for stack in (*case.a, *case.b):
        stack[1] = 0
    result = linear(case.wrappers()[0], case)
    assert torch.equal(result[:2], case.y[:2])
    assert not torch.equal(result[2], case.y[2])


@pytest.mark.parametrize("zero", [0, 1, 2])
def test_a_slice_that_the_adapter_leaves_alone_stays_and_the_others_change(zero: int):
    case = example([0, 1, 2])
    case.b[zero].zero_()
    changed = (linear(case.wrappers()[0], case) != case.y).split(case.widths, dim=1)
    assert [bool(part.any()) for part in changed] == [index != zero for index in range(3)]


# Changes while the engine runs


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode], ids=["no_grad", "inference_mode"])
@pytest.mark.parametrize("which", ["a", "b", "the last slice"])
def test_an_adapter_written_into_a_slot_is_used_from_the_next_call_on(dtype: torch.dtype, mode: Any, which: str):
    case = example([0, 1, 2, 1, -1], dtype)
    ours, stock = case.wrappers()
    before = linear(ours, case)
    stack = {"a": case.a[0], "b": case.b[0], "the last slice": case.b[-1]}[which]
    new = torch.ones_like(stack[1, 0])
    with mode():
        # As vLLM's set_lora does.
        stack[1, 0, : new.shape[0], : new.shape[1]].copy_(new, non_blocking=True)
    after = linear(ours, case)
    case.require_same(after, linear(stock, case), case.y)
    assert not torch.equal(after[1], before[1])


def test_a_slot_that_is_cleared_adds_nothing_from_the_next_call_on():
    case = example([0, 1])
    ours, _ = case.wrappers()
    linear(ours, case)
    for stack in (*case.a, *case.b):
        stack[1] = 0
    assert torch.equal(linear(ours, case)[1], case.y[1])


def test_unchanged_matrices_are_packed_once(monkeypatch: pytest.MonkeyPatch):
    packed = []
    pack = cpu_lora.PackedLoRA.from_stacks

    def counted(a: Any, b: Any, slot: int, dtype: torch.dtype) -> Any:
        packed.append(slot)
        return pack(a, b, slot, dtype)

    monkeypatch.setattr(cpu_lora.PackedLoRA, "from_stacks", counted)
    case = example([0, 2, 0])
    ours, _ = case.wrappers()
    for _ in range(3):
        linear(ours, case)
    assert packed == [0, 2]


def test_two_layers_of_the_same_shapes_keep_their_own_matrices():
    first, second = example([0, 1, 2]), example([0, 1, 2])
    for stack in (*second.a, *second.b):
        stack.mul_(-1)
        stack[:, :, 0] = 1
    ours, stock = first.wrappers()
    for case in (first, second, first):
        assert torch.equal(linear(ours, case), linear(stock, case))


def test_the_next_step_has_other_rows():
    ours = wrapper_for(GroupedPunicaWrapper, [0, 0, 1])
    for indices in ([1, -1], [2, 2, 2, 0, 1], [-1], [0]):
        case = example(indices)
        tell(ours, indices)
        case.require_same(linear(ours, case), linear(wrapper_for(PunicaWrapperCPU, indices), case), case.y)


def test_logits_go_by_the_requests_and_linear_layers_by_the_tokens():
    wrapper = GroupedPunicaWrapper(MOST_ROWS, MOST_ROWS, device="cpu")
    # Two requests, of three tokens with the adapter in slot 1 and of one token without.
    wrapper.update_metadata(LoRAMapping((11, 11, 11, 0), (11, 0), True), [10, 11, None], 3, 100)
    tokens, requests = example([1, 1, 1, -1]), example([1, -1])
    stock = wrapper_for(PunicaWrapperCPU, [1, 1, 1, -1])
    tokens.require_same(linear(wrapper, tokens), linear(stock, tokens), tokens.y)
    ours, expected = requests.y[:, :24].clone(), requests.y[:, :24].clone()
    wrapper.add_lora_logits(ours, requests.x, requests.a[0], requests.b[0], 1.0)
    stock = wrapper_for(PunicaWrapperCPU, [1, -1])
    stock.add_lora_logits(expected, requests.x, requests.a[0], requests.b[0], 1.0)
    requests.require_same(ours, expected, requests.y[:, :24])


# Rows in groups


@given(indices=st.lists(st.integers(-1, 3), max_size=100))
def test_every_row_with_an_adapter_is_in_its_slots_group_once(indices: list[int]):
    rows = torch.arange(len(indices))
    groups = {slot: rows[where].tolist() for slot, where in group_rows(indices)}
    assert groups == {
        slot: [row for row, own in enumerate(indices) if own == slot] for slot in set(indices) if slot >= 0
    }
    assert len(groups) == len(group_rows(indices))


@given(slots=st.permutations(range(4)), lengths=st.lists(st.integers(1, 9), min_size=4, max_size=4))
def test_rows_in_one_run_are_a_slice(slots: list[int], lengths: list[int]):
    indices = [slot for slot, length in zip(slots, lengths, strict=True) for _ in range(length)]
    ends = list(accumulate(lengths))
    assert group_rows(indices) == [
        (slot, slice(end - length, end)) for slot, length, end in zip(slots, lengths, ends, strict=True)
    ]


@pytest.mark.parametrize("indices", [[], [-1], [-1, -1, -1]])
def test_rows_without_an_adapter_are_in_no_group(indices: list[int]):
    assert group_rows(indices) == []


# Put into vLLM


@pytest.fixture
def _platform_restored() -> Iterator[None]:
    """Gives vLLM's platform its own method back."""
    platform = type(current_platform)
    own = platform.__dict__["get_punica_wrapper"]
    yield
    platform.get_punica_wrapper = own


@pytest.mark.usefixtures("_platform_restored")
def test_vllm_makes_the_installed_class_until_it_is_uninstalled():
    from vllm.lora.punica_wrapper.punica_selector import get_punica_wrapper

    for switch, kind in [
        (cpu_lora.install, GroupedPunicaWrapper),
        (cpu_lora.install, GroupedPunicaWrapper),
        (cpu_lora.uninstall, PunicaWrapperCPU),
        (cpu_lora.install, GroupedPunicaWrapper),
    ]:
        switch()
        assert resolve_obj_by_qualname(current_platform.get_punica_wrapper()) is kind
        assert type(get_punica_wrapper(8, max_batches=8, device="cpu")) is kind


@pytest.mark.parametrize(
    ("version", "expected"),
    [("0.32.0", True), ("0.32.0+cpu", True), ("0.32.1", False), ("0.31.0", False), ("0.33.0.dev1", False)],
)
def test_it_is_for_tested_versions_only(monkeypatch: pytest.MonkeyPatch, version: str, expected: bool):
    monkeypatch.setattr(type(current_platform), "is_cpu", lambda self: True)
    monkeypatch.setattr(cpu_lora.vllm, "__version__", version)
    assert cpu_lora.can_install() is expected


def test_it_is_for_cpus_only(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(type(current_platform), "is_cpu", lambda self: False)
    assert not cpu_lora.can_install()


def test_the_installed_vllm_is_a_tested_version():
    assert cpu_lora.can_install()
