"""Answers that need a model but no amount of memory."""

from paged_sim.sizing.answer import Answer
from paged_sim.sizing.layout import KVCacheLayout, computed_tokens
from paged_sim.sizing.model_source import load_model_shape
from paged_sim.sizing.sizes import format_size

_FORMULA_ISSUES = ("#22291", "#18121", "#21348")


def answers_about_layout(layout: KVCacheLayout) -> list[Answer]:
    """Returns all answers that hold for any amount of memory and any requests."""
    answers = [
        can_i_use_the_papers_formula(layout),
        what_does_the_block_size_change(layout),
        why_is_the_hit_rate_odd(layout),
    ]
    return answers if _paper_bytes_per_token(layout) == _stored_bytes_per_token(layout) else [*answers, issue_22291()]


def can_i_use_the_papers_formula(layout: KVCacheLayout) -> Answer:
    """Returns what 2 x hidden size x layers x bytes gives for this model.

    Section 3 of the PagedAttention paper has it for OPT, where each attention head has keys and values of its own.
    """
    shape, stored, paper = layout.shape, _stored_bytes_per_token(layout), _paper_bytes_per_token(layout)
    num_bytes = layout.cache_dtype.value_bits / 8
    product = f"2 x hidden size {shape.hidden_size:,} x {shape.num_layers} layers x {num_bytes:g} bytes = {paper:,}"
    verdict = f"{paper / stored:.4g} times the {stored:,} bytes that a token takes. {_why_the_formula_fails(layout)}"
    if paper == stored:
        verdict = "which is right here, since each attention head has keys and values of its own"
    return Answer("Can I use the formula of the paper?", f"{product}, {verdict}.", _FORMULA_ISSUES)


def issue_22291() -> Answer:
    """Returns the mistake of issue #22291, which sized Qwen2.5-7B by that formula with 8 bytes for an 8-bit value."""
    shape = load_model_shape("Qwen2.5-7B")
    right = KVCacheLayout(shape=shape).bytes_per_token
    wrong = 2 * shape.hidden_size * shape.num_layers * 8
    shared = shape.num_heads // shape.num_kv_heads
    text = (
        f"For Qwen2.5-7B somebody computed 2 x {shape.hidden_size:,} x {shape.num_layers} x 8 = {wrong:,} bytes a "
        f"token, {wrong // right} times the {right:,} that it takes: {shared} times since {shared} attention heads "
        f"share a KV head, {wrong // right // shared} times since a value has 2 bytes, not 8."
    )
    return Answer("How far off can the formula be?", text, _FORMULA_ISSUES)


def what_does_the_block_size_change(layout: KVCacheLayout) -> Answer:
    """Returns what stays empty in the last block of a request, on average over all lengths."""
    empty = (layout.block_size - 1) / 2
    tables = len(layout.groups)
    wasted = int(tables * layout.bytes_per_block * empty / layout.block_size)
    each = f" in each of {tables} block tables" if layout.is_mixed else ""
    text = (
        f"With blocks of {layout.block_size} tokens, {empty:g} slots of a request's last block stay empty on average"
        f"{each}: {format_size(wasted)} a request. Smaller blocks waste less, and let shorter prefixes be shared."
    )
    return Answer("What does the block size change?", text, ("#6868", "#6513", "#2331", "vllm-ascend #7563"))


def why_is_the_hit_rate_odd(layout: KVCacheLayout) -> Answer:
    """Returns which prompts hit, and how much of them, with blocks of this size."""
    size = layout.block_size
    prompt = 4 * size
    text = (
        f"Only full blocks are hit, and the last token is always computed. So a shared prefix of fewer than {size} "
        f"tokens never hits, and a prompt of {prompt:,} tokens that is asked again hits {prompt - size:,} of them, "
        f"{100 * (prompt - size) // prompt} %. A preempted request hits its own blocks: vLLM 0.32 counts those apart, "
        "else even random prompts have hits."
    )
    return Answer("Why is the hit rate odd?", text, ("#25780", "#54607", "#31920", "#11072", "#17954"))


def what_do_requests_need(layout: KVCacheLayout, num_requests: int, prompt: int, output: int) -> Answer:
    """Returns the memory for a number of requests of given lengths.

    Args:
        layout: the KV cache.
        num_requests: at least 1.
        prompt: tokens of each prompt, at least 1.
        output: tokens of each answer, at least 1.
    """
    memory = layout.memory_for_requests(num_requests, prompt, output)
    blocks = layout.blocks_of_request(computed_tokens(prompt, output))
    text = (
        f"{num_requests:,} requests x {blocks:,} blocks + the null block = "
        f"{memory // layout.bytes_per_block:,} blocks, {format_size(memory)} on each device. "
        "Requests that share a prefix need less."
    )
    return Answer("How much memory do my requests need?", text, ("#8031", "#18121", "#21348"))


def _why_the_formula_fails(layout: KVCacheLayout) -> str:
    if layout.shape.uses_mla:
        return "What is stored is one latent vector for all heads"
    if layout.shape.num_kv_heads == layout.shape.num_heads and layout.cache_dtype.scale_bytes:
        return f"Each key and each value has a scale of {layout.cache_dtype.scale_bytes} bytes beside it"
    return "What counts is the KV heads"


def _paper_bytes_per_token(layout: KVCacheLayout) -> int:
    return 2 * layout.shape.hidden_size * layout.shape.num_layers * layout.cache_dtype.value_bits // 8


def _stored_bytes_per_token(layout: KVCacheLayout) -> int:
    """Without the copies that tensor parallelism makes where there are fewer KV heads than devices."""
    return KVCacheLayout(shape=layout.shape, dtype=layout.dtype, kv_cache_dtype=layout.cache_dtype.name).bytes_per_token
