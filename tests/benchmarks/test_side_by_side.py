"""Jobs in turn, medians, records."""

import json
from pathlib import Path

from benchmarks.side_by_side import measure, medians, write_record


def test_jobs_run_in_turn_and_the_first_round_does_not_count() -> None:
    calls: list[str] = []

    def job(name: str) -> int:
        calls.append(name)
        return 10

    samples = measure({"a": lambda: job("a"), "b": lambda: job("b")}, rounds=2)
    assert calls == ["b", "a", "a", "b", "b", "a"]
    assert {name: len(values) for name, values in samples.items()} == {"a": 2, "b": 2}
    assert all(rate > 0 for values in samples.values() for rate in values)


def test_medians_are_of_each_job() -> None:
    assert medians({"a": [1, 9, 2], "b": [4, 6]}) == {"a": 2, "b": 5}


def test_a_record_holds_samples_host_and_versions(tmp_path: Path) -> None:
    write_record(tmp_path / "new" / "r.json", "python -m x", {"a": [1.5]}, prompts=3)
    record = json.loads((tmp_path / "new" / "r.json").read_text())
    assert record["tokens_per_second"] == {"a": [1.5]}
    assert (record["command"], record["prompts"]) == ("python -m x", 3)
    assert set(record["host"]) == {"cpu", "cores", "machine", "python"}
    assert set(record["versions"]) == {"torch", "transformers", "vllm"}
