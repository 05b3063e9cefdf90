"""Tables of README.md and benchmarks/README.md, rendered from the records.

`python -m benchmarks report --write` puts them between the two markers of each page; a test fails while a page shows
anything else.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks import comparison_page
from benchmarks.comparison.tables import heading, speeds
from benchmarks.kv_cache_effect import render as render_kv_cache_effect
from benchmarks.several_engines_page import batch_jobs, split_models
from benchmarks.side_by_side import medians
from benchmarks.stored_results import RESULTS, load
from inference.json_file import write_text

README = RESULTS.parent.parent / "README.md"
PACKAGE_README = RESULTS.parent / "README.md"
# The comparisons that the project's own README shows; all are in benchmarks/README.md.
IN_README = ("compare_h100", "compare_cpu", "sql_cpu", "lora_h100", "lora_cpu")
BEGIN, END = "<!-- figures: python -m benchmarks report --write -->", "<!-- end of figures -->"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table; every column but the first is aligned to the right."""
    alignment = ["left", *["right"] * (len(header) - 1)]
    return tabulate(rows, header, tablefmt="pipe", disable_numparse=True, colalign=alignment)


def lora_on_cpu(record: dict[str, Any]) -> str:
    """Returns the comparison of runtime LoRA operators on a CPU."""
    middle = medians(record["tokens_per_second"])
    base = middle["plain base engine"]
    rows = ((label, f"{value:.0f}", f"{value / base:.2f}") for label, value in middle.items())
    ratio = middle["adapter, these operators"] / middle["adapter, stock operators"]
    host = record["host"]
    return (
        f"LoRA at run time on a CPU ({host['cpu']}, {host['cores']} cores), rank {record['rank']}, {record['prompts']} "
        f"prompts in one batch, {record['dtype'].removeprefix('torch.')}; medians. The adapter is {ratio:.0f} times as "
        f"fast as with vLLM's own operators, and {record['same_tokens']} of {record['prompts']} greedy answers are the "
        "same tokens.\n\n" + table(["", "tokens/s", "of the plain base"], rows)
    )


def wrapper(record: dict[str, Any]) -> str:
    """Returns what the wrapper costs."""
    middle = medians(record["tokens_per_second"])
    rows = ((f"`{label}`", f"{value:.0f}") for label, value in middle.items())
    ratio = middle["generate_batch"] / middle["LLM.chat"]
    return (
        f"The wrapper against vLLM's own call, {record['prompts']} prompts, the same engine: ratio {ratio:.3f}.\n\n"
        + table(["", "tokens/s"], rows)
    )


def gpu(record: dict[str, Any]) -> str:
    """Returns the figures of the command on a GPU."""
    names = {
        "model_gib": "model, GiB",
        "peak_activation_gib": "peak activations, GiB",
        "kv_cache_gib": "KV cache, GiB",
        "kv_cache_tokens": "KV cache, tokens",
        "engine_init_s": "profiling, cache and warm-up, s",
    }
    runs = record["runs"]
    rows = ([what, *(f"{run['log'][name]:,}" for run in runs.values())] for name, what in names.items())
    return (
        f"The command on one {record['device']} (vLLM {record['versions']['vllm']}, `--enforce-eager`), with an "
        "earlier adapter of the same size.\n\n" + table(["from vLLM's log", "runtime LoRA", "merged"], rows)
    )


def simulator(records: Sequence[dict[str, Any]]) -> str:
    """Returns the simulator's speed beside vLLM's scheduler, and how the first record's runs grow."""
    first = records[0]
    growth = (
        (
            point["case"].replace("_", " "),
            f"{point['requests']:,}",
            f"{point['seconds']:.2f}",
            f"{point['tokens'] / point['seconds'] / 1e6:.1f}",
            f"{point['peak_mib']:.0f}",
        )
        for point in first["growth"]
    )
    header = ["running requests", "prefix caching", "vLLM", "step by step", "leaping", "times vLLM"]
    return (
        "`paged_sim` and vLLM's own scheduler on the same ShareGPT-like requests, on one core "
        f"({first['host']['cpu']}): simulated tokens per second, medians. Both end with the same free "
        "blocks in the same order.\n\n"
        + table(header, [row for record in records for row in _simulator_rows(record)])
        + f"\n\nHow the leaping run grows, {first['settings']['max_num_seqs']} running, the trace made as it runs, "
        "each in a process of its own:\n\n"
        + table(["caching", "requests", "seconds", "million tokens/s", "peak memory, MiB"], growth)
    )


def _simulator_rows(record: dict[str, Any]) -> list[list[str]]:
    middle = medians(record["tokens_per_second"])
    rows = []
    for case in ("caching_off", "caching_on"):
        vllm, step, leap = (middle[f"{case}, {name}"] for name in ("vllm", "step_by_step", "leaping"))
        speeds = [f"{speed:,.0f}" for speed in (vllm, step, leap)]
        running = f"{record['settings']['max_num_seqs']:,}"
        rows.append([running, case.removeprefix("caching_"), *speeds, f"{leap / vllm:.0f}"])
    return rows


def step_times(records: dict[str, dict[str, Any]]) -> str:
    """Returns the constants of the cost model that were measured, a column for each record by its label."""
    names = {
        "bytes_per_s": ("memory bandwidth, GB/s", 1e-9),
        "flops_per_s": ("matrix rate, TFLOP/s", 1e-12),
        "step_overhead_s": ("overhead of a step, ms", 1e3),
        "seq_overhead_s": ("overhead of a sequence, µs", 1e6),
    }
    rows = (
        (label, *(f"{record['device'][name] * factor:,.4g}" for record in records.values()))
        for name, (label, factor) in names.items()
    )
    return (
        "Decode steps with the bundled model, as constants for `python -m paged_sim simulate --device`; 16 bits on the "
        "GPU, float32 on the CPU. Overheads are what the roofline of bytes and operations does not explain.\n\n"
        + table(["", *records], rows)
    )


def kv_cache_effect(record: dict[str, Any]) -> str:
    """Returns the time of generating text with and without a KV cache."""
    return (
        f"What a KV cache saves: answers to a prompt of {record['prompt_tokens']} tokens in {record['dtype']}, CPU "
        "seconds of one thread. The operations that it saves were the cheap ones: a pass over one token waits for the "
        "weights that it reads, and in the small NumPy model for Python.\n\n"
        + render_kv_cache_effect(record, record["tokens_per_second"])
    )


def render() -> str:
    """Returns the tables of the project's README: the speeds of the comparisons that decide most."""
    parts = []
    for name in IN_README:
        record = load(name)
        note = [record["note"]] if "note" in record else []
        parts += [f"**{heading(record)}** `{record['command']}`", *note, *speeds(record)]
    return "\n\n".join(parts)


def render_all() -> str:
    """Returns the tables of benchmarks/README.md: every comparison, then what else was measured."""
    return "\n\n".join([comparison_page.render(), "### Other measurements", *other_measurements()])


def other_measurements() -> list[str]:
    """Returns the tables of records that are no comparison of engines."""
    return [
        lora_on_cpu(load("cpu_lora")),
        wrapper(load("cpu_wrapper_overhead")),
        gpu(load("h200_command_line")),
        kv_cache_effect(load("kv_cache_effect")),
        step_times(
            {
                "H200, CUDA graphs": load("step_times_h200"),
                "H200, eager": load("step_times_h200_eager"),
                "CPU, 2 cores": load("step_times_cpu"),
            }
        ),
        batch_jobs({"two CPU cores": load("batch_job_cpu"), "two H100s": load("batch_job_h100")}),
        split_models([load("tensor_parallel_h100"), load("tensor_parallel_h100_float32")]),
        simulator([load("simulator"), load("simulator_1024")]),
    ]


FIGURES = {README: render, PACKAGE_README: render_all}


def with_figures(text: str, figures: str) -> str:
    """Returns a page's text with its tables between the markers."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{figures}\n\n{END}{tail}"


def write_figures() -> list[Path]:
    """Puts the tables into the pages that show them; returns these."""
    for page, make in FIGURES.items():
        write_text(page, with_figures(page.read_text(encoding="utf-8"), make()))
    return list(FIGURES)
