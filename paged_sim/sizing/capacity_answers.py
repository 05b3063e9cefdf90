"""Answers that need a model and an amount of memory."""

import math

from paged_sim.sizing.answer import Answer
from paged_sim.sizing.capacity import KVCacheCapacity
from paged_sim.sizing.device_memory import DeviceMemory
from paged_sim.sizing.layer_groups import LayerGroup
from paged_sim.sizing.layout import KVCacheLayout, computed_tokens
from paged_sim.sizing.sizes import format_size

_BLOCK_ISSUES = ("#8185", "#10517", "#11391", "#4382", "PR #2031")
_CONCURRENCY_ISSUES = ("#8031", "#27017", "#14350", "#14412")


def answers_about_capacity(capacity: KVCacheCapacity, device: DeviceMemory | None = None) -> list[Answer]:
    """Returns all answers that hold for any requests.

    Args:
        capacity: the KV cache.
        device: how the memory of its device is divided, None if only that of the KV cache is known.
    """
    answers = [
        where_do_the_blocks_come_from(capacity),
        does_max_model_len_fit(capacity),
        how_many_of_the_longest_fit(capacity),
        does_a_concurrency_of_one_suffice(capacity),
        is_the_prefix_cache_gone(capacity),
    ]
    if capacity.layout.is_mixed:
        answers.append(why_is_the_logged_size_odd(capacity))
    if device is not None:
        answers += [why_is_the_device_full(capacity, device), which_utilization(capacity, device)]
    return answers


def where_do_the_blocks_come_from(capacity: KVCacheCapacity) -> Answer:
    """Returns the products and the division that lead from bytes to blocks."""
    layout = capacity.layout
    text = (
        f"{_block_as_product(layout)} {format_size(capacity.memory)} / {format_size(layout.bytes_per_block)} = "
        f"{capacity.num_blocks:,} blocks of {layout.block_size} tokens. Block 0 is the null block, so "
        f"{capacity.num_usable_blocks:,} hold tokens."
    )
    return Answer("Where does the number of blocks come from?", text, _BLOCK_ISSUES)


def does_max_model_len_fit(capacity: KVCacheCapacity) -> Answer:
    """Returns whether vLLM starts, and the greatest length with which it does."""
    length, layout = capacity.max_model_len, capacity.layout
    verdict = "fits; at most" if capacity.fits else "does not fit: at most"
    needed, least = layout.blocks_at_start_up(length) + 1, format_size(layout.memory_for_max_model_len(length))
    text = (
        f"max_model_len {length:,} {verdict} {capacity.longest_fitting_len:,} tokens. It needs {needed:,} blocks, the "
        f"null block included ({least}); there are {capacity.num_blocks:,}."
    )
    issues = ("#2418", "OpenRLHF #336", "QwenLM/Qwen3 #295", "PR #2163")
    return Answer("Is the longest sequence larger than the KV cache?", text, issues)


def how_many_of_the_longest_fit(capacity: KVCacheCapacity) -> Answer:
    """Returns the concurrency that vLLM logs, and what it leaves out."""
    held = capacity.layout.blocks_at_start_up(capacity.max_model_len)
    logs = "vLLM logs" if capacity.fits else "vLLM refuses to start, else it would log"
    text = (
        f"{logs} a KV cache of {capacity.num_tokens:,} tokens and a maximum concurrency of "
        f"{capacity.max_concurrency:.2f}x for {capacity.max_model_len:,} tokens per request: {capacity.num_blocks:,} "
        f"blocks / {held:,}. It is no limit, since requests hold blocks for the tokens that they have, not for those "
        "that they may get."
    )
    return Answer("How many requests of the greatest length fit?", text, _CONCURRENCY_ISSUES)


def how_many_of_my_requests_fit(capacity: KVCacheCapacity, prompt: int, output: int) -> Answer:
    """Returns how many requests of given lengths fit.

    Args:
        capacity: the KV cache.
        prompt: tokens of each prompt, at least 1.
        output: tokens of each answer, at least 1.
    """
    blocks = capacity.layout.blocks_of_request(computed_tokens(prompt, output))
    text = (
        f"A request of {prompt:,} + {output:,} tokens holds {blocks:,} blocks at its end (the last token has no keys). "
        f"{capacity.requests_at_once(prompt, output):,} run to their end without a preemption; spread over all stages "
        f"of their answers, {capacity.requests_on_average(prompt, output):,.1f} fit on average."
    )
    return Answer("How many of my requests fit at once?", text, _CONCURRENCY_ISSUES)


def when_do_they_preempt(capacity: KVCacheCapacity, prompt: int, output: int) -> Answer:
    """Returns from how many requests on the cache is too small, and what a preemption then costs.

    Args:
        capacity: the KV cache.
        prompt: tokens of each prompt, at least 1.
        output: tokens of each answer, at least 1.
    """
    safe, average = capacity.requests_at_once(prompt, output), capacity.requests_on_average(prompt, output)
    text = (
        f"Never with max_num_seqs {safe:,} or less. Above {average:,.1f} requests in mixed stages the blocks run out "
        f"all the time: the latest request gives its blocks back and is computed again from its first token, up to "
        f"{computed_tokens(prompt, output):,} tokens of work for nothing. V1 has no swapping (`--preemption-mode` is "
        "gone). Fewer running requests or a watermark give more throughput then."
    )
    issues = ("#18115", "#16832", "#25538", "GAIR-NLP/LIMO #29")
    return Answer("When are my requests preempted?", text, issues)


def is_the_prefix_cache_gone(capacity: KVCacheCapacity) -> Answer:
    """Returns why the usage falls to 0 % after the last request while its contents can still be hit."""
    layout, usable = capacity.layout, capacity.num_usable_blocks
    text = (
        f"No. The usage counts blocks in block tables. After the last request all {usable:,} blocks are free, "
        f"and those that are full keep their hash: up to {usable * layout.block_size:,} tokens can be hit until new "
        "tokens need the room."
    )
    return Answer("Usage fell to 0 %: is my prefix cache gone?", text, ("#12077", "#5176"))


def does_a_concurrency_of_one_suffice(capacity: KVCacheCapacity) -> Answer:
    """Returns the edge at which vLLM logs 1.00x and yet no request of the greatest length fits."""
    blocks = capacity.layout.blocks_at_start_up(capacity.max_model_len)
    text = (
        f"A request of {capacity.max_model_len:,} tokens needs {blocks:,} blocks beside the null block. With no more "
        f"than {blocks:,} in all, the concurrency is 1.00x, and vLLM 0.32 refuses to start; {blocks + 1:,} suffice."
    )
    return Answer("Does a concurrency of 1.00x suffice?", text, ("#39734", "PR #47272"))


def why_is_the_logged_size_odd(capacity: KVCacheCapacity) -> Answer:
    """Returns why the tokens that vLLM logs for a model with several kinds of layers mislead."""
    kinds = ", ".join(_in_words(group) for group in dict.fromkeys(capacity.layout.groups))
    text = (
        f"{len(capacity.layout.groups)} block tables ({kinds}) draw from one pool. The {capacity.num_tokens:,} tokens "
        f"hold for requests of {capacity.max_model_len:,}, most of which have left the windows. Short requests keep "
        f"their tokens in all tables, so fewer fit; {capacity.num_blocks:,} blocks x {capacity.layout.block_size} says "
        "nothing."
    )
    return Answer("Why is the logged size odd for this model?", text, ("#40691", "#51041", "#48435", "PR #14097"))


def why_is_the_device_full(capacity: KVCacheCapacity, device: DeviceMemory) -> Answer:
    """Returns how vLLM divides the device before the first request comes."""
    one = capacity.layout.bytes_per_block * capacity.layout.blocks_of_request(capacity.max_model_len)
    text = (
        f"vLLM takes {device.gpu_memory_utilization:g} x {format_size(device.total)} = {format_size(device.requested)} "
        f"when it starts, whatever the load: {format_size(device.weights)} for weights, {format_size(device.other)} "
        f"for other uses, {format_size(device.kv_cache)} for keys and values. One request of "
        f"{capacity.max_model_len:,} tokens needs {format_size(one)} of the last."
    )
    if not device.other:
        text += " Activations and CUDA graphs, which vLLM measures, are not counted: this is an upper bound."
    return Answer("Why does a small model fill the device?", text, ("#235", "#550", "#736", "#4723"))


def which_utilization(capacity: KVCacheCapacity, device: DeviceMemory) -> Answer:
    """Returns the least `gpu_memory_utilization` with which vLLM starts, and what a hundredth more brings."""
    least = device.utilization_for(capacity.layout.memory_for_max_model_len(capacity.max_model_len))
    hundredth = device.total // 100
    # Rounded up: the number that is shown must suffice.
    shown = math.ceil(least * 1000) / 1000
    more = "or more" if least <= 1 else "(impossible)"
    text = (
        f"max_model_len {capacity.max_model_len:,} takes {shown:.3f} {more}. Each 0.01 is {format_size(hundredth)}, "
        f"or {hundredth / capacity.layout.bytes_per_block:,.1f} blocks. The share counts the whole device: other "
        "processes and what is allocated after the start need the remainder."
    )
    return Answer("Which gpu_memory_utilization?", text, ("#1298", "#19186", "#15783", "#46803", "#18582", "#7768"))


def _block_as_product(layout: KVCacheLayout) -> str:
    size, dtype = layout.shape.head_size, layout.cache_dtype.name
    token = f"key and value of {layout.num_kv_heads} KV heads x {size} in {dtype}"
    if layout.shape.uses_mla:
        token = f"a latent vector of {size} in {dtype}"
    layers = layout.bytes_per_block // layout.page_bytes
    return (
        f"A block is {layers} layers x {layout.block_size} tokens x {layout.bytes_per_token_and_layer:,} bytes "
        f"({token}) = {layout.bytes_per_block:,} bytes."
    )


def _in_words(group: LayerGroup) -> str:
    kind = "full attention" if group.window is None else f"window {group.window:,}"
    return f"{group.num_layers} layers of {kind}"
