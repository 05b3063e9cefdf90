"""The simulator's benchmark: summary, tables, and a short comparison with vLLM itself."""

import json

import pytest

from benchmarks import simulator
from benchmarks.__main__ import main
from benchmarks.simulator_growth import measure_here, settings_of
from paged_sim.workload.trace import request_of_lengths
from paged_sim.workload.workloads import workload


def test_the_summary_is_made_of_medians() -> None:
    # 20 tokens a request on average.
    trace = [request_of_lengths("a", 10, 5), request_of_lengths("b", 20, 5)]
    summary = simulator.summarise({"vllm": [1, 2, 30], "step_by_step": [4.0], "leaping": [100, 200, 900]}, trace)
    assert summary == {
        "tokens_per_s": 200,
        "requests_per_s": 10,
        "ratio_vs_vllm": 100,
        "vllm_tokens_per_s": 2,
        "step_by_step_tokens_per_s": 4,
    }


def test_growth_is_measured_in_tokens_seconds_and_memory() -> None:
    point = measure_here(50, enable_caching=True)
    assert point["requests"] == 50
    assert point["tokens"] > 50
    assert point["seconds"] > 0
    assert point["peak_mib"] > 1
    assert "million tokens/s" in simulator.growth_table([{"case": "caching_on", **point}])


@pytest.mark.slow
def test_both_schedulers_decide_alike_on_the_benchmarks_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulator", "--requests", "60", "--rounds", "1", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    for case in ("caching_off", "caching_on"):
        assert summary[case].keys() >= {"tokens_per_s", "requests_per_s", "ratio_vs_vllm"}
        assert summary[case]["ratio_vs_vllm"] > 0


@pytest.mark.slow
def test_a_simulator_that_decides_otherwise_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = simulator.timed_run

    def other_blocks(*arguments: object, **options: object) -> object:
        seconds, result = real(*arguments, **options)
        result.free_block_ids.reverse()
        return seconds, result

    monkeypatch.setattr(simulator, "timed_run", other_blocks)
    with pytest.raises(RuntimeError, match="decisions differ from vLLM's"):
        simulator.compare(list(workload("sharegpt", 10)), settings_of(8) | {"enable_caching": False}, rounds=1)
