"""Devices of the cost model: presets, records, rooflines by hand."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from paged_sim.simulation.devices import DEVICES, Device, find_device

PLAIN = {"name": "x", "bytes_per_s": 1e12, "flops_per_s": 1e14, "step_overhead_s": 1e-3}


def test_presets_are_found_whatever_their_case() -> None:
    assert find_device("h200") is DEVICES["H200"]


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
