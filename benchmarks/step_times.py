"""How long decode steps take on this machine, as constants for the simulator's cost model.

    python -m benchmarks.step_times --record benchmarks/results/step_times_cpu.json
    python -m paged_sim simulate --device benchmarks/results/step_times_cpu.json …

Measured with torch: bandwidth of a large copy, rate of a large matrix product. Measured with vLLM and the bundled
model: seconds of a decode step by number of sequences. A line through those gives what a step costs whatever is in it
and what a sequence adds; reading weights, keys and values at the measured bandwidth is subtracted from both.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.side_by_side import write_record
from inference.base_model import load_config
from inference.base_shapes import base_shapes
from inference.engine_call import engine_call
from inference.memory import GIB
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
        sizes = model_bytes(llm)
    steps = {batch: statistics.median(seconds) for batch, seconds in samples.items()}
    device = constants(steps, bandwidth, rate, **sizes)
    print("\n".join(f"{name}: {value}" for name, value in device.items()))
    if options.record:
        flags = " --enforce-eager" * options.enforce_eager
        rates = {f"{batch} sequences": [batch / step for step in seconds] for batch, seconds in samples.items()}
        write_record(options.record, "python -m benchmarks.step_times" + flags, rates, device=device, **sizes)
    return 0


def constants(
    step_s: dict[int, float], bytes_per_s: float, flops_per_s: float, weight_bytes: int, kv_bytes_per_token: int
) -> dict[str, Any]:
    """Returns the attributes of a `paged_sim.simulation.devices.Device`.

    Args:
        step_s: seconds of a decode step by number of sequences.
        bytes_per_s, flops_per_s: what the device reaches.
        weight_bytes: of all weights, which each step reads.
        kv_bytes_per_token: keys and values of one token, which each step reads for every token of the context.
    """
    slope, start = np.polyfit(list(step_s), list(step_s.values()), 1)
    context = PROMPT_TOKENS + (SHORT + LONG) / 2
    return {
        "name": device_name(),
        "bytes_per_s": bytes_per_s,
        "flops_per_s": flops_per_s,
        "step_overhead_s": max(0.0, float(start) - weight_bytes / bytes_per_s),
        "seq_overhead_s": max(0.0, float(slope) - context * kv_bytes_per_token / bytes_per_s),
    }


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


def model_bytes(llm: VLLMInferenceWithLoRA) -> dict[str, int]:
    """Returns the bytes of the engine's weights, and of one token's keys and values."""
    shapes = base_shapes(load_config(llm.base_model))
    dtype = str(llm.llm.model_config.dtype).removeprefix("torch.")
    return {"weight_bytes": shapes.weight_bytes(dtype), "kv_bytes_per_token": shapes.kv_bytes_per_token(dtype)}


def copy_bytes_per_s(num_bytes: int = GIB // 2) -> float:
    """Returns the bandwidth of a large copy, which reads and writes each byte."""
    source = torch.ones(num_bytes // 4, device=_device())
    target = torch.empty_like(source)
    return 2 * num_bytes / _best_seconds(lambda: target.copy_(source))


def matmul_flops_per_s() -> float:
    """Returns the rate of a large matrix product: 16-bit on a GPU, float32 on a CPU."""
    size, dtype = (8192, torch.bfloat16) if _device() == "cuda" else (1536, torch.float32)
    left = torch.randn(size, size, device=_device(), dtype=dtype)
    return 2 * size**3 / _best_seconds(lambda: left @ left)


def device_name() -> str:
    """Returns the name of the GPU, or of the CPU with its cores."""
    if _device() == "cuda":
        return torch.cuda.get_device_name()
    return f"CPU, {torch.get_num_threads()} threads"


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _best_seconds(work: Callable[[], Any], runs: int = 7) -> float:
    def timed() -> float:
        start = time.perf_counter()
        work()
        if _device() == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    return min(timed() for _ in range(runs + 1))


if __name__ == "__main__":
    sys.exit(main())
