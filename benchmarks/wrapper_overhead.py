"""What the wrapper costs: `generate_batch` against vLLM's own `LLM.chat`, the same prompts in one engine.

python -m benchmarks.wrapper_overhead [--record FILE]
"""

import argparse
from pathlib import Path

from benchmarks.side_by_side import Job, measure, medians, write_record
from inference.engine_call import engine_call
from inference.memory import GIB
from inference.sampling import SamplingOptions
from vllm_offline_inference import VLLMInferenceWithLoRA

PROMPTS = 64
OUTPUT_TOKENS = 32


def main() -> None:
    """Measures and prints; with `--record`, writes the raw samples too."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wrapper_overhead", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="counted rounds (default: %(default)s)")
    parser.add_argument("--record", type=Path, help="JSON file for the raw samples")
    options = parser.parse_args()
    with VLLMInferenceWithLoRA(
        max_model_len=1024, kv_cache_memory_bytes=GIB // 2, enable_prefix_caching=False
    ) as engine:
        samples = measure({"generate_batch": wrapped(engine), "LLM.chat": bare(engine)}, options.rounds)
    middle = medians(samples)
    for label, value in middle.items():
        print(f"{label:16} {value:7.1f} tokens/s  ({', '.join(f'{sample:.1f}' for sample in samples[label])})")
    print(f"generate_batch / LLM.chat: {middle['generate_batch'] / middle['LLM.chat']:.3f}")
    if options.record:
        write_record(options.record, "python -m benchmarks.wrapper_overhead", samples, prompts=PROMPTS)


def conversations() -> list[list[dict[str, str]]]:
    """Returns the prompts, all of one length and all different."""
    return [[{"role": "user", "content": f"Tell me about the number {n}."}] for n in range(100, 100 + PROMPTS)]


def wrapped(engine: VLLMInferenceWithLoRA) -> Job:
    """Returns the job through the wrapper."""

    def run() -> int:
        results = engine.generate_batch_detailed(
            conversations(), temperature=0, max_tokens=OUTPUT_TOKENS, show_progress=False
        )
        return sum(result.output_tokens for result in results)

    return run


def bare(engine: VLLMInferenceWithLoRA) -> Job:
    """Returns the job through vLLM itself."""
    params = SamplingOptions(temperature=0, max_tokens=OUTPUT_TOKENS).to_vllm()

    def run() -> int:
        with engine_call(engine.llm):
            outputs = engine.llm.chat(conversations(), params, use_tqdm=False)
        return sum(len(output.outputs[0].token_ids) for output in outputs)

    return run


if __name__ == "__main__":
    main()
