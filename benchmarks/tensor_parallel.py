"""Whether a model that is split over several GPUs gives the answers of one GPU, and how fast it is.

    python -m benchmarks.tensor_parallel --record benchmarks/results/tensor_parallel_h100.json

Sums are taken in another order where a layer is split, so where two tokens are nearly as likely either may be taken.
For each answer the first token that differs is looked up among the likeliest of the first engine: how far its log
probability lies below that of the token taken there. A gap of the size that rounding makes is a tie.
"""

import argparse
import gc
import itertools
import multiprocessing
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.comparison.agreement import first_difference
from benchmarks.comparison.chat_prompts import chat_prompts
from benchmarks.comparison.models import MODELS, RANDOM_1_7B, model_source
from benchmarks.comparison.record import versions
from benchmarks.device_rates import device_name
from benchmarks.side_by_side import host
from inference.json_file import write_json_object

# Of each token so many alternatives are kept.
_ALTERNATIVES = 20
PROMPTS = 64


@dataclass(frozen=True, slots=True)
class Setting:
    """One engine to measure.

    Attributes:
        dtype: of weights and computation.
        tensor_parallel_size, pipeline_parallel_size: GPUs.
    """

    dtype: str
    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where an answer first differs from that of one GPU.

    Attributes:
        place: of the token, from 0.
        gap: log probability of the token that one GPU takes, less that of the other, both by one GPU; None if the
            other is not among its likeliest.
    """

    place: int
    gap: float | None


@dataclass(frozen=True, slots=True)
class Answers:
    """What one engine wrote.

    Attributes:
        tokens: of each answer.
        alternatives: for each token the log probability of the likeliest, by token.
        seconds: of each timed run of the whole batch.
        start_s: until the engine ran.
    """

    tokens: list[list[int]]
    alternatives: list[list[dict[int, float]]]
    seconds: list[float]
    start_s: float


def answer(setting: Setting, model: str, output_tokens: int, repeats: int, engine: dict[str, Any]) -> Answers:
    """Answers all prompts greedily: once for the tokens, then timed."""
    from inference.engine_call import engine_call
    from inference.sampling import SamplingOptions
    from vllm_offline_inference import VLLMInferenceWithLoRA

    conversations = [[{"role": "user", "content": text}] for text in itertools.islice(chat_prompts(), PROMPTS)]
    greedy = SamplingOptions(temperature=0, max_tokens=output_tokens)
    began = time.perf_counter()
    with VLLMInferenceWithLoRA(model, **asdict(setting), enable_prefix_caching=False, **engine) as llm:
        start_s = time.perf_counter() - began
        with engine_call(llm.llm):
            outputs = llm.llm.chat(
                conversations, greedy.to_vllm(logprobs=_ALTERNATIVES, ignore_eos=True), use_tqdm=False
            )
        seconds = [_timed(llm, conversations, greedy.to_vllm(ignore_eos=True)) for _ in range(repeats)]
    completions = [output.outputs[0] for output in outputs]
    alternatives = [
        [{token: found.logprob for token, found in step.items()} for step in completion.logprobs]
        for completion in completions
    ]
    return Answers([list(completion.token_ids) for completion in completions], alternatives, seconds, start_s)


def _timed(llm: Any, conversations: Sequence[Any], params: Any) -> float:
    start = time.perf_counter()
    llm.llm.chat(conversations, params, use_tqdm=False)
    return time.perf_counter() - start


def divergences(reference: Answers, other: Answers) -> list[Divergence | None]:
    """Returns for each answer where it first differs from the reference, or None."""
    found: list[Divergence | None] = []
    for index, (expected, tokens) in enumerate(zip(reference.tokens, other.tokens, strict=True)):
        place = first_difference(expected, tokens)
        if place is None:
            found.append(None)
            continue
        likely = reference.alternatives[index][place]
        below = likely.get(tokens[place])
        found.append(Divergence(place, None if below is None else likely[expected[place]] - below))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes the record after every engine."""
    options = _parse(arguments)
    model = model_source(options.model)
    engine = {"enforce_eager": True} if options.enforce_eager else {}
    runs: list[dict[str, Any]] = []
    for dtype in options.dtypes:
        reference: Answers | None = None
        for setting in _settings(dtype, options.gpus, options.pipeline):
            answers = _in_a_process(setting, model, options.output_tokens, options.repeats, engine)
            reference = reference or answers
            runs.append(_run(setting, answers, divergences(reference, answers)))
            print(_line(runs[-1]), flush=True)
            if options.record:
                _write(options, arguments, runs)
            gc.collect()
    return 0


def _settings(dtype: str, gpus: int, pipeline: bool) -> list[Setting]:
    split = [Setting(dtype), Setting(dtype, tensor_parallel_size=gpus)]
    return [*split, Setting(dtype, pipeline_parallel_size=gpus)] if pipeline else split


def _in_a_process(*arguments: Any) -> Answers:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(answer, *arguments).result()


def _run(setting: Setting, answers: Answers, differences: Sequence[Divergence | None]) -> dict[str, Any]:
    return {
        **asdict(setting),
        "start_s": answers.start_s,
        "seconds": answers.seconds,
        "output_tokens": sum(map(len, answers.tokens)),
        "divergences": [None if one is None else asdict(one) for one in differences],
    }


def _line(run: dict[str, Any]) -> str:
    differ = [one for one in run["divergences"] if one]
    largest = max((one["gap"] for one in differ if one["gap"] is not None), default=0.0)
    rate = run["output_tokens"] / statistics.median(run["seconds"])
    return (
        f"{run['dtype']}, tensor {run['tensor_parallel_size']}, pipeline {run['pipeline_parallel_size']}: "
        f"{rate:,.0f} tokens/s; {len(run['divergences']) - len(differ)} of {len(run['divergences'])} answers the same, "
        f"largest gap where one differs {largest:.4f}"
    )


def _write(options: argparse.Namespace, arguments: Sequence[str] | None, runs: Sequence[dict[str, Any]]) -> None:
    given = sys.argv[1:] if arguments is None else arguments
    shown = [word for word in given if word not in ("--record", str(options.record))]
    record = {
        "command": " ".join(["python -m benchmarks.tensor_parallel", *shown]),
        "host": host(),
        "device": device_name(),
        "versions": versions(),
        "model": options.model,
        "prompts": PROMPTS,
        "output_tokens": options.output_tokens,
        "enforce_eager": options.enforce_eager,
        "runs": list(runs),
    }
    write_json_object(options.record, record)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tensor_parallel", description=__doc__.splitlines()[0])
    parser.add_argument("--gpus", type=int, default=2, help="to split the model over (default: %(default)s)")
    parser.add_argument("--pipeline", action="store_true", help="split it by layers too")
    parser.add_argument("--dtypes", nargs="+", default=["bfloat16", "float32"], help="(default: bfloat16 float32)")
    parser.add_argument("--model", default=RANDOM_1_7B, help=f"{', '.join(MODELS)}, or a folder (default: %(default)s)")
    parser.add_argument("--output-tokens", type=int, default=64, help="of each answer (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs (default: %(default)s)")
    parser.add_argument("--enforce-eager", action="store_true", help="no compilation, no CUDA graphs")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the raw samples as JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
