"""How long decode steps take on this machine, as constants for the simulator's cost model.

    python -m benchmarks.step_times --record benchmarks/results/step_times_cpu.json
    python -m paged_sim simulate --device benchmarks/results/step_times_cpu.json …

Measured with torch: bandwidth of a large copy, rate of a large matrix product. Measured with vLLM and the bundled
model: seconds of a decode step by number of sequences. What the roofline of bytes and operations leaves unexplained is
divided into what a step costs whatever is in it and what a sequence adds, as the cost model adds them. A record made in
float32, as on a CPU, goes with `--dtype float32`.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.device_rates import copy_bytes_per_s, device_name, matmul_flops_per_s
from benchmarks.side_by_side import write_record
from inference.base_model import load_config
from inference.base_shapes import base_shapes
from inference.engine_call import engine_call
from inference.memory import GIB
from paged_sim.simulation.cost_model import PS_PER_S
from paged_sim.simulation.devices import Device
from vllm_offline_inference import VLLMInferenceWithLoRA

BATCHES = (1, 2, 4, 8, 16, 32)
PROMPT_TOKENS = 16
# Steps are timed as the difference of a long and a short answer, which leaves prefill and the call out.
SHORT, LONG = 4, 24


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints the constants, and writes the record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step_times", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds (default: %(default)s)")
    parser.add_argument("--enforce-eager", action="store_true", help="no compilation, no CUDA graphs")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the raw samples as JSON")
    options = parser.parse_args(arguments)
    bandwidth, rate = copy_bytes_per_s(), matmul_flops_per_s()
    extra = {"enforce_eager": True} if options.enforce_eager else {}
    with VLLMInferenceWithLoRA(
        max_model_len=512, kv_cache_memory_bytes=GIB, enable_prefix_caching=False, **extra
    ) as llm:
        samples = step_samples(llm, options.rounds)
        model = model_sizes(llm)
    steps = {batch: statistics.median(seconds) for batch, seconds in samples.items()}
    device = constants(steps, bandwidth, rate, model)
    print("\n".join(f"{name}: {value}" for name, value in device.items()))
    if options.record:
        flags = " --enforce-eager" * options.enforce_eager
        rates = {f"{batch} sequences": [batch / step for step in seconds] for batch, seconds in samples.items()}
        write_record(options.record, "python -m benchmarks.step_times" + flags, rates, device=device, model=model)
    return 0


def constants(
    step_s: dict[int, float], bytes_per_s: float, flops_per_s: float, model: dict[str, int]
) -> dict[str, Any]:
    """Returns the attributes of the `Device` with which the cost model gives these steps.

    Args:
        step_s: seconds of a decode step by number of sequences.
        bytes_per_s, flops_per_s: what the device reaches.
        model: arguments of `Device.cost_model`.
    """
    limits = {"name": device_name(), "bytes_per_s": bytes_per_s, "flops_per_s": flops_per_s}
    bare = predicted_s(Device(**limits, step_overhead_s=0.0), step_s, model)
    step_overhead_s, seq_overhead_s = fit_overheads(step_s, bare)
    return limits | {"step_overhead_s": step_overhead_s, "seq_overhead_s": seq_overhead_s}


def predicted_s(device: Device, batches: Iterable[int], model: dict[str, int]) -> dict[int, float]:
    """Returns the seconds of the decode steps that were measured, as the cost model has them."""
    cost, context = device.cost_model(**model), PROMPT_TOKENS + (SHORT + LONG) // 2
    return {batch: cost.step_time_ps(batch, batch, batch * context, batch * context) / PS_PER_S for batch in batches}


def fit_overheads(step_s: dict[int, float], bare_s: dict[int, float]) -> tuple[float, float]:
    """Returns what a step and what a sequence costs beside its bytes and operations, each at least 0.

    The squares of the relative errors are the least, so that small batches count as much as large ones.
    """
    columns = np.array([(1 / step, batch / step) for batch, step in step_s.items()])
    missing = np.array([1 - bare_s[batch] / step for batch, step in step_s.items()])
    both = np.linalg.lstsq(columns, missing)[0]
    if (both >= 0).all():
        return float(both[0]), float(both[1])
    alone = np.clip(columns.T @ missing / (columns**2).sum(axis=0), 0, None)
    errors = [((missing - alone[index] * columns[:, index]) ** 2).sum() for index in range(2)]
    return (float(alone[0]), 0.0) if errors[0] <= errors[1] else (0.0, float(alone[1]))


def step_samples(llm: VLLMInferenceWithLoRA, rounds: int) -> dict[int, list[float]]:
    """Returns the seconds of a decode step by number of sequences, one for each round after an uncounted one."""
    samples: dict[int, list[float]] = {batch: [] for batch in BATCHES}
    for index in tqdm(range(rounds + 1), desc="rounds", leave=False):
        for batch in BATCHES if index % 2 else reversed(BATCHES):
            seconds = (generation_s(llm, batch, LONG) - generation_s(llm, batch, SHORT)) / (LONG - SHORT)
            if index:
                samples[batch].append(seconds)
    return samples


def generation_s(llm: VLLMInferenceWithLoRA, batch: int, num_tokens: int) -> float:
    """Returns the seconds in which `batch` sequences get `num_tokens` tokens each."""
    from vllm import SamplingParams

    prompts = [{"prompt_token_ids": [100 + row + 7 * i for i in range(PROMPT_TOKENS)]} for row in range(batch)]
    params = SamplingParams(temperature=0, max_tokens=num_tokens, ignore_eos=True)
    start = time.perf_counter()
    with engine_call(llm.llm):
        llm.llm.generate(prompts, params, use_tqdm=False)
    return time.perf_counter() - start


def model_sizes(llm: VLLMInferenceWithLoRA) -> dict[str, int]:
    """Returns the arguments of `Device.cost_model` for the engine's model."""
    config = load_config(llm.base_model)
    shapes, text = base_shapes(config), config.get_text_config()
    dtype = str(llm.llm.model_config.dtype).removeprefix("torch.")
    head_size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    num_parameters = shapes.weight_bytes("float32") // 4
    return {
        "num_parameters": num_parameters,
        "kv_bytes_per_token": shapes.kv_bytes_per_token(dtype),
        "attention_width": text.num_hidden_layers * text.num_attention_heads * head_size,
        "weight_bytes": shapes.weight_bytes(dtype) // num_parameters,
    }


if __name__ == "__main__":
    sys.exit(main())
