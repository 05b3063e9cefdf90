"""The cost model with a record's constants gives the steps that the record measured."""

import statistics

import pytest

from benchmarks.step_times import constants, fit_overheads, predicted_s
from benchmarks.stored_results import load
from paged_sim.simulation.devices import Device


@pytest.mark.parametrize("name", ["step_times_cpu", "step_times_h200", "step_times_h200_eager"])
def test_a_records_device_predicts_its_own_steps(name: str) -> None:
    record = load(name)
    samples = {int(job.split()[0]): rates for job, rates in record["tokens_per_second"].items()}
    steps = {batch: statistics.median(batch / rate for rate in rates) for batch, rates in samples.items()}
    assert sorted(steps) == [1, 2, 4, 8, 16, 32]
    predicted = predicted_s(Device(**record["device"]), steps, record["model"])
    for batch, measured in steps.items():
        assert predicted[batch] == pytest.approx(measured, rel=0.2)
    device = record["device"]
    again = constants(steps, device["bytes_per_s"], device["flops_per_s"], record["model"])
    assert again | {"name": device["name"]} == pytest.approx(device)


def test_overheads_are_recovered_beside_the_roofline() -> None:
    bare = {1: 0.005, 8: 0.005, 64: 0.02}
    steps = {batch: seconds + 0.003 + batch * 1e-4 for batch, seconds in bare.items()}
    assert fit_overheads(steps, bare) == pytest.approx((0.003, 1e-4))


def test_no_overhead_is_negative() -> None:
    bare = {1: 0.005, 8: 0.006}
    assert fit_overheads({1: 0.009, 8: 0.0095}, bare) == pytest.approx((0.00375, 0), rel=0.05)
    assert fit_overheads({1: 0.0049, 8: 0.0066}, bare) == pytest.approx((0, 7e-5), rel=0.1)
