"""Runtime LoRA on a CPU: stock vLLM operators, this project's operators, and the plain base, in one process.

python -m benchmarks.cpu_lora [--record FILE]
"""

import argparse
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.side_by_side import Job, measure, medians, write_record
from inference import cpu_lora
from inference.adapter import read_adapter
from inference.memory import GIB
from text_to_sql.bundled_adapter import BUNDLED_ADAPTER
from vllm_offline_inference import VLLMInferenceWithLoRA

PROMPTS = 32
OUTPUT_TOKENS = 24


def main() -> None:
    """Measures and prints; with `--record`, writes the raw samples too."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cpu_lora", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds (default: %(default)s)")
    parser.add_argument("--record", type=Path, help="JSON file for the raw samples")
    options = parser.parse_args()
    conversations = [[{"role": "user", "content": f"Tell me about the number {n}."}] for n in range(PROMPTS)]
    tokens: dict[str, list[tuple[int, ...]]] = {}

    def job(label: str, engine: VLLMInferenceWithLoRA, adapter: str | None) -> Job:
        def run() -> int:
            tokens[label] = greedy_tokens(engine, conversations, adapter)
            return sum(map(len, tokens[label]))

        return run

    with start(None) as plain, start(BUNDLED_ADAPTER) as ours, stock_engine() as stock:
        name = BUNDLED_ADAPTER.name
        samples = measure(
            {
                "plain base engine": job("base", plain, None),
                "adapter, these operators": job("ours", ours, name),
                "base rows, these operators": job("ours base", ours, None),
                "adapter, stock operators": job("stock", stock, name),
                "base rows, stock operators": job("stock base", stock, None),
            },
            options.rounds,
        )
        facts = {
            "prompts": PROMPTS,
            "rank": read_adapter(BUNDLED_ADAPTER).rank,
            "dtype": str(ours.llm.model_config.dtype),
        }
    same = sum(ours == stock for ours, stock in zip(tokens["ours"], tokens["stock"], strict=True))
    report(samples, same)
    if options.record:
        write_record(options.record, "python -m benchmarks.cpu_lora", samples, **facts, same_tokens=same)


def start(adapter: Path | None) -> VLLMInferenceWithLoRA:
    """Returns an engine that remembers no prompt, so that every round does the whole work."""
    return VLLMInferenceWithLoRA(
        lora_adapter_path=adapter,
        max_model_len=1024,
        kv_cache_memory_bytes=GIB // 2,
        enable_prefix_caching=False,
    )


def stock_engine() -> VLLMInferenceWithLoRA:
    """Returns an engine with vLLM's own LoRA operators."""
    with mock.patch.object(cpu_lora, "can_install", return_value=False):
        cpu_lora.uninstall()
        return start(BUNDLED_ADAPTER)


def greedy_tokens(
    engine: VLLMInferenceWithLoRA, conversations: list[Any], adapter: str | None
) -> list[tuple[int, ...]]:
    """Returns the greedy tokens of each conversation, `OUTPUT_TOKENS` at most."""
    results = engine.generate_batch_detailed(
        conversations, adapters=adapter, show_progress=False, temperature=0, max_tokens=OUTPUT_TOKENS
    )
    return [result.token_ids for result in results]


def report(samples: dict[str, list[float]], same: int) -> None:
    """Prints medians and ratios."""
    middle = medians(samples)
    for label, value in middle.items():
        print(f"{label:28} {value:7.1f} tokens/s  ({', '.join(f'{sample:.1f}' for sample in samples[label])})")
    adapter = middle["adapter, these operators"]
    print(f"adapter: {adapter / middle['adapter, stock operators']:.1f} times stock, ", end="")
    print(f"{adapter / middle['plain base engine']:.2f} of the plain base; same greedy tokens {same} of {PROMPTS}")


if __name__ == "__main__":
    main()
