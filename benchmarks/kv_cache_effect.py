"""Time of generating text over its length, with and without a KV cache: the bundled model, and one in NumPy.

python -m benchmarks.kv_cache_effect [--record FILE]

Each model runs in a process of its own, in 32-bit numbers and on one thread, and seconds are the CPU seconds of that
thread: two threads that wait for each other took ten times as long on a machine that others used too. Next to the
measured ratio stands that of the counted operations. The measured one is the smaller: a pass over one token waits for
the weights that it reads (in the small NumPy model, for Python), so the operations that the cache saves were the cheap
ones.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

from tabulate import tabulate
from tqdm import tqdm

from paged_sim.kv_cache_effect.counted_work import generation_work
from paged_sim.kv_cache_effect.curve import Sample, measure_curve
from paged_sim.kv_cache_effect.model_shape import ModelShape

COMMAND = "python -m benchmarks.kv_cache_effect"
PROMPT_TOKENS = 32
# How often each length of the answer is measured; the bundled model's longest takes over a minute without a cache.
REPEATS = {16: 3, 32: 2, 64: 1, 128: 1, 192: 1}
NUMPY_REPEATS = dict.fromkeys(REPEATS, 3)
NUMPY_SHAPE = ModelShape(
    num_layers=4, hidden_size=256, num_heads=8, num_kv_heads=4, head_size=32, intermediate_size=768, vocab_size=1024
)
# Libraries read these once, when they are imported.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Curve:
    """What was measured of one model.

    Attributes:
        shape: its sizes.
        samples: all timed generations.
        same_tokens: whether each length's text was the same with and without a cache.
    """

    shape: ModelShape
    samples: list[Sample]
    same_tokens: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; with `--record`, writes the raw samples too."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.splitlines()[0])
    parser.add_argument("--record", type=Path, help="JSON file for the raw samples")
    options = parser.parse_args(arguments)
    curves = {
        "bundled model, Transformers": in_own_process(bundled_model_curve, REPEATS),
        "random weights, NumPy": in_own_process(numpy_curve, NUMPY_SHAPE, NUMPY_REPEATS),
    }
    facts, rates = as_record(curves)
    print(render(facts, rates))
    if options.record:
        from benchmarks.side_by_side import write_record

        write_record(options.record, COMMAND, rates, **facts)
    return 0


def in_own_process(curve: Callable[..., Curve], *arguments: Any) -> Curve:
    """Returns what the function returns, called in a fresh process with one thread."""
    with (
        mock.patch.dict(os.environ, ONE_THREAD),
        ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool,
    ):
        return pool.submit(curve, *arguments).result()


def bundled_model_curve(repeats: Mapping[int, int]) -> Curve:
    """Returns the curve of the bundled model."""
    import torch
    from transformers import AutoModelForCausalLM

    from inference.base_model import resolve_base_model
    from inference.bundled_model import BUNDLED_MODEL

    source = resolve_base_model(BUNDLED_MODEL).source
    return transformers_curve(AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32), repeats)


def transformers_curve(model: Any, repeats: Mapping[int, int]) -> Curve:
    """Returns the curve of a Transformers model, whose answers do not end before their length."""
    import torch

    model.eval().generation_config.eos_token_id = None
    prompt = torch.tensor([prompt_token_ids(model.config.vocab_size)])

    def generate(new_tokens: int, use_cache: bool) -> list[int]:
        output = model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=new_tokens,
            do_sample=False,
            use_cache=use_cache,
        )
        return output[0, PROMPT_TOKENS:].tolist()

    return _measured("Transformers", generate, ModelShape.from_config(model.config), repeats)


def numpy_curve(shape: ModelShape, repeats: Mapping[int, int]) -> Curve:
    """Returns the curve of a NumPy model with random weights."""
    from paged_sim.kv_cache_effect.generation import generate
    from paged_sim.kv_cache_effect.numpy_model import TinyDecoder

    model, prompt = TinyDecoder(shape), prompt_token_ids(shape.vocab_size)
    return _measured(
        "NumPy", lambda length, use_cache: generate(model, prompt, length, use_cache).token_ids, shape, repeats
    )


def prompt_token_ids(vocab_size: int) -> list[int]:
    """Returns the prompt; which tokens they are changes no time."""
    return [100 + token % (vocab_size - 100) for token in range(PROMPT_TOKENS)]


def as_record(curves: Mapping[str, Curve]) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """Returns the facts of a record, and tokens per CPU second of each of its jobs.

    A job is one model, with or without a cache, and one length; `facts["jobs"]` says by name which, and how many
    operations were counted for it.
    """
    jobs: dict[str, dict[str, Any]] = {}
    rates: dict[str, list[float]] = {}
    for model, curve in curves.items():
        for sample in curve.samples:
            length, use_cache = sample.new_tokens, sample.use_cache
            name = f"{model}, {'with' if use_cache else 'without'} a cache, {length} tokens"
            flops = generation_work(curve.shape, PROMPT_TOKENS, length, use_cache).flops
            jobs[name] = {"model": model, "use_cache": use_cache, "new_tokens": length, "flops": flops}
            rates.setdefault(name, []).append(length / sample.seconds)
    models = {name: {"shape": asdict(curve.shape), "same_tokens": curve.same_tokens} for name, curve in curves.items()}
    method = {"clock": "CPU seconds of one thread", "dtype": "float32", "numpy": version("numpy")}
    return {**method, "prompt_tokens": PROMPT_TOKENS, "models": models, "jobs": jobs}, rates


def median_seconds(facts: Mapping[str, Any], rates: Mapping[str, list[float]]) -> dict[tuple[str, int, bool], float]:
    """Returns the median CPU seconds of each job of a record, by model, length of the answer, and use of a cache."""
    return {
        (job["model"], job["new_tokens"], job["use_cache"]): median(job["new_tokens"] / rate for rate in rates[name])
        for name, job in facts["jobs"].items()
    }


def render(facts: Mapping[str, Any], rates: Mapping[str, list[float]]) -> str:
    """Returns the Markdown table of a record: times with and without a cache, and what was counted."""
    seconds = median_seconds(facts, rates)
    flops = {(job["model"], job["new_tokens"], job["use_cache"]): job["flops"] for job in facts["jobs"].values()}
    rows = []
    for model, length in dict.fromkeys((model, length) for model, length, _ in seconds):
        without, with_cache = (seconds[model, length, use_cache] for use_cache in (False, True))
        counted = flops[model, length, False] / flops[model, length, True]
        rows.append([model, length, without, with_cache, without / with_cache, counted])
    header = ["", "new tokens", "without a cache, CPU s", "with, CPU s", "times as long", "times the operations"]
    return tabulate(rows, header, tablefmt="pipe", floatfmt=("", "", ".2f", ".2f", ".1f", ".1f"))


def _measured(
    name: str, generate: Callable[[int, bool], Sequence[int]], shape: ModelShape, repeats: Mapping[int, int]
) -> Curve:
    """Returns the curve, showing progress."""
    texts: dict[tuple[int, bool], Sequence[int]] = {}

    def keep(new_tokens: int, use_cache: bool) -> None:
        texts[new_tokens, use_cache] = generate(new_tokens, use_cache)

    runs = measure_curve(keep, repeats, clock=time.process_time)
    samples = list(tqdm(runs, desc=name, total=2 * sum(repeats.values()), unit="text", leave=False))
    return Curve(shape, samples, all(texts[length, True] == texts[length, False] for length in repeats))


if __name__ == "__main__":
    sys.exit(main())
