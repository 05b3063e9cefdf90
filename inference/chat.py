"""From messages to the token ids of a prompt."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inference.errors import ChatError, PromptTooLongError

Message = dict[str, str]
ROLES = ("system", "user", "assistant")


class ChatWarning(UserWarning):
    """The prompt is not in the format that the model was trained on."""


def check_messages(messages: Sequence[Message]) -> None:
    """Raises ChatError unless `messages` is a non-empty list of `{"role": …, "content": …}` with known roles."""
    if isinstance(messages, (str, bytes, dict)) or not isinstance(messages, Sequence):
        raise ChatError(
            f"messages must be a list of messages, got {type(messages).__name__}. "
            'For one question: [{"role": "user", "content": "…"}].'
        )
    if not messages:
        raise ChatError("messages is empty: give at least one message with the role user.")
    for index, message in enumerate(messages):
        _check_message(message, f"messages[{index}]")


def _check_message(message: Any, place: str) -> None:
    if not isinstance(message, dict) or not {"role", "content"} <= message.keys():
        raise ChatError(f"{place} must be a dict with 'role' and 'content', got {message!r}")
    if message["role"] not in ROLES:
        raise ChatError(f"{place} has the role {message['role']!r}; known roles are {', '.join(ROLES)}.")
    if not isinstance(message["content"], str):
        raise ChatError(f"{place} must have text as content, got {type(message['content']).__name__}.")


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """Renders conversations for one model or adapter.

    Attributes:
        tokenizer: a Transformers tokenizer.
        template: chat template that replaces the tokenizer's own, such as an adapter's; None keeps it.
    """

    tokenizer: Any
    template: str | None = None

    def __post_init__(self) -> None:
        if not self.has_template:
            warnings.warn(
                "This model has no chat template: messages are written role by role (System: … User: … Assistant:), "
                "which it may not have been trained on.",
                ChatWarning,
                stacklevel=3,
            )

    @property
    def has_template(self) -> bool:
        """Whether a chat template is known."""
        return bool(self.template or getattr(self.tokenizer, "chat_template", None))

    def token_ids(self, messages: Sequence[Message]) -> list[int]:
        """Returns the prompt that asks for the assistant's next message, as token ids.

        Raises:
            ChatError: the messages are malformed, or the template refuses them.
        """
        check_messages(messages)
        if not self.has_template:
            return self.tokenizer.encode(plain_text(messages))
        try:
            return self.tokenizer.apply_chat_template(
                list(messages),
                chat_template=self.template,
                add_generation_prompt=True,
                tokenize=True,
                return_dict=False,
            )
        except Exception as error:  # jinja2 raises several kinds, the template's own texts among them
            raise ChatError(f"The chat template refuses these messages: {error}") from error


def plain_text(messages: Sequence[Message]) -> str:
    """Writes a conversation role by role, for models without a chat template."""
    lines = [f"{message['role'].capitalize()}: {message['content']}" for message in messages]
    return "\n".join([*lines, "Assistant:"])


def check_length(prompt_tokens: int, max_model_len: int) -> None:
    """Raises PromptTooLongError unless the prompt leaves room for one token of answer."""
    if prompt_tokens + 1 > max_model_len:
        raise PromptTooLongError(
            f"The prompt has {prompt_tokens:,} tokens; the context holds {max_model_len:,}, of which at least one "
            "is the answer's. Shorten the prompt, or start with a larger max_model_len if the model allows it."
        )
