"""Replicas of one machine get cores of their own."""

import multiprocessing
import os

import pytest

from batch_inference.cores import claim_cores


def claim(count, folder, connection):
    os.environ["TMPDIR"] = folder
    connection.send((claim_cores(count), sorted(os.sched_getaffinity(0))))
    connection.recv()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_each_process_has_others_until_there_are_no_more(tmp_path):
    context = multiprocessing.get_context("spawn")
    cores = sorted(os.sched_getaffinity(0))
    processes, claimed = [], []
    for count in (1, len(cores), 1):
        ours, theirs = context.Pipe()
        process = context.Process(target=claim, args=(count, str(tmp_path), theirs))
        process.start()
        processes.append((process, ours))
        claimed.append(ours.recv())
    for process, ours in processes:
        ours.send("end")
        process.join()
    # The first has one; the second asks for all, and gets the rest; for the third there is none, so it stays free.
    assert claimed[0] == ((cores[0],), [cores[0]])
    assert claimed[1] == (tuple(cores[1:]), cores[1:])
    assert claimed[2] == ((), cores)
