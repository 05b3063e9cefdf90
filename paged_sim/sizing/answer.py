"""An answer to what users of vLLM ask about the size of the KV cache."""

from typing import NamedTuple


class Answer(NamedTuple):
    """A question, and its answer in short sentences with their numbers.

    Attributes:
        question: as users put it.
        text: the answer.
        issues: where it was asked: issues of vllm-project/vllm, or of another project by its name.
    """

    question: str
    text: str
    issues: tuple[str, ...]
