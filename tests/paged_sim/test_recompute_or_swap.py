"""What preemptions cost, by recomputation and by swapping."""

from dataclasses import replace

import pytest

from paged_sim.paper.preemption_records import PreemptionCounts
from paged_sim.paper.preemption_run import count_preemptions
from paged_sim.paper.recompute_or_swap import OPT_13B_ON_A100, RecoveryCosts
from paged_sim.workload.trace import TraceRequest, request_of_lengths

COSTS = RecoveryCosts(
    num_layers=2,
    num_weights=1000,
    kv_bytes_per_token=100,
    transfer_latency_s=0.5,
    transfer_bytes_per_s=1000.0,
    flops=4000.0,
)
BLOCK_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256]


def trace(num_requests: int = 12) -> list[TraceRequest]:
    return [request_of_lengths(f"{i:03}", 10 + i, 30 + i) for i in range(num_requests)]


def test_costs_by_hand() -> None:
    # 3 blocks of 4 tokens: 3 x 2 x 2 transfers of half a second, and 1200 bytes.
    assert COSTS.transfer_s(3, 4) == pytest.approx(6 + 1.2)
    assert COSTS.recompute_s(10) == pytest.approx(5)
    [time] = COSTS.recovery_times(10, [4])
    assert time == (4, pytest.approx(7.2), pytest.approx(7.2), pytest.approx(5))
    assert time.swap_s == pytest.approx(14.4)
    counts = PreemptionCounts(blocks_swapped_out=2, blocks_swapped_in=1, recomputed_tokens=10)
    assert COSTS.total_s(counts, 4) == pytest.approx(7.2 + 5)


def test_the_shape_of_figure_19() -> None:
    # Section 7.3: swapping suffers from small blocks, recomputing does not see them; at 16 to 64 they are comparable.
    times = OPT_13B_ON_A100.recovery_times(512, BLOCK_SIZES)
    swap = [time.swap_s for time in times]
    assert swap == sorted(swap, reverse=True)
    assert len({time.recompute_s for time in times}) == 1
    recompute = times[0].recompute_s
    assert swap[0] > 4 * recompute
    for time in times:
        if 16 <= time.block_size <= 64:
            assert 0.4 < time.swap_s / recompute < 1


def test_runs_swap_or_recompute() -> None:
    swapping = count_preemptions(trace(), num_slots=200, num_cpu_slots=400, block_size=4)
    assert swapping.num_swaps_out == swapping.num_swaps_in > 0
    assert swapping.blocks_swapped_out == swapping.blocks_swapped_in > swapping.num_swaps_out
    assert (swapping.num_recomputations, swapping.recomputed_tokens) == (0, 0)
    recomputing = count_preemptions(trace(), num_slots=200, num_cpu_slots=0, block_size=4)
    assert recomputing.num_swaps_out == recomputing.blocks_swapped_in == 0
    assert recomputing.recomputed_tokens > recomputing.num_recomputations > 0


def test_large_blocks_are_moved_less_often() -> None:
    moved = [count_preemptions(trace(), 192, 400, size).blocks_swapped_out for size in (1, 4, 16)]
    assert moved[0] > 3 * moved[1] > 9 * moved[2] > 0


def test_a_run_with_room_preempts_nobody() -> None:
    assert count_preemptions(trace(), 10_000, 0) == PreemptionCounts()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("num_layers", 0, "num_layers must be an integer of at least 1, got 0"),
        ("num_weights", 1.5, "num_weights must be an integer of at least 1, got 1.5"),
        ("kv_bytes_per_token", 0, "kv_bytes_per_token must be an integer of at least 1, got 0"),
        ("transfer_latency_s", -1.0, "transfer_latency_s must be a number of at least 0, got -1.0"),
        ("transfer_bytes_per_s", 0, "transfer_bytes_per_s must be above 0, got 0"),
        ("flops", float("nan"), "flops must be a number of at least 0, got nan"),
    ],
)
def test_bad_costs_are_refused(field: str, value: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(COSTS, **{field: value})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 100, 0), "trace must be at least one request"),
        ((trace(1), 0, 0), "num_slots must be an integer of at least 1, got 0"),
        ((trace(1), 100, -1), "num_cpu_slots must be an integer of at least 0, got -1"),
        ((trace(1), 100, 0, 0), "block_size must be an integer of at least 1, got 0"),
        ((trace(1), 20, 0), "small enough for the KV cache of 16 tokens"),
    ],
)
def test_bad_runs_are_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        count_preemptions(*arguments)


def test_bad_sequences_are_refused() -> None:
    with pytest.raises(ValueError, match="num_tokens must be an integer of at least 1, got 0"):
        COSTS.recovery_times(0, [1])
    with pytest.raises(ValueError, match="block_sizes must be an integer of at least 1, got 0"):
        COSTS.recovery_times(1, [1, 0])
