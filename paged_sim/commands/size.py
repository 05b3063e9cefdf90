"""`python -m paged_sim size`: the KV cache of a model in an amount of memory.

python -m paged_sim size --model SmolLM2-1.7B-Instruct --memory 24GiB
python -m paged_sim size --model Qwen2.5-7B-Instruct --device-memory 24GiB --prompt 1000 --output 500
"""

import argparse
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paged_sim.sizing.answer import Answer
    from paged_sim.sizing.capacity import KVCacheCapacity
    from paged_sim.sizing.device_memory import DeviceMemory
    from paged_sim.sizing.layout import KVCacheLayout

HELP = "how many blocks, tokens and requests fit into an amount of memory, as vLLM counts them"

_IN_BYTES = ("bytes_per_token", "bytes_per_block", "memory", "device_memory", "weights", "other_memory")
# vLLM 0.32's own default.
DEFAULT_UTILIZATION = 0.92


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options; sizes are such as 24GiB, 24GB, or plain bytes."""
    model = parser.add_argument_group("model")
    model.add_argument("--model", help="a known name, a folder with config.json, or owner/name on the hub")
    model.add_argument("--list-models", action="store_true", help="print the known names and stop")
    model.add_argument("--dtype", default="auto", help="of the model (default: auto, that of its config.json)")
    model.add_argument("--max-model-len", type=int, metavar="TOKENS", help="default: that of the model")
    cache = parser.add_argument_group("KV cache")
    cache.add_argument("--memory", metavar="SIZE", help="for keys and values, on each device")
    cache.add_argument(
        "--block-size", type=int, default=16, metavar="TOKENS", help="default: 16; vLLM on CPU takes 128"
    )
    cache.add_argument("--kv-cache-dtype", default="auto", metavar="DTYPE", help="default: auto, that of the model")
    cache.add_argument("--tensor-parallel-size", type=int, default=1, metavar="DEVICES", help="default: 1")
    in_flight = "tokens of a step (default: 8192); matters to sliding windows only"
    cache.add_argument("--max-num-batched-tokens", type=int, default=8192, metavar="TOKENS", help=in_flight)
    cache.add_argument("--no-async-scheduling", action="store_true", help="one step at a time; matters to them only")
    device = parser.add_argument_group("device, in place of --memory")
    device.add_argument("--device-memory", metavar="SIZE", help="all of a device; vLLM takes a share of it")
    device.add_argument("--gpu-memory-utilization", type=float, metavar="SHARE", help="default: 0.92")
    device.add_argument("--weights", metavar="SIZE", help="of all devices together (default: counted)")
    device.add_argument("--other-memory", metavar="SIZE", help="activations, CUDA graphs (default: 0, an upper bound)")
    requests = parser.add_argument_group("requests")
    requests.add_argument("--prompt", type=int, metavar="TOKENS", help="length of each prompt")
    requests.add_argument("--output", type=int, metavar="TOKENS", help="length of each answer")
    requests.add_argument("--requests", type=int, metavar="N", help="how much memory that many of them need")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Prints the figures and answers; returns the exit code.

    Raises:
        ValueError: an option is missing, contradicts another, or is out of its range.
    """
    if arguments.list_models:
        _print_models(arguments.json)
        return 0
    _check_options(arguments)
    figures, answers = _figures_and_answers(arguments)
    if arguments.json:
        from paged_sim.sizing.report import answer_figures

        print(json.dumps(figures | {"answers": answer_figures(answers)}, indent=2))
    else:
        _print_report(figures, answers)
    return 0


def _check_options(arguments: argparse.Namespace) -> None:
    if arguments.model is None:
        raise ValueError("--model is missing; --list-models prints the known names")
    if arguments.memory is not None and arguments.device_memory is not None:
        raise ValueError("--memory and --device-memory exclude each other: the one is a part of the other")
    parts = (arguments.gpu_memory_utilization, arguments.weights, arguments.other_memory)
    if arguments.device_memory is None and parts != (None, None, None):
        raise ValueError(
            "--gpu-memory-utilization, --weights and --other-memory are parts of --device-memory, which is missing"
        )
    if (arguments.prompt is None) != (arguments.output is None):
        raise ValueError("--prompt and --output go together")
    if arguments.requests is not None and arguments.prompt is None:
        raise ValueError("--requests needs their lengths, --prompt and --output")
    if arguments.memory is None and arguments.device_memory is None:
        if arguments.max_model_len is not None:
            raise ValueError("--max-model-len is compared with a memory: give --memory or --device-memory too")
        if arguments.prompt is not None and arguments.requests is None:
            raise ValueError("--prompt and --output need --requests, --memory or --device-memory")


def _figures_and_answers(arguments: argparse.Namespace) -> "tuple[dict[str, Any], list[Answer]]":
    from paged_sim.sizing.capacity_answers import (
        answers_about_capacity,
        how_many_of_my_requests_fit,
        when_do_they_preempt,
    )
    from paged_sim.sizing.layout_answers import answers_about_layout, what_do_requests_need
    from paged_sim.sizing.report import capacity_figures, device_figures, layout_figures, request_figures

    layout, lengths = _layout(arguments), (arguments.prompt, arguments.output)
    device = _device(arguments, layout)
    capacity = _capacity(arguments, layout, device)
    figures, answers = layout_figures(layout), []
    if device is not None:
        figures |= device_figures(device)
    if capacity is not None:
        figures |= capacity_figures(capacity)
        answers += answers_about_capacity(capacity, device)
    if capacity is not None and arguments.prompt is not None:
        figures |= request_figures(capacity, *lengths)
        answers += [how_many_of_my_requests_fit(capacity, *lengths), when_do_they_preempt(capacity, *lengths)]
    if arguments.requests is not None:
        figures["memory_for_requests"] = layout.memory_for_requests(arguments.requests, *lengths)
        answers.append(what_do_requests_need(layout, arguments.requests, *lengths))
    return figures, answers + answers_about_layout(layout)


def _layout(arguments: argparse.Namespace) -> "KVCacheLayout":
    from paged_sim.checks import require_integer
    from paged_sim.sizing.layout import KVCacheLayout
    from paged_sim.sizing.model_source import load_model_shape

    require_integer("max_num_batched_tokens", arguments.max_num_batched_tokens, 1)
    # With async scheduling the next step is on its way before the blocks of the last one are freed.
    steps_in_flight = 1 if arguments.no_async_scheduling else 2
    return KVCacheLayout(
        shape=load_model_shape(arguments.model),
        block_size=arguments.block_size,
        dtype=arguments.dtype,
        kv_cache_dtype=arguments.kv_cache_dtype,
        tensor_parallel_size=arguments.tensor_parallel_size,
        max_in_flight_tokens=steps_in_flight * arguments.max_num_batched_tokens,
    )


def _device(arguments: argparse.Namespace, layout: "KVCacheLayout") -> "DeviceMemory | None":
    from paged_sim.sizing.device_memory import DeviceMemory, weights_per_device
    from paged_sim.sizing.sizes import parse_size

    if arguments.device_memory is None:
        return None
    weights = parse_size(arguments.weights, "weights") if arguments.weights is not None else None
    share = arguments.gpu_memory_utilization
    return DeviceMemory(
        total=parse_size(arguments.device_memory, "device_memory"),
        weights=weights_per_device(layout, weights),
        other=0 if arguments.other_memory is None else parse_size(arguments.other_memory, "other_memory"),
        gpu_memory_utilization=DEFAULT_UTILIZATION if share is None else share,
    )


def _capacity(
    arguments: argparse.Namespace, layout: "KVCacheLayout", device: "DeviceMemory | None"
) -> "KVCacheCapacity | None":
    from paged_sim.sizing.capacity import KVCacheCapacity
    from paged_sim.sizing.sizes import parse_size

    if device is None and arguments.memory is None:
        return None
    memory = device.kv_cache if device else parse_size(arguments.memory, "memory")
    max_model_len = layout.shape.default_max_model_len if arguments.max_model_len is None else arguments.max_model_len
    return KVCacheCapacity(layout=layout, memory=memory, max_model_len=max_model_len)


def _print_models(as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from paged_sim.sizing.layout import KVCacheLayout
    from paged_sim.sizing.presets import presets
    from paged_sim.sizing.report import layout_figures

    models = [
        layout_figures(KVCacheLayout(shape=preset.shape)) | {"names": preset.names, "sources": preset.sources}
        for preset in presets()
    ]
    if as_json:
        print(json.dumps(models, indent=2))
        return
    table = Table()
    table.add_column("Model", no_wrap=True)
    for heading in ("Layers", "KV heads", "Head size", "Bytes per token"):
        table.add_column(heading, justify="right")
    for model in models:
        sizes = (model[name] for name in ("num_layers", "num_kv_heads", "head_size", "bytes_per_token"))
        table.add_row(model["model"], *(f"{size:,}" for size in sizes))
    Console().print(table)


def _print_report(figures: dict[str, Any], answers: "list[Answer]") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console, table = Console(), Table("Figure", "Value")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), escape(_in_words(name, value)))
    console.print(table)
    for answer in answers:
        console.print(f"\n[bold]{escape(answer.question)}[/bold] ({', '.join(answer.issues)})", highlight=False)
        console.print(escape(answer.text), highlight=False)


def _in_words(name: str, value: Any) -> str:
    from paged_sim.sizing.sizes import format_size

    if name in _IN_BYTES or name.startswith("memory_for"):
        return f"{format_size(value)} ({value:,} bytes)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
