"""A question to a freshly loaded adapter: does it change anything at all?"""

import warnings
from typing import Any

from inference.adapter_checks import AdapterWarning
from inference.adapter_registry import LoadedAdapter


def warn_if_silent(llm: Any, loaded: LoadedAdapter) -> None:
    """Warns if the engine gives the same probability with the adapter as without it.

    An adapter whose layer names vLLM does not match is loaded without an error and then ignored. Base and adapter are
    asked in calls of their own, one token each.
    """
    if _probability(llm, None) == _probability(llm, loaded.request):
        warnings.warn(
            f"The adapter {loaded.name!r} was loaded but changes nothing: vLLM answers a test prompt exactly as "
            "without it. Its layer names may not match the served model.",
            AdapterWarning,
            stacklevel=4,
        )


def _probability(llm: Any, lora_request: Any) -> list[float]:
    from vllm import SamplingParams
    from vllm.inputs import TokensPrompt

    ids = llm.get_tokenizer().encode("The quick brown fox jumps over the lazy dog")
    params = SamplingParams(max_tokens=1, temperature=0, logprobs=1)
    [output] = llm.generate(TokensPrompt(prompt_token_ids=ids), params, use_tqdm=False, lora_request=lora_request)
    [first] = output.outputs[0].logprobs
    return [entry.logprob for entry in first.values()]
