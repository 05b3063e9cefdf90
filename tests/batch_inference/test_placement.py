"""How many engines, with what each."""

import pytest

from batch_inference.errors import BatchError
from batch_inference.placement import Placement


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
    decided = given.on(gpus, cpus)
    assert (decided.replicas, decided.address) == (given.replicas, given.address)
    assert (decided.gpus_per_replica, decided.cpus_per_replica) == (gpus_each, cpus_each)


@pytest.mark.parametrize(
    ("given", "gpus", "cpus", "text"),
    [
        (Placement(3), 2, 32, r"3 replica\(s\) with 1 GPU\(s\) each need 3, and there are 2\. Ask for fewer, or give"),
        (Placement(1, gpus_per_replica=4), 2, 32, r"1 replica\(s\) with 4 GPU\(s\) each need 4, and there are 2\."),
        (Placement(3), 0, 2, r"3 replica\(s\) with 1 CPU core\(s\) each need 3, and there are 2\."),
    ],
)
def test_more_than_there_is_is_refused(given, gpus, cpus, text):
    with pytest.raises(BatchError, match=text):
        given.on(gpus, cpus)


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
