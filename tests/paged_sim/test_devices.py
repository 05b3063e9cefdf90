"""Devices of the cost model: presets, records, rooflines by hand."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from paged_sim.simulation.devices import DEVICES, Device, find_device

PLAIN = {"name": "x", "bytes_per_s": 1e12, "flops_per_s": 1e14, "step_overhead_s": 1e-3}


# 80 % of the bandwidth and 60 % of the dense 16-bit rate of NVIDIA's data sheets: 1.555, 2.039, 3.35, 4.8 and 0.3 TB/s,
# 312, 312, 989, 989 and 121 TFLOP/s.
REACHED = {
    "A100-40GB": (1.244e12, 187.2e12),
    "A100-80GB": (1.6312e12, 187.2e12),
    "H100": (2.68e12, 593.4e12),
    "H200": (3.84e12, 593.4e12),
    "L4": (0.24e12, 72.6e12),
}


@pytest.mark.parametrize("name", REACHED)
def test_presets_reach_a_share_of_their_data_sheets(name: str) -> None:
    device = find_device(name)
    assert device.name == name
    assert (device.bytes_per_s, device.flops_per_s) == pytest.approx(REACHED[name])
    # A millisecond a step and five microseconds a sequence.
    assert (device.step_overhead_s, device.seq_overhead_s) == (0.001, 0.000005)


def test_there_are_no_other_presets() -> None:
    assert list(DEVICES) == list(REACHED)


@pytest.mark.parametrize("name", ["h200", "H200", "a100-80gb"])
def test_presets_are_found_whatever_their_case(name: str) -> None:
    assert find_device(name).name == name.upper()


def test_a_decode_step_of_a_preset_by_hand() -> None:
    # 8 billion weights of 2 bytes and 10,000 tokens of 128 KiB at 2.68 TB/s, 64 sequences: 1 + 5.970 + 0.489 + 0.32 ms.
    cost = DEVICES["H100"].cost_model(num_parameters=8 * 10**9, kv_bytes_per_token=2**17, attention_width=32 * 4096)
    assert cost.step_time_ps(64, 64, 10_000, 10_000) / 1e9 == pytest.approx(7.779, abs=0.001)
    # A prompt of 8,192 tokens is limited by 593.4 TFLOP/s: 220.9 ms for the weights, 29.6 ms for its pairs.
    pairs = 8192 * 8193 // 2
    assert cost.step_time_ps(8192, 1, 8192, pairs) / 1e9 == pytest.approx(1 + 0.005 + 220.88 + 29.65, abs=0.02)


def test_a_record_gives_a_device(tmp_path: Path) -> None:
    record = tmp_path / "limits.json"
    record.write_text(json.dumps({"device": PLAIN, "command": "…"}))
    assert find_device(str(record)) == Device(**PLAIN)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "device must be a preset (A100-40GB, A100-80GB, H100, H200, L4) or a record's file"),
        ("[]", 'device must be a record with "device": {'),
        (json.dumps({"device": {"name": "x"}}), "device must be a record that has bytes_per_s, flops_per_s"),
        (json.dumps({"device": PLAIN | {"colour": 1}}), 'device must be a record with "device": {'),
        (json.dumps({"device": PLAIN | {"bytes_per_s": 0}}), "bytes_per_s must be above 0, got 0"),
        (json.dumps({"device": PLAIN | {"step_overhead_s": -1}}), "step_overhead_s must be a number of at least 0"),
    ],
)
def test_what_is_no_device_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "record.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=re.escape(message)):
        find_device(str(path))


def test_a_roofline_by_hand() -> None:
    cost: Any = Device(**PLAIN, seq_overhead_s=1e-6).cost_model(
        num_parameters=10**9, kv_bytes_per_token=10**5, attention_width=10**5
    )
    assert (cost.step_ps, cost.seq_ps) == (10**9, 10**6)
    # 2 GB at 1 TB/s; 100 KB at 1 TB/s; 2 GFLOP at 100 TFLOP/s; 0.4 MFLOP at 100 TFLOP/s.
    assert (cost.weights_ps, cost.kv_token_ps, cost.token_ps, cost.pair_ps) == (2 * 10**9, 10**5, 2 * 10**7, 4000)
