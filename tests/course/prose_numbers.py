"""Numbers of the notebook's prose that no cell of their part prints: where they come from, by the id of the cell.

Each is computed as a reader would: from shapes, printed figures of the paper, or records.
"""

import re

from benchmarks.comparison.summary import RowSummary, summaries
from benchmarks.stored_results import load
from paged_sim.paper.published import MEMORY_SHARES, OPT_13B_KV_BYTES_PER_TOKEN, ORCA_ORACLE, TABLE_1
from paged_sim.sizing.layout import KVCacheLayout
from paged_sim.sizing.model_source import load_model_shape

# Wrong guesses that the reader may choose among.
GUESSES = {"waste-predict": ["95", "70", "40"], "effect-predict": ["40"], "lora-predict": ["15"]}
# Section 7.1 and 7.2 of the paper; the H100's data sheet, 989 TFLOP/s over 3.35 TB/s.
PRINTED = {
    "part-1-limits": ["26"],
    "part-1-questions": ["128", "32"],
    "reserve-predict": [str(TABLE_1["OPT-13B"].weights), str(OPT_13B_KV_BYTES_PER_TOKEN // 1024)],
    "intensity-read": [f"{989 / 3.35:.0f}"],
    # vLLM's default of gpu_memory_utilization, in percent.
    "part-2-5-questions": ["92"],
}


def computed_numbers() -> dict[str, list[str]]:
    """Returns the numbers by cell, as they stand in the text."""
    parameters = load_model_shape("SmolLM2-135M-Instruct").num_parameters
    megabytes = f"{round(2 * parameters / 1e6, -1):.0f}"
    token = KVCacheLayout(shape=load_model_shape("SmolLM2-135M-Instruct")).bytes_per_token
    return {
        "kv-predict": [megabytes, f"{token / 1e3:.0f}", f"{token * 2048 / 1e6:.0f}"],
        "gqa-read": [_kib("Llama-2-7b"), _kib("Llama-3.1-8B-Instruct"), _kib("Llama-3.1-70B-Instruct")],
        # Prompt and answer of the shortest and of the longest of the three requests.
        "reserve-picture": [str(8 + 16), str(12 + 20)],
        "part-1-questions": [f"{16 * token:,}", *PRINTED["part-1-questions"]],
        "lab-predict": ["19", "15"],
        "waste-predict": [f"{MEMORY_SHARES[ORCA_ORACLE].token_states:.0f}", *GUESSES["waste-predict"]],
        "effect-predict": ["41", *GUESSES["effect-predict"]],
        "part-2-5-questions": [megabytes, *PRINTED["part-2-5-questions"]],
        "part-3-limits": [f"{parameters / 1e6:.0f}"],
        "lora-predict": [f"{parameters / 1e6:.0f}", f"{2 * 64 * 576:,}", f"{576 * 576:,}", "4,096", "15"],
        **{cell: PRINTED[cell] for cell in ("part-1-limits", "reserve-predict", "intensity-read")},
        **_from_records(),
    }


def _kib(model: str) -> str:
    return f"{KVCacheLayout(shape=load_model_shape(model)).bytes_per_token // 1024}"


def _from_records() -> dict[str, list[str]]:
    here, other = (_rates(name) for name in ("compare_h100", "compare_h100_other_host"))
    static = [here["vllm", n] / here["transformers-static", n] for n in (1, 8, 32, 128, 256)]
    lora, cpu = (_lora_shares(name) for name in ("lora_h100", "lora_cpu"))
    # One request at a time is left out: there base and merged, the same computation, are a fifth apart.
    gpu = [share for shares in lora.values() for share in shares[1:]]
    sql = _rates("sql_cpu")
    return {
        "cost-choose": [
            f"{min(gpu):.2f}",
            f"{max(gpu):.2f}",
            *(f"{edge(cpu[engine]):.1f}" for engine in ("vllm-lora", "vllm-lora-4") for edge in (min, max)),
            "32",
            "128",
        ],
        "recorded-read": [f"{min(static):.1f}", f"{max(static):.1f}"],
        "recorded-hosts-read": [
            *(f"{host['vllm', n] / host['transformers-batch', n]:.0f}" for n in (8, 32) for host in (here, other)),
            f"{max(other['vllm', n] / other['transformers-static', n] for n in (1, 8, 32)):.1f}",
        ],
        "part-6-questions": [*_recorded_accuracy(), f"{sql['vllm-prefix-caching', 32] / sql['vllm', 32]:.1f}", "32"],
    }


def _rates(name: str) -> dict[tuple[str, int], float]:
    rows: list[RowSummary] = summaries(load(name))
    return {(row.engine, row.concurrency): row.requests_per_s for row in rows}


def _lora_shares(name: str) -> dict[str, list[float]]:
    """Returns of each engine what it keeps of the merged model's speed, by rising concurrency."""
    rates = _rates(name)
    numbers = sorted(number for engine, number in rates if engine == "vllm-merged")
    return {
        engine: [rates[engine, n] / rates["vllm-merged", n] for n in numbers] for engine in ("vllm-lora", "vllm-lora-4")
    }


def _recorded_accuracy() -> list[str]:
    """Returns which share executes and which is right, with the grammar on schemas of Spider's kind, in percent."""
    [run] = [run for run in load("text_to_sql_accuracy")["runs"] if (run["set"], run["way"]) == ("spider", "grammar")]
    shares = [100 * run[name].count("1") / len(run[name]) for name in ("executes", "correct")]
    return [re.sub(r"\.0$", "", f"{share:.0f}") for share in shares]
