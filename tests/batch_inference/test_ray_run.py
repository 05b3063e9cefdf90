"""Jobs on Ray, started on this machine, with engines without a model: nothing is lost, and nothing is done twice."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from batch_inference.errors import BatchError
from batch_inference.job import BatchJob
from batch_inference.placement import Placement
from batch_inference.run import run_batch
from tests.batch_inference.fake_engine import ENDS_THE_PROCESS, TOO_LONG, start
from tests.batch_inference.job_files import answers_of, question, write_json_lines
from tests.course.lab import wait_for

pytestmark = pytest.mark.slow

ROWS = 40
POISON = 17
LOOPBACK = {"127.0.0.1", "::ffff:127.0.0.1"}
# The job of `killed`, in a process that can be killed; one engine, so that it takes a while.
SCRIPT = """
import sys
from pathlib import Path
from batch_inference.job import BatchJob
from batch_inference.run import run_batch
from tests.batch_inference.fake_engine import start

if __name__ == "__main__":
    run_batch(BatchJob((Path(sys.argv[1]),), Path(sys.argv[2]), rows_per_part=2), start_engine=start)
"""


def rows() -> list:
    texts = [f"question {number}" for number in range(ROWS)]
    texts[5] = f"{TOO_LONG} for the context"
    return [*map(question, texts[:10]), "no JSON", *map(question, texts[11:])]


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> BatchJob:
    """A job whose process was killed in the middle, with SIGKILL."""
    folder = tmp_path_factory.mktemp("job")
    (folder / "script.py").write_text(SCRIPT)
    job = BatchJob((write_json_lines(folder / "in.jsonl", rows()),), folder / "out", rows_per_part=2)
    process = subprocess.Popen(
        [sys.executable, folder / "script.py", *job.inputs, job.output], env=os.environ | {"PYTHONPATH": "."}
    )
    wait_for(lambda: len(list(job.output.glob("part-*"))) >= 3, seconds=120, what="three parts")
    started = psutil.Process(process.pid).children(recursive=True)
    # Ray's own agents take up to two minutes to see that they are alone.
    engines = [child for child in started if child.name().startswith("ray::MapWorker")]
    listening = {one.laddr.ip for child in started for one in child.net_connections("inet") if one.status == "LISTEN"}
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert engines
    assert listening
    assert listening <= LOOPBACK
    wait_for(lambda: not any(map(runs, engines)), seconds=60, what="the end of the engine's process")
    return job


def runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_a_killed_job_goes_on_with_what_is_missing(killed):
    before = {part: (part.stat().st_mtime_ns, part.read_text()) for part in killed.output.glob("part-*")}
    assert 3 <= len(before) < ROWS // 2
    report = run_batch(killed, Placement(2), start_engine=start)
    assert (report.rows, report.missing, report.errors, report.failures) == (ROWS, 0, sum_of_errors(killed, before), [])
    assert report.answered == ROWS - 2 * len(before)
    for part, (written, text) in before.items():
        assert (part.stat().st_mtime_ns, part.read_text()) == (written, text)
    answers = answers_of(killed.output)
    assert [answer["id"] for answer in answers] == [f"in.jsonl:{number}" for number in range(1, ROWS + 1)]
    assert [answer["text"] for answer in answers if answer["text"]] == [
        f"QUESTION {number}" for number in range(ROWS) if number not in (5, 10)
    ]
    assert [answer["id"] for answer in answers if answer["error"]] == ["in.jsonl:6", "in.jsonl:11"]


def refuse(**options) -> None:
    raise ConnectionError("nobody answers")


def sum_of_errors(job: BatchJob, before: dict[Path, tuple[int, str]]) -> int:
    """Errors of the parts that were not there before."""
    return sum(1 for answer in answers_of(job.output) if answer["error"]) - sum(
        '"error": null' not in line for _, text in before.values() for line in text.splitlines()
    )


def test_a_complete_job_starts_nothing(killed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("batch_inference.run.ray_cluster", None)
        report = run_batch(killed, start_engine=start)
    assert (report.answered, report.missing, report.outcomes) == (0, 0, ())
    with pytest.raises(BatchError, match="rows_per_part was 2 and is 3"):
        run_batch(BatchJob(killed.inputs, killed.output, rows_per_part=3), start_engine=start)
    write_json_lines(killed.inputs[0], [*rows(), question("one more")])
    with pytest.raises(BatchError, match=r"holds answers of another job: inputs was \[.*'rows': 40.*'rows': 41"):
        run_batch(killed, start_engine=start)


def test_a_part_that_ends_its_process_each_time_costs_no_other(tmp_path):
    texts = [f"question {number}" for number in range(ROWS)]
    texts[POISON] = ENDS_THE_PROCESS
    job = BatchJob((write_json_lines(tmp_path / "in.jsonl", map(question, texts)),), tmp_path / "out", rows_per_part=5)
    report = run_batch(job, Placement(2), start_engine=start)
    assert (report.answered, report.missing) == (ROWS - 5, 5)
    assert report.failures == [
        "The replica's process ended each of the 2 times that it answered in.jsonl from row 16 on: see Ray's log."
    ]
    with pytest.raises(BatchError, match=r"replica\(s\) with 0 GPU\(s\) and 1 CPU core\(s\) each do not fit"):
        run_batch(
            job,
            Placement(5, cpus_per_replica=1) if len(os.sched_getaffinity(0)) < 5 else Placement(500),
            start_engine=start,
        )


def test_a_cluster_that_is_not_there_is_said(tmp_path, monkeypatch):
    # Whatever cluster may run on this machine.
    monkeypatch.setattr("ray.init", refuse)
    job = BatchJob((write_json_lines(tmp_path / "in.jsonl", [question("Hello")]),), tmp_path / "out")
    with pytest.raises(BatchError, match=r"No Ray cluster answers at 'auto'\. Start one with `ray start --head`"):
        run_batch(job, Placement(address="auto"), start_engine=start)
