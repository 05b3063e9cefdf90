"""Errors that a user can act on: the command line prints them without a traceback.

```
InferenceError
├── BaseModelError          the base model is missing, incomplete or of an unknown kind
├── AdapterError            a LoRA adapter that must not reach the engine; lists every problem at once
├── ChatError               messages that cannot become a prompt
│   └── PromptTooLongError
├── SamplingError           a sampling parameter out of its range
├── EngineStartError        vLLM did not start; carries the root cause
│   └── MemoryBudgetError
├── EngineEndedError        the engine's own process has ended
└── MergeError              a merge that was refused or that failed its check
```
"""

from collections.abc import Sequence


class InferenceError(Exception):
    """Base of all errors of this package: one sentence on what is wrong, one on what to do."""


class BaseModelError(InferenceError):
    """The base model cannot be found, read or trusted."""


class AdapterError(InferenceError):
    """A LoRA adapter that vLLM would refuse, or worse, would serve wrongly.

    Attributes:
        problems: one sentence for each problem found, all of them, not only the first.
    """

    def __init__(self, adapter: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"LoRA adapter {adapter} cannot be used:\n" + "\n".join(f"  - {p}" for p in self.problems))


class ChatError(InferenceError, ValueError):
    """Messages that no chat format can turn into a prompt."""


class PromptTooLongError(ChatError):
    """The prompt and one answer token do not fit into the context."""


class SamplingError(InferenceError, ValueError):
    """A sampling parameter is outside its range."""


class EngineStartError(InferenceError):
    """vLLM did not start. The message holds the root cause, not vLLM's last line."""


class MemoryBudgetError(EngineStartError):
    """The memory cannot hold the model, or its KV cache cannot hold one request."""


class EngineEndedError(InferenceError):
    """The engine's own process has ended, as on a GPU after an error in a kernel; a new engine can be made."""


class MergeError(InferenceError):
    """A merge was refused, or the merged model does not answer as the unmerged one does."""
