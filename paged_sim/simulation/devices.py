"""Devices for the cost model: how fast they read and multiply, from data sheets or from a benchmark record."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from paged_sim.checks import require, require_number
from paged_sim.simulation.cost_model import PS_PER_S, CostModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What a step's time depends on.

    Attributes:
        name: what tables call it.
        bytes_per_s: memory bandwidth that is reached.
        flops_per_s: 16-bit matrix operations that are reached; a multiplication and an addition are two.
        step_overhead_s: launches, scheduling and everything else that a step costs whatever is in it.
        seq_overhead_s: sampling and bookkeeping of one sequence.

    Raises:
        ValueError: a rate is not above 0, or a time below 0.
    """

    name: str
    bytes_per_s: float
    flops_per_s: float
    step_overhead_s: float
    seq_overhead_s: float = 0.0

    def __post_init__(self) -> None:
        for field in ("bytes_per_s", "flops_per_s"):
            require_number(field, getattr(self, field), 0.0)
            require(getattr(self, field) > 0, field, "above 0", getattr(self, field))
        for field in ("step_overhead_s", "seq_overhead_s"):
            require_number(field, getattr(self, field), 0.0)

    @classmethod
    def from_record(cls, path: Path) -> Self:
        """Reads a device from the record of a benchmark: a JSON file with the attributes under "device".

        Raises:
            ValueError: there is no such file, or it holds no device; the message names what is missing.
        """
        require(path.is_file(), "device", f"a preset ({', '.join(DEVICES)}) or a record's file", str(path))
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"device must be a JSON file, got {str(path)!r}: {error}") from None
        values = record.get("device") if isinstance(record, dict) else None
        known = {field.name for field in fields(cls)}
        rule = f'a record with "device": {{{", ".join(sorted(known))}}}'
        require(isinstance(values, dict) and values.keys() <= known, "device", rule, str(path))
        missing = {"name", "bytes_per_s", "flops_per_s", "step_overhead_s"} - values.keys()
        require(not missing, "device", f"a record that has {', '.join(sorted(missing))}", str(path))
        return cls(**values)

    def cost_model(
        self, *, num_parameters: int, kv_bytes_per_token: int, attention_width: int, weight_bytes: int = 2
    ) -> CostModel:
        """Returns the roofline of a model on this device.

        Args:
            num_parameters: weights that one token is multiplied with; each is read once a step.
            kv_bytes_per_token: bytes of keys and values of one token, all layers.
            attention_width: layers × attention heads × head size; a query and a key take 4 operations for each, two
                in the product and two in the weighted sum.
            weight_bytes: bytes of a weight.
        """
        return CostModel(
            step_ps=round(self.step_overhead_s * PS_PER_S),
            seq_ps=round(self.seq_overhead_s * PS_PER_S),
            weights_ps=round(num_parameters * weight_bytes / self.bytes_per_s * PS_PER_S),
            kv_token_ps=round(kv_bytes_per_token / self.bytes_per_s * PS_PER_S),
            token_ps=round(2 * num_parameters / self.flops_per_s * PS_PER_S),
            pair_ps=round(4 * attention_width / self.flops_per_s * PS_PER_S),
        )


def _from_data_sheet(name: str, bandwidth: float, dense_flops: float) -> Device:
    # Large reads reach about 80 % of the data sheet's bandwidth and large 16-bit products about 60 % of its rate;
    # a captured decode step costs about a millisecond beside its work. These three are assumptions.
    return Device(
        name=name, bytes_per_s=0.8 * bandwidth, flops_per_s=0.6 * dense_flops, step_overhead_s=1e-3, seq_overhead_s=5e-6
    )


# Bandwidth and dense 16-bit rate as NVIDIA's data sheets give them.
DEVICES = {
    "A100-40GB": _from_data_sheet("A100-40GB", 1.555e12, 312e12),
    "A100-80GB": _from_data_sheet("A100-80GB", 2.039e12, 312e12),
    "H100": _from_data_sheet("H100", 3.35e12, 989e12),
    "H200": _from_data_sheet("H200", 4.8e12, 989e12),
    "L4": _from_data_sheet("L4", 0.3e12, 121e12),
}


def find_device(name_or_record: str) -> Device:
    """Returns a preset by name, whatever its case, or the device of a record.

    Raises:
        ValueError: it is neither.
    """
    presets = {name.lower(): device for name, device in DEVICES.items()}
    return presets.get(name_or_record.lower()) or Device.from_record(Path(name_or_record))
