"""How many engines, with what each."""

import pytest

from batch_inference.errors import BatchError
from batch_inference.placement import Machine, Placement


@pytest.mark.parametrize(
    ("given", "gpus", "cpus", "gpus_each", "cpus_each"),
    [
        (Placement(), 0, 2, 0, 2),
        (Placement(2), 0, 5, 0, 2),
        (Placement(2, cpus_per_replica=1), 0, 8, 0, 1),
        (Placement(2), 2, 32, 1, 1),
        (Placement(2, gpus_per_replica=4), 8, 32, 4, 1),
        (Placement(1, gpus_per_replica=0), 2, 32, 0, 32),
    ],
)
def test_what_is_left_open_is_decided_by_the_machines(given, gpus, cpus, gpus_each, cpus_each):
    decided = given.on([Machine(gpus, cpus)])
    assert (decided.replicas, decided.address) == (given.replicas, given.address)
    assert (decided.gpus_per_replica, decided.cpus_per_replica) == (gpus_each, cpus_each)


@pytest.mark.parametrize(
    ("given", "gpus", "cpus", "text"),
    [
        (
            Placement(3),
            2,
            32,
            r"3 replica\(s\) with 1 GPU\(s\) and 1 CPU core\(s\) each do not fit .*: 2 GPU\(s\) and 32",
        ),
        (
            Placement(1, gpus_per_replica=4),
            2,
            32,
            r"1 replica\(s\) with 4 GPU\(s\) and 1 CPU core\(s\) each do not fit",
        ),
        (Placement(3), 0, 2, r"3 replica\(s\) with 0 GPU\(s\) and 1 CPU core\(s\) each do not fit .* larger cluster"),
    ],
)
def test_more_than_there_is_is_refused(given, gpus, cpus, text):
    with pytest.raises(BatchError, match=text):
        given.on([Machine(gpus, cpus)])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"replicas": 0}, "replicas must be a whole number of at least 1, got 0"),
        ({"replicas": None}, "replicas must be a whole number of at least 1, got None"),
        ({"replicas": True}, "replicas must be a whole number of at least 1, got True"),
        ({"gpus_per_replica": -1}, "gpus_per_replica must be a whole number of at least 0, got -1"),
        ({"cpus_per_replica": 0}, "cpus_per_replica must be a whole number of at least 1, got 0"),
        ({"cpus_per_replica": 1.5}, "cpus_per_replica must be a whole number of at least 1, got 1.5"),
    ],
)
def test_numbers_out_of_range_are_refused(options, text):
    with pytest.raises(BatchError, match=text):
        Placement(**options)


def test_each_engine_gets_what_it_needs_on_one_machine():
    two = [Machine(1, 8), Machine(1, 8)]
    assert Placement(2).on(two).gpus_per_replica == 1
    with pytest.raises(BatchError, match=r"1 replica\(s\) with 2 GPU\(s\)"):
        Placement(1, gpus_per_replica=2).on(two)
    three = [Machine(0, 4)] * 3
    assert [Placement(count).on(three).cpus_per_replica for count in (1, 2, 3, 4, 6, 12)] == [4, 4, 4, 2, 2, 1]
