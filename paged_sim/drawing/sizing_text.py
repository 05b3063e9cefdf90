"""What a trial of a model on a device says in words: heading, figures with their products, and answers."""

from html import escape

from paged_sim.sizing.answer import Answer
from paged_sim.sizing.capacity_answers import (
    answers_about_capacity,
    how_many_of_my_requests_fit,
    when_do_they_preempt,
)
from paged_sim.sizing.layout import KVCacheLayout
from paged_sim.sizing.layout_answers import answers_about_layout
from paged_sim.sizing.sizes import format_size
from paged_sim.sizing.trial import Trial

_NOT_COUNTED = "activations and CUDA graphs, which vLLM measures when it starts; so these are upper bounds"


def sizing_heading(trial: Trial) -> str:
    """Returns the model, the device, and how many requests fit if any do."""
    settings = trial.settings
    size, devices = format_size(settings.device_bytes), settings.tensor_parallel_size
    heading = f"{settings.shape.name} on " + (f"{devices} devices of {size} each" if devices > 1 else size)
    if trial.requests_at_once is None:
        return heading
    at_once = num_requests(trial.requests_at_once)
    return f"{heading}: {at_once} of {settings.prompt:,} + {settings.output:,} tokens at once"


def num_requests(number: int) -> str:
    """Returns a number of requests in words."""
    return f"{number:,} request{'' if number == 1 else 's'}"


def sizing_rows(trial: Trial) -> dict[str, str]:
    """Returns the figures by name, each with what it is made from, as far as the trial got."""
    layout, capacity, settings = trial.layout, trial.capacity, trial.settings
    if layout is None:
        return {}
    on_each = " on each device" if layout.tensor_parallel_size > 1 else ""
    rows = {f"Bytes per token{on_each}": _token_as_product(layout), f"Bytes per block{on_each}": _block_size(layout)}
    if capacity is None:
        return rows
    memory, block = format_size(capacity.memory), format_size(layout.bytes_per_block)
    rows["Blocks"] = f"{memory} / {block} = {capacity.num_blocks:,}, of which one is the null block"
    if capacity.fits:
        logged = f"a concurrency of {capacity.max_concurrency:.2f}x for max_model_len {capacity.max_model_len:,}"
        rows["KV tokens"] = f"{capacity.num_tokens:,}, as vLLM logs them with {logged}"
    if trial.requests_at_once is not None:
        rows["Requests at once"] = (
            f"{trial.requests_at_once:,} of {settings.prompt:,} + {settings.output:,} tokens to their end, "
            f"{trial.requests_on_average:,.1f} on average over all stages of their answers"
        )
    return rows | {"Not counted": _NOT_COUNTED}


def sizing_html(trial: Trial) -> str:
    """Returns heading, problem, figures and folded answers as HTML."""
    parts = [f"<p><b>{escape(sizing_heading(trial))}</b></p>"]
    if trial.problem is not None:
        parts.append(f"<p>⚠ {escape(trial.problem)}</p>")
    rows = "".join(f"<tr>{_cell('th', name)}{_cell('td', text)}</tr>" for name, text in sizing_rows(trial).items())
    if rows:
        parts.append(f"<table>{rows}</table>")
    answers = "".join(map(_answer_html, _answers(trial)))
    if answers:
        parts.append(f"<details><summary>What users of vLLM ask about this</summary>{answers}</details>")
    return "".join(parts)


def _cell(tag: str, text: str) -> str:
    # Notebooks centre the one and put the other on the right.
    return f'<{tag} style="text-align: left">{escape(text)}</{tag}>'


def _token_as_product(layout: KVCacheLayout) -> str:
    shape, dtype = layout.shape, layout.cache_dtype
    vector = f"{shape.head_size} x {dtype.value_bits / 8:g} byte{'' if dtype.value_bits == 8 else 's'}"
    if dtype.scale_bytes:
        vector = f"({vector} + {dtype.scale_bytes} bytes of scale)"
    product = f"2 x {shape.num_layers} layers x {layout.num_kv_heads} KV heads x {vector}"
    if shape.uses_mla:
        latent = f"{layout.bytes_per_token_and_layer:,} bytes (a latent vector of {shape.head_size} in {dtype.name})"
        product = f"{shape.num_layers} layers x {latent}"
    return f"{product} = {layout.bytes_per_token:,} bytes"


def _block_size(layout: KVCacheLayout) -> str:
    num_bytes = f"{layout.bytes_per_block:,} bytes ({format_size(layout.bytes_per_block)})"
    if not layout.is_mixed:
        return f"{layout.block_size} tokens x {layout.bytes_per_token:,} bytes = {num_bytes}"
    layers = f"{layout.bytes_per_block // layout.page_bytes} layers of a table"
    return f"{layers} x {layout.block_size} tokens x {layout.bytes_per_token_and_layer:,} bytes = {num_bytes}"


def _answers(trial: Trial) -> list[Answer]:
    if trial.layout is None:
        return []
    answers = []
    if trial.requests_at_once is not None:
        lengths = trial.settings.prompt, trial.settings.output
        answers.append(how_many_of_my_requests_fit(trial.capacity, *lengths))
        answers.append(when_do_they_preempt(trial.capacity, *lengths))
    if trial.capacity is not None:
        answers += answers_about_capacity(trial.capacity, trial.device)
    return answers + answers_about_layout(trial.layout)


def _answer_html(answer: Answer) -> str:
    issues = escape(", ".join(answer.issues))
    return f"<p><b>{escape(answer.question)}</b> {escape(answer.text)} <small>({issues})</small></p>"
