"""An engine without a model: it answers with the question in capitals, and fails where the question asks it to."""

import os
import time
from collections.abc import Sequence
from typing import Any

from inference.errors import EngineEndedError, PromptTooLongError
from inference.results import GenerationResult

TOO_LONG, ENDS_THE_PROCESS, ENDS_THE_ENGINE, IS_A_BUG = "too long", "end the process", "end the engine", "a bug"
SECONDS_PER_CALL = 0.3


class FakeEngine:
    """Stands in for `VLLMInferenceWithLoRA`.

    Attributes:
        calls: the adapters of each call.
        closed: whether `close` was called.
    """

    def __init__(self) -> None:
        self.calls: list[list[str | None]] = []
        self.closed = False

    def prompt_tokens(self, messages: Sequence[dict[str, str]], *, adapter: str | None = None) -> int:
        text = messages[-1]["content"]
        if TOO_LONG in text:
            raise PromptTooLongError("The prompt has 9,999 tokens.")
        return len(text.split())

    def generate_batch_detailed(
        self, conversations: Sequence[Any], *, adapters: Sequence[str | None] | None = None, **options: Any
    ) -> list[GenerationResult]:
        adapters = [None] * len(conversations) if adapters is None else adapters
        lengths = [self.prompt_tokens(messages) for messages in conversations]
        texts = [messages[-1]["content"] for messages in conversations]
        if any(ENDS_THE_PROCESS in text for text in texts):
            os._exit(3)
        if any(ENDS_THE_ENGINE in text for text in texts) and os.environ.get("FAKE_ENGINE_STARTS") == "1":
            raise EngineEndedError("The engine's process has ended.")
        if any(IS_A_BUG in text for text in texts):
            raise KeyError("no such thing")
        self.calls.append(list(adapters))
        time.sleep(SECONDS_PER_CALL)
        return [
            GenerationResult(text.upper(), (1, 2, 3), length, "stop", 0.1, 0.2, adapter)
            for text, length, adapter in zip(texts, lengths, adapters, strict=True)
        ]

    def close(self) -> None:
        self.closed = True


def start(settings: Any) -> FakeEngine:
    """Counts the starts of this process."""
    os.environ["FAKE_ENGINE_STARTS"] = str(int(os.environ.get("FAKE_ENGINE_STARTS", "0")) + 1)
    return FakeEngine()
